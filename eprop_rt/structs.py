"""The network as named tuples of arrays: what kernels read and write.

Sizes: K inputs, N neurons, M outputs, G membrane time-constant groups, P = K + N + 1
presynaptic rows (inputs, neurons, and one row that is always 1: the bias), H lagged bins,
Q fading traces of every input, F = N + H K + Q K + 1 readout features (filtered spikes, lagged
inputs newest first, traces, and 1).
All floating arrays and scalars share one dtype, float32 or float64.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]
Marks = NDArray[np.uint8]  # 1 or 0
Scalar = np.floating[Any]

# Of the eligibility trace: exact, or without adaptation and with the filter dropped or moved.
ELIGIBILITIES: Final = ("full", "unfiltered", "presynaptic_filter", "rank_one")
FULL, UNFILTERED, PRESYNAPTIC_FILTER, RANK_ONE = range(4)


class Params(NamedTuple):
    """What a build fixes for good: decays per step, thresholds, sizes."""

    alpha: Floats  # (N,) membrane decay of each neuron
    rho: Floats  # (N,) adaptation decay
    beta: Floats  # (N,) adaptation strength; 0 makes a LIF neuron
    group_start: Ints  # (G + 1,) neurons group_start[g] .. group_start[g + 1] share one alpha
    group_alpha: Floats  # (G,)
    alpha_s: Scalar  # decay of the synaptic current; 0: spikes drive the membrane itself
    reset: Floats  # (N,) what a spike takes off the voltage at the next step
    v_th: Scalar  # the unit of voltage
    threshold: Floats  # (N,) at rest; annealing and homeostasis write it
    surrogate: int  # index into kernels.surrogate.KINDS
    shape: Floats  # (2,) height and width (in v_th, 1 / slope) of it; annealing writes them
    escape: bool  # spikes are drawn from the noise that the surrogate is the density of
    seed: int  # of those draws
    refractory: int  # steps without a spike after a spike
    kappa: Scalar  # decay of the readout filter
    kappa_in: Scalar  # weight of the newest step in that filter
    trace: Floats  # (Q,) decay of each kind of trace of the inputs
    trace_in: Floats  # (Q,) weight of the newest bin in it: white noise keeps its variance
    carries: bool  # the output is itself the filter, and carries the readout weights of the past
    kappa_e: Scalar  # decay of the eligibility trace's filter
    kappa_e_in: Scalar  # weight of the newest step in that filter


class Weights(NamedTuple):
    """What learning changes."""

    w: Floats  # (P, N) presynaptic-major: inputs, neurons, bias
    w_out: Floats  # (F, M)


class Membrane(NamedTuple):
    """What a neuron keeps from step to step; written in place."""

    v: Floats  # (N,) voltage
    current: Floats  # (N,) synaptic current
    a: Floats  # (N,) adaptation
    wait: Ints  # (N,) refractory steps left


class State(NamedTuple):
    """What one step hands to the next; every array is written in place."""

    membrane: Membrane
    z: Floats  # (N,) spikes of the newest step, 0 or 1
    psi: Floats  # (N,) pseudo-derivative of the newest step
    drive: Floats  # (N,) scratch: sum_i W_ij s_i
    pre: Floats  # (P,) inputs and spikes that drove the newest step
    features: Floats  # (F,) what the readout sees
    y: Floats  # (M,) newest output, in scaled units
    carried: Floats  # (M,) the part of it that carries readout weights of the past, if so
    steps: Ints  # (1,) steps so far: which random numbers come next


class Term(NamedTuple):
    """What one step hands to the synapse pass: all it knows are vectors.

    zs <- alpha_s zs + s and zb_g <- alpha_g zb_g + zs (both are of this step), e_ij of psi_j and
    zb_i, and W_ij += column_j ebar_ij + direct_j zb_i.
    """

    s: Floats  # (P,) what entered the presynaptic traces
    zs: Floats  # (P,) trace of the synaptic current; s itself where alpha_s is 0
    zb: Floats  # (G, P) presynaptic trace, one row a membrane time constant
    psi: Floats  # (N,)
    column: Floats  # (N,) -eta L; L itself where an optimiser has the rate
    direct: Floats  # (N,), or (0,): nothing goes past the eligibility trace


class OnlineRule(NamedTuple):
    """How one step of online learning goes."""

    rate: Scalar  # eta; -1 where an optimiser has the rate, so that column is L
    per_neuron: bool  # eta is divided by the root mean square of each neuron's gradient
    decay: Scalar  # of that mean square
    tiny: Scalar  # added to its root
    rate_strength: Scalar  # pull of the running firing rate f_j to its target
    rate_target: Scalar  # spikes a step
    rate_decay: Scalar  # of f_j
    spike_l1: Scalar
    voltage_l2: Scalar
    keep: Scalar  # share of a weight that a step leaves, where the pass does not see to it
    cap: Scalar  # bound on the norm of a step; infinite: none
    eligibility: int  # index into ELIGIBILITIES


class OnlineTraces(NamedTuple):
    """What online learning keeps of the past, per neuron and per presynaptic row."""

    zs: Floats  # (P,) trace of the synaptic current
    zb: Floats  # (G, P) presynaptic trace, one row a membrane time constant
    zk: Floats  # (G, P) that, filtered once more, or (0, 0)
    psi_bar: Floats  # (N,) filtered psi
    f: Floats  # (N,) running mean of spikes
    ebar_norm: Floats  # (N,) bound on the norm of a neuron's eligibilities
    eps_norm: Floats  # (N,) likewise of eps_a
    square: Floats  # (N,) running mean square of a neuron's gradients
    squares: Ints  # (1,) how many are in it
    scale: Floats  # (1,) true weights are scale times those stored
    signal: Floats  # (N,) scratch: L
    column: Floats  # (N,) scratch
    direct: Floats  # (N,) scratch, or (0,)
    zb_norm: Floats  # (G,) scratch
    error: Floats  # (M,) scratch
    clipped: Ints  # (1,) steps that were shortened


class History(NamedTuple):
    """The newest D + 1 steps, for labels that come up to D steps late: vectors only."""

    pre: Floats  # (D + 1, P)
    psi: Floats  # (D + 1, N)
    z: Floats  # (D + 1, N)
    v: Floats  # (D + 1, N)
    features: Floats  # (D + 1, F)
    y: Floats  # (D + 1, M) outputs; probabilities after a softmax
    label: Floats  # (D + 1, M) in units of the labels, NaN where there is none
    steps: Ints  # (1,) steps remembered


class Live(NamedTuple):
    """Everything of a network that learns as it runs."""

    params: Params
    weights: Weights
    passes: Any  # state of the synapse pass
    rule: OnlineRule
    traces: OnlineTraces
    history: History
    state: State


class Moments(NamedTuple):
    """State of Adam for one weight array, flat."""

    m: Floats
    v: Floats


class Objective(NamedTuple):
    """What, beside weights and targets, says which gradient is asked for. Plain numbers."""

    softmax: bool = False  # cross entropy after a softmax; else half the squared error
    warm_up: int = 0  # the first steps carry no error
    rate_strength: float = 0.0  # of half the squared distance of each neuron's rate from
    rate_target: float = 0.01  # this, in spikes a step
    spike_l1: float = 0.0  # of each neuron's rate
    voltage_l2: float = 0.0  # of half each neuron's mean squared voltage
    error_knee: float = 0.0  # beyond it an error counts in proportion; 0: all are squared
    label_knee: float = 0.0  # a step counts as 1 / |target| beyond it; 0: all count alike
    eligibility: int = 0  # index into ELIGIBILITIES
    through_recurrence: bool = False  # with the next: backpropagation through time
    through_reset: bool = False
