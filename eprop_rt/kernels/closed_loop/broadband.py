"""What electrodes record: the waveforms of their units' spikes, and noise.

    v_e(t) = sum over spikes n of units i on e of a_i w(t - t_n)  +  s N_e(t)  +  c N(t)  +  l(t)
    l(t) = q l(t - 1) + sqrt(1 - q^2) s_l N'(t)

N_e is drawn for every electrode; N and l are in common to all of them.
"""

import math
from typing import NamedTuple

from eprop_rt.kernels import as_written
from eprop_rt.kernels.closed_loop.draws import Draws, draw, normal
from eprop_rt.kernels.closed_loop.spikes import Spikes
from eprop_rt.structs import Floats, Ints


class Electrodes(NamedTuple):
    """Who is heard where, and how large."""

    rate_hz: float
    of_unit: Ints  # (U,) its electrode
    amplitude_uv: Floats  # (U,)
    waveform: Floats  # (T,) of amplitude 1
    noise_uv: float
    common_uv: float
    slow_uv: float
    slow_keep: float


class Voltages(NamedTuple):
    """What the next bin goes on from."""

    tail: Floats  # (T, E) what waveforms that began in this bin add to the next one
    slow: Floats  # (1,)
    draws: Draws


@as_written
def render(electrodes: Electrodes, voltages: Voltages, spikes: Spikes, out: Floats) -> None:
    """Write a bin's samples (n, E), n no fewer than a waveform has."""
    add_noise(electrodes, voltages, out)
    samples, length = out.shape[0], voltages.tail.shape[0]
    for t in range(length):
        for e in range(out.shape[1]):
            out[t, e] += voltages.tail[t, e]
            voltages.tail[t, e] = 0.0
    for n in range(spikes.told[0]):
        unit = spikes.units[n]
        e = electrodes.of_unit[unit]
        start = min(int(spikes.times_s[n] * electrodes.rate_hz), samples - 1)
        for t in range(length):
            v = electrodes.amplitude_uv[unit] * electrodes.waveform[t]
            if start + t < samples:
                out[start + t, e] += v
            else:
                voltages.tail[start + t - samples, e] += v


@as_written
def add_noise(electrodes: Electrodes, voltages: Voltages, out: Floats) -> None:
    """Begin a bin's samples with noise; normal numbers in pairs (Box & Muller 1958)."""
    keep = electrodes.slow_keep
    fresh = electrodes.slow_uv * math.sqrt(1.0 - keep * keep)
    for t in range(out.shape[0]):
        voltages.slow[0] = keep * voltages.slow[0] + fresh * normal(voltages.draws)
        common = voltages.slow[0] + electrodes.common_uv * normal(voltages.draws)
        for e in range(0, out.shape[1], 2):
            radius = math.sqrt(-2.0 * math.log(1.0 - draw(voltages.draws))) * electrodes.noise_uv
            angle = 2.0 * math.pi * draw(voltages.draws)
            out[t, e] = common + radius * math.cos(angle)
            if e + 1 < out.shape[1]:
                out[t, e + 1] = common + radius * math.sin(angle)
