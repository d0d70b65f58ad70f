"""Optimisers for a part of a row, while its gradient is in the cache."""

import numpy as np

from eprop_rt.kernels import compiled
from eprop_rt.kernels.schedules.rows import inlined
from eprop_rt.kernels.schedules.structs import (
    ADAM,
    MOMENTUM,
    ON_EBAR,
    SGD,
    UNIT_EBAR,
    UNIT_W,
    Optimiser,
    Row,
    Source,
    Step,
    Traces,
    UpdateRule,
)
from eprop_rt.structs import Floats, Scalar


@compiled
def prepare_step(w: Floats, rule: UpdateRule, number: int) -> Step:
    """What update `number`, counted from 1, needs of the rule.

    Adam divides each moment by its share of the past (Kingma & Ba 2015): the two shares go into
    the rate and into what is added to the root.
    """
    real, rate, tiny = w.dtype.type, float(rule.rate), float(rule.tiny)
    if rule.kind == ADAM and number > 0:
        share = np.sqrt(1.0 - float(rule.second_decay) ** number)
        rate *= share / (1.0 - float(rule.first_decay) ** number)
        tiny *= share
    least = real(1e-17 if w.itemsize == 4 else 1e-150)
    b1, b2 = real(rule.first_decay), real(rule.second_decay)
    return Step(real(rate), real(tiny), b1, b2, least)


@inlined
def mean(old: Scalar, decay: Scalar, share: Scalar, new: Scalar, least: Scalar) -> Scalar:
    """decay old + share new, or 0."""
    value = decay * old + share * new
    return value if abs(value) > least else value - value


@compiled
def update_weights(
    w: Floats, gradient: Floats, low: int, high: int, o: Optimiser, step: Step
) -> None:
    """One update of synapses low .. high.

    momentum: m <- b1 m + g; w -= rate m
    Adam (Kingma & Ba 2015): means of g and of its square; w -= rate m / root v
    """
    one, least, least2 = w.dtype.type(1.0), step.least, step.least * step.least
    base, count, rate, tiny = np.uint64(low), np.uint64(high - low), step.rate, step.tiny
    for k in range(count):
        gradient[k] = gradient[k] if abs(gradient[k]) > least else one - one
    if o.rule.kind == SGD:
        for k in range(count):
            w[base + k] -= rate * gradient[k]
    elif o.rule.kind == MOMENTUM:
        for k in range(count):
            m = mean(o.m[base + k], step.b1, one, gradient[k], least2)
            o.m[base + k] = m
            w[base + k] -= rate * m
    elif o.rule.kind == ADAM:
        for k in range(count):
            g = gradient[k]
            m = mean(o.m[base + k], step.b1, one - step.b1, g, least2)
            v = mean(o.v[base + k], step.b2, one - step.b2, g * g, least2)
            o.m[base + k] = m
            o.v[base + k] = v
            w[base + k] -= rate * m / (np.sqrt(v) + tiny)


@inlined
def adapt_row(
    w: Floats, traces: Traces, source: Source, row: Row, o: Optimiser, step: Step
) -> None:
    """`write_plain` and Adam in one sweep: memory is what it waits for."""
    ebar, past, units, z, m, v = traces.ebar, source.past, source.units, source.spread, o.m, o.v
    one, nothing, at, s = w.dtype.type(1.0), w.dtype.type(0.0), row.synapse, row.slot
    least, least2 = step.least, step.least * step.least
    for k in range(row.size):
        zb, old = row.zb * z[k], ebar[at + k]
        g = past[ON_EBAR, s, k] * old + zb * units[UNIT_W, s, k]
        new = row.keep * old + zb * units[UNIT_EBAR, s, k]
        ebar[at + k] = new if abs(new) > traces.tiny else nothing
        g = g if abs(g) > least else nothing
        m[at + k] = mean(m[at + k], step.b1, one - step.b1, g, least2)
        v[at + k] = mean(v[at + k], step.b2, one - step.b2, g * g, least2)
        w[at + k] -= step.rate * m[at + k] / (np.sqrt(v[at + k]) + step.tiny)
