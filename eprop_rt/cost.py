"""What a bin takes: the columns of NeuroBench (Yik et al. 2025), for decoding and for learning.

A MAC is a multiplication, with or without an addition; an AC is an addition alone, where what
comes in is a spike. Effective: only where neither the weight nor what meets it is zero. Constants
(biases) and what a neuron or unit does by itself (decay, threshold, nonlinearity) are not counted.
Learning is not defined there: counted are the operations on weights, traces and covariances that
the newest bin's rule executes, zeros included, beside what was counted for decoding.
"""

from dataclasses import dataclass

import numpy as np

from eprop_rt.snapshot import Arrays
from eprop_rt.structs import Floats


@dataclass(frozen=True, slots=True)
class Cost:
    """Of the newest bin; `footprint_bytes` of weights and state, the other of what learning adds.

    Sparsities are shares of zeros: of the synapses that could be, and of the neurons' outputs at
    this bin; NaN where there are none.
    """

    footprint_bytes: float
    learning_footprint_bytes: float
    connection_sparsity: float
    activation_sparsity: float
    macs: float
    acs: float
    learning_macs: float
    learning_acs: float


def size_of(arrays: Arrays) -> int:
    """Bytes."""
    return sum(array.nbytes for array in arrays.values())


def share_of_zeros(array: Floats) -> float:
    """NaN of nothing."""
    return 1.0 - np.count_nonzero(array) / array.size if array.size else float("nan")


def effective(w: Floats, features: Floats) -> float:
    """Products of `features` (F,) and w (F, M) in which neither is zero."""
    return float(np.count_nonzero(w[features != 0]))


def linear_cost(
    w: Floats, features: Floats, decoding: Arrays, learning: Arrays, learning_macs: float
) -> Cost:
    """Of outputs that are features (F,) times w (F, M), the last feature a constant."""
    return Cost(
        footprint_bytes=size_of(decoding),
        learning_footprint_bytes=size_of(learning),
        connection_sparsity=share_of_zeros(w),
        activation_sparsity=float("nan"),
        macs=effective(w[:-1], features[:-1]),
        acs=0.0,
        learning_macs=learning_macs,
        learning_acs=0.0,
    )
