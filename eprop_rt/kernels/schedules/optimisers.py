"""Optimisers for a stretch of synapses, while their gradient is in the cache."""

import numpy as np

from eprop_rt.kernels import compiled
from eprop_rt.kernels.schedules.structs import ADAM, MOMENTUM, RMS, SGD, Optimiser
from eprop_rt.structs import Floats


@compiled
def update_weights(
    w: Floats, gradient: Floats, low: int, high: int, o: Optimiser, step: int
) -> None:
    """Update number `step`, counted from 1, of synapses low .. high.

    momentum: m <- b1 m + g; w -= rate m      RMS: v <- b2 v + (1 - b2) g^2; w -= rate g / root v
    Adam (Kingma & Ba 2015): both, each divided by its share of the past
    """
    real = w.dtype.type
    base, count = np.uint64(low), np.uint64(high - low)
    rule, one = o.rule, real(1.0)
    rate, b1, b2, tiny = rule.rate, rule.first_decay, rule.second_decay, rule.tiny
    if rule.kind == SGD:
        for k in range(count):
            w[base + k] -= rate * gradient[k]
    elif rule.kind == MOMENTUM:
        for k in range(count):
            m = b1 * o.m[base + k] + gradient[k]
            o.m[base + k] = m
            w[base + k] -= rate * m
    elif rule.kind == RMS:
        for k in range(count):
            v = b2 * o.v[base + k] + (one - b2) * gradient[k] * gradient[k]
            o.v[base + k] = v
            w[base + k] -= rate * gradient[k] / (np.sqrt(v) + tiny)
    elif rule.kind == ADAM:
        scale1 = real(rate / (1.0 - float(b1) ** step))
        scale2 = real(1.0 / (1.0 - float(b2) ** step))
        for k in range(count):
            g = gradient[k]
            m = b1 * o.m[base + k] + (one - b1) * g
            v = b2 * o.v[base + k] + (one - b2) * g * g
            o.m[base + k] = m
            o.v[base + k] = v
            w[base + k] -= scale1 * m / (np.sqrt(v * scale2) + tiny)
