"""A population: from what is intended to counts, through one formula for every kind of tuning.

    z = features, or tanh(M [features, 1])                       mixtures of them
    m_i <- k_i m_i + (1 - k_i) W_i z                             each unit's own past of its drive
    drive_i = b_i + W_i z + h_i (m_i - W_i z) + s_i N + C_i xi   h: how much it hears its past
    xi <- q xi + sqrt(1 - q^2) N                                 latents of shared noise
    rate_i = floor_i + span_i bend(clip(drive_i, 0, top))        bend(d) = scale (d / scale)^power

A gain g_i is on the depth of modulation: how far the rate is from that at the drive b_i, which does
not change.  rate_i = floor_i + max(0, span_i base_i + g_i span_i (bent_i - base_i))

With a `width` a unit hears, in place of W_i z, a field of velocity v and position p, its row of W
being (depth, centre c, slope k):  depth max(0, 1 + k.p) exp(-|v - c|^2 / (2 width^2)).

Cosine tuning (Georgopoulos et al. 1982) is W on the intended velocity, scaled by speed (Moran and
Schwartz 1999). The common simulator of the literature (Taeckens and Shah; Zhou and Basu) is
W = 1.5 c / max_accel on the intended change of velocity, s = .3, top = 1, floor and span the least
rate and its distance to the largest, and at most one spike a tick.
"""

import math
from typing import NamedTuple

from eprop_rt.kernels import as_written
from eprop_rt.kernels.closed_loop.draws import Draws, draw, normal, poisson
from eprop_rt.structs import Floats


class Tuning(NamedTuple):
    """How the units hear; written by perturbations."""

    w: Floats  # (U, F) or (U, H); with a width (U, 1 + 2 A)
    b: Floats  # (U,)
    h: Floats  # (U,)
    k: Floats  # (U,) decay of the past a tick
    s: Floats  # (U,)
    c: Floats  # (U, L)
    q: Floats  # (L,)
    m: Floats  # (H, F + 1); H 0: the features as they are
    floor_hz: Floats  # (U,)
    span_hz: Floats  # (U,)
    gain: Floats  # (U,) on the depth of modulation
    alive: Floats  # (U,) 0: nothing is heard
    top: Floats  # (1,)
    width: Floats  # (1,) of fields; 0: there are none
    bend: Floats  # (2,) power and scale
    at_most_one: Floats  # (1,) 1: Bernoulli, 0: Poisson


class Firing(NamedTuple):
    """What it goes on from."""

    features: Floats  # (F,) velocity, change of velocity, position: (A,) each
    z: Floats  # (H,) or (F,)
    past: Floats  # (U,)
    xi: Floats  # (L,)
    rates_hz: Floats  # (U,) of the newest tick
    counts: Floats  # (U,) of the bin so far
    draws: Draws


@as_written
def fire(tuning: Tuning, firing: Firing, dt_s: float) -> None:
    """One tick: rates at the features, and counts added to those of the bin."""
    if tuning.width[0] == 0.0:
        mix(tuning, firing)
    latents = tuning.q.shape[0]
    for n in range(latents):
        q = tuning.q[n]
        firing.xi[n] = q * firing.xi[n] + math.sqrt(1.0 - q * q) * normal(firing.draws)
    inputs = firing.z.shape[0]
    for i in range(tuning.b.shape[0]):
        heard = 0.0
        if tuning.width[0] > 0.0:
            heard = field(tuning, firing, i)
        else:
            for f in range(inputs):
                heard += tuning.w[i, f] * firing.z[f]
        drive = tuning.b[i] + heard
        if tuning.h[i] != 0.0:
            k = tuning.k[i]
            firing.past[i] = k * firing.past[i] + (1.0 - k) * heard
            drive += tuning.h[i] * (firing.past[i] - heard)
        if tuning.s[i] != 0.0:
            drive += tuning.s[i] * normal(firing.draws)
        for n in range(latents):
            drive += tuning.c[i, n] * firing.xi[n]
        span, bent = tuning.span_hz[i], bend(tuning, drive)
        above = span * bent
        if tuning.gain[i] != 1.0:
            base = bend(tuning, tuning.b[i])
            above = max(0.0, span * base + tuning.gain[i] * span * (bent - base))
        rate = tuning.alive[i] * (tuning.floor_hz[i] + above)
        firing.rates_hz[i] = rate
        if tuning.at_most_one[0] > 0.0:
            firing.counts[i] += 1.0 if draw(firing.draws) < rate * dt_s else 0.0
        else:
            firing.counts[i] += poisson(firing.draws, rate * dt_s)


@as_written
def bend(tuning: Tuning, drive: float) -> float:
    """What a drive is worth within its bounds."""
    drive = min(max(drive, 0.0), tuning.top[0])
    if tuning.bend[0] == 1.0:
        return drive
    return float(tuning.bend[1] * (drive / tuning.bend[1]) ** tuning.bend[0])


@as_written
def field(tuning: Tuning, firing: Firing, i: int) -> float:
    """A Gaussian of velocity, its height linear in position: it is never below 0."""
    row, features = tuning.w[i], firing.features
    axes = (row.shape[0] - 1) // 2
    gain, square = 1.0, 0.0
    for a in range(axes):
        away = features[a] - row[1 + a]
        square += away * away
        gain += row[1 + axes + a] * features[2 * axes + a]
    if gain <= 0.0:
        return 0.0
    return float(row[0] * gain * math.exp(-0.5 * square / tuning.width[0] ** 2))


@as_written
def mix(tuning: Tuning, firing: Firing) -> None:
    """What the units hear: the features, or mixtures of them."""
    features, hidden = firing.features.shape[0], tuning.m.shape[0]
    if hidden == 0:
        for f in range(features):
            firing.z[f] = firing.features[f]
    for n in range(hidden):
        total = tuning.m[n, features]
        for f in range(features):
            total += tuning.m[n, f] * firing.features[f]
        firing.z[n] = math.tanh(total)
