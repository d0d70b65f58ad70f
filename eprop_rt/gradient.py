"""The gradient of one segment: forward, error, the neurons' adjoint, one matrix product."""

import numpy as np

from eprop_rt.kernels.segment import Segment, adjoint_segment, forward_segment
from eprop_rt.structs import Params, Weights


def add_segment_gradient(
    params: Params, weights: Weights, segment: Segment, warm_up: int, gradient: Weights
) -> int:
    """Add dE/dw and dE/dw_out of `segment` to `gradient`, E = 1/2 sum (y - target)^2.

    The network starts from rest; the first `warm_up` steps and NaN targets carry no error.
    Reads segment.x and segment.target, overwrites the rest. Recurrence and reset are cut: this is
    e-prop (Bellec et al. 2020, eq. 1) with every sum over time exchanged with the synapses.
    Returns how many target values carried an error.
    """
    inputs, n = segment.x.shape[1], segment.z.shape[1]
    w_rec = weights.w[inputs : inputs + n]
    np.matmul(segment.x, weights.w[:inputs], out=segment.drive)
    np.add(segment.drive, weights.w[-1], out=segment.drive)
    forward_segment(params, w_rec, segment)
    np.matmul(segment.features, weights.w_out, out=segment.error)
    np.subtract(segment.error, segment.target, out=segment.error)
    segment.error[:warm_up] = 0
    absent = np.isnan(segment.error)
    segment.error[absent] = 0
    np.matmul(segment.error, weights.w_out[:n].T, out=segment.signal)
    adjoint_segment(params, w_rec, segment, False, False)
    gradient.w[:inputs] += segment.x.T @ segment.signal
    gradient.w[inputs : inputs + n] += segment.z_before.T @ segment.signal
    gradient.w[-1] += segment.signal.sum(axis=0)
    gradient.w_out[:] += segment.features.T @ segment.error
    return int(segment.error[warm_up:].size - absent[warm_up:].sum())
