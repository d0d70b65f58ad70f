"""Optimisers for a part of a row, while its gradient is in the cache."""

import numpy as np

from eprop_rt.kernels import compiled
from eprop_rt.kernels.schedules.structs import (
    ADAM,
    MOMENTUM,
    ON_EBAR,
    RMS,
    SGD,
    UNIT_EBAR,
    UNIT_W,
    Optimiser,
    Part,
    Source,
    Step,
    Traces,
    UpdateRule,
)
from eprop_rt.structs import Floats


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
    return Step(real(rate), real(tiny))


@compiled
def update_weights(
    w: Floats, gradient: Floats, low: int, high: int, o: Optimiser, step: Step
) -> None:
    """One update of synapses low .. high.

    momentum: m <- b1 m + g; w -= rate m      RMS: v <- b2 v + (1 - b2) g^2; w -= rate g / root v
    Adam (Kingma & Ba 2015): both, each a mean
    """
    one = w.dtype.type(1.0)
    base, count = np.uint64(low), np.uint64(high - low)
    rate, tiny, b1, b2 = step.rate, step.tiny, o.rule.first_decay, o.rule.second_decay
    if o.rule.kind == SGD:
        for k in range(count):
            w[base + k] -= rate * gradient[k]
    elif o.rule.kind == MOMENTUM:
        for k in range(count):
            m = b1 * o.m[base + k] + gradient[k]
            o.m[base + k] = m
            w[base + k] -= rate * m
    elif o.rule.kind == RMS:
        for k in range(count):
            v = b2 * o.v[base + k] + (one - b2) * gradient[k] * gradient[k]
            o.v[base + k] = v
            w[base + k] -= rate * gradient[k] / (np.sqrt(v) + tiny)
    elif o.rule.kind == ADAM:
        for k in range(count):
            g = gradient[k]
            m = b1 * o.m[base + k] + (one - b1) * g
            v = b2 * o.v[base + k] + (one - b2) * g * g
            o.m[base + k] = m
            o.v[base + k] = v
            w[base + k] -= rate * m / (np.sqrt(v) + tiny)


@compiled
def adapt_part(
    w: Floats, traces: Traces, source: Source, part: Part, o: Optimiser, step: Step
) -> None:
    """`write_part` and Adam in one sweep: memory is what it waits for."""
    ebar, nothing, one = traces.ebar, traces.tiny - traces.tiny, w.dtype.type(1.0)
    past, units, entered = source.past, source.units, source.entered
    z, keep, s = part.zb, part.keep, np.uint64(part.slot)
    n, at, j = np.uint64(part.high - part.low), np.uint64(part.low), np.uint64(part.low - part.row)
    rate, tiny, b1, b2 = step.rate, step.tiny, o.rule.first_decay, o.rule.second_decay
    for k in range(n):
        old = ebar[at + k]
        on = past[ON_EBAR, s, j + k] * old + entered[UNIT_W, j + k]
        g = on + z * units[UNIT_W, s, j + k]
        new = keep * old + z * units[UNIT_EBAR, s, j + k] + entered[UNIT_EBAR, j + k]
        ebar[at + k] = new if abs(new) > traces.tiny else nothing
        m = b1 * o.m[at + k] + (one - b1) * g
        v = b2 * o.v[at + k] + (one - b2) * g * g
        o.m[at + k] = m
        o.v[at + k] = v
        w[at + k] -= rate * m / (np.sqrt(v) + tiny)
