"""Optimisers over flat arrays."""

import numpy as np

from eprop_rt.kernels import compiled
from eprop_rt.structs import Floats, Moments, Scalar


@compiled
def adam(
    w: Floats, gradient: Floats, moments: Moments, step: int, rate: Scalar, epsilon: float
) -> None:
    """One step of Adam (Kingma & Ba 2015) with decays .9 and .999; clears `gradient`.

    `step` counts from 1; `epsilon` stands beside the root of the corrected moment. All arrays are
    flat; w, moments and gradient are written in place.
    """
    real = w.dtype.type
    b1, b2, tiny, one = real(0.9), real(0.999), real(epsilon), real(1.0)
    scale1 = real(rate / (1.0 - 0.9**step))
    scale2 = real(1.0 / (1.0 - 0.999**step))
    for i in range(w.shape[0]):
        g = gradient[i]
        m = b1 * moments.m[i] + (one - b1) * g
        v = b2 * moments.v[i] + (one - b2) * g * g
        moments.m[i] = m
        moments.v[i] = v
        w[i] -= scale1 * m / (np.sqrt(v * scale2) + tiny)
        gradient[i] = 0


@compiled
def sum_of_squares(values: Floats) -> float:
    """Sum of squares in float64, whatever the dtype; NaN and infinity show."""
    total = 0.0
    for i in range(values.shape[0]):
        total += float(values[i]) * float(values[i])
    return total
