"""The network as named tuples of arrays: what kernels read and write.

Sizes: K inputs, N neurons, M outputs, G membrane time-constant groups, P = K + N + 1
presynaptic rows (inputs, neurons, and one row that is always 1: the bias), H lagged bins,
F = N + H K + 1 readout features (filtered spikes, lagged inputs newest first, and 1).
All floating arrays and scalars share one dtype, float32 or float64.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]
Scalar = np.floating[Any]


class Params(NamedTuple):
    """What a build fixes for good: decays per step, thresholds, sizes."""

    alpha: Floats  # (N,) membrane decay of each neuron
    rho: Floats  # (N,) adaptation decay
    beta: Floats  # (N,) adaptation strength; 0 makes a LIF neuron
    group_start: Ints  # (G + 1,) neurons group_start[g] .. group_start[g + 1] share one alpha
    group_alpha: Floats  # (G,)
    kappa: Scalar  # decay of the readout filter
    kappa_in: Scalar  # weight of the newest step in that filter, 1 - kappa
    v_th: Scalar  # threshold at rest
    surrogate: int  # index into kernels.surrogate.KINDS
    gamma: Scalar  # height of the surrogate
    width: Scalar  # width of the surrogate, in thresholds; 1 / slope
    refractory: int  # steps without a spike after a spike


class Weights(NamedTuple):
    """What learning changes."""

    w: Floats  # (P, N) presynaptic-major: inputs, neurons, bias
    w_out: Floats  # (F, M)


class State(NamedTuple):
    """What one step hands to the next; every array is written in place."""

    v: Floats  # (N,)
    a: Floats  # (N,)
    z: Floats  # (N,) spikes of the newest step, 0 or 1
    psi: Floats  # (N,) pseudo-derivative of the newest step
    wait: Ints  # (N,) refractory steps left
    drive: Floats  # (N,) scratch: sum_i W_ij s_i
    pre: Floats  # (P,) inputs and spikes that drove the newest step
    zb: Floats  # (G, P) presynaptic trace, one row a membrane time constant
    features: Floats  # (F,) what the readout sees
    y: Floats  # (M,) newest output, in scaled units


class Traces(NamedTuple):
    """Eligibility of every synapse; eps_a is (0, 0) in a network without adaptation."""

    ebar: Floats  # (P, N) eligibility trace through the readout filter
    eps_a: Floats  # (P, N)


class Moments(NamedTuple):
    """State of Adam for one weight array, flat."""

    m: Floats
    v: Floats
