"""What a step of a Kalman filter takes."""

from eprop_rt.baselines.linear_gaussian import Model
from eprop_rt.cost import Cost, share_of_zeros, size_of
from eprop_rt.snapshot import Arrays


def filter_cost(model: Model, decoding: Arrays, learning: Arrays, learning_macs: float) -> Cost:
    """With S states and K channels.

    A s: S^2; A P A': 2 S^3; P C'Q^-1 C: S^3; elimination for S right-hand sides: 4/3 S^3;
    x - C s and C' Q^-1 of it: 2 K S; P times that: S^2. Its activations are graded: MACs.
    """
    channels, size = model.c.shape
    return Cost(
        footprint_bytes=size_of(decoding),
        learning_footprint_bytes=size_of(learning),
        connection_sparsity=share_of_zeros(model.c),
        activation_sparsity=float("nan"),
        macs=2 * size**2 + (2 + 1 + 4 / 3) * size**3 + 2 * channels * size,
        acs=0.0,
        learning_macs=learning_macs,
        learning_acs=0.0,
    )
