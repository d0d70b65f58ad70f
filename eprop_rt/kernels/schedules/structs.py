"""What a schedule of the synapse pass keeps between two steps.

Sizes: K inputs, N neurons, P = K + N + 1 presynaptic rows, G membrane time-constant groups, S
synapses (P N where all are connected), R steps a window, H steps a frame, D exponentials in zb (1,
or 2 with a synaptic current). Synapses lie row after row: weights are (S,), or (P, N) where all are
connected, which is the same memory.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eprop_rt.structs import Floats, Ints, Scalar

SGD, MOMENTUM, ADAM = range(3)  # UpdateRule.kind

# An axis of Window.past and of Window.units; what concerns eps_a needs a network with adaptation.
ON_EBAR, ON_EPS_A, EPS_A_TO_EBAR, KEEP_EPS_A = range(4)
UNIT_W, UNIT_EBAR, UNIT_EPS_A = range(3)
SUM_COLUMN, SUM_PSI, SUM_W = range(3)  # an axis of the prefix sums of Frames: q, p, r; p, r ...


class Synapses(NamedTuple):
    """Which synapses there are; fixed."""

    first: Ints  # (P, G + 1) row i onto group g is first[i, g] .. first[i, g + 1]
    target: Ints  # (S,) postsynaptic neuron, ascending in a row; (0,) where all are connected
    inputs: int  # K: row K + j is neuron j


class Traces(NamedTuple):
    """Eligibility of every synapse."""

    ebar: Floats  # (S,) eligibility trace through the readout filter
    eps_a: Floats  # (S,), or (0,) in a network without adaptation
    tiny: Scalar  # below this they are zero: no denormals


class Events(NamedTuple):
    """Units that have entered presynaptic traces since the rows began."""

    number: Ints  # (P,)
    slot: NDArray[np.int16]  # (P, R) when
    size: Floats  # (P, R) how many


class Window(NamedTuple):
    """Steps that are learned but not yet written, of `deferred` and `accumulated`."""

    past: Floats  # (1 or 4, R, N) what became of eligibility from before each of the newest R steps
    units: Floats  # (1 or 2, 2 or 3, R, N) and of units of zb; of units that enter zs
    decay: Floats  # (1 or 2, R, N) zb n steps after such a unit
    power: Floats  # (R + 1,) kappa^n
    vectors: Floats  # (4, N) scratch: what the rule needs of a step
    due: Ints  # (R + 1,) rows due[c] .. due[c + 1] have their turn at steps t = c modulo R
    start: Ints  # (P,) first step that is not written in a row
    trace: Floats  # (G, P) presynaptic trace at that step, without what is in zs
    fresh: Ints  # (P,) rows that begin with the next step
    fresh_rows: Ints  # (1,) how many
    events: Events


class Frames(NamedTuple):
    """Prefix sums of `event`, in float64: of the newest frame and of the one before, in turn."""

    now: Floats  # (2, 1 + 2 D, N) over all steps learned
    history: Floats  # (2, H, 1 + 2 D, N) what `now` was before step h of its frame
    ratio: Floats  # (2, D, N) (decay / kappa)^h
    change: Floats  # (1 + 2 D, N) scratch: what was added since a row was written
    decay: Floats  # (D, G) alpha_g, alpha_s: zb is a sum of D exponentials
    mix: Floats  # (D, G) how much of zs is in each
    kappa: float
    start: Ints  # (P,) first step that is not written in a row
    trace: Floats  # (D, G, P) these exponentials at that step


class Row(NamedTuple):
    """One row to be written; places are unsigned, as loops want them."""

    size: np.uint64
    synapse: np.uint64  # its first one
    to: np.uint64  # place of that in what is written
    slot: np.uint64  # of the source
    zb: Scalar  # the presynaptic trace at its start; the size of an event
    keep: Scalar  # kappa^n, n steps ago
    gain: Scalar  # of what is written


class UpdateRule(NamedTuple):
    """What `accumulated` does with a gradient; to allocate a state, plain numbers will do."""

    kind: int = SGD
    every: int = 1  # windows an update
    rate: Scalar | float = 1e-3
    first_decay: Scalar | float = 0.9  # of the mean gradient: momentum, Adam
    second_decay: Scalar | float = 0.999  # of the mean squared gradient: Adam
    tiny: Scalar | float = 1e-8  # added to its root
    keep: Scalar | float = 1.0  # W <- clip(keep W + update, -clamp, clamp)
    clamp: Scalar | float = np.inf


class Step(NamedTuple):
    """One update of a rule."""

    rate: Scalar
    tiny: Scalar
    b1: Scalar
    b2: Scalar
    least: Scalar  # gradients below this, and moments below its square, are zero: no denormals


class Optimiser(NamedTuple):
    """The rule and its state."""

    rule: UpdateRule
    m: Floats  # (S,) or (0,)
    v: Floats  # (S,) or (0,)
    gradient: Floats  # (S,) of windows that are closed but not yet used
    carried: Ints  # (R,) 1 where the rows that are due at slot c use that


class Dense(NamedTuple):
    """The state of `dense`."""

    synapses: Synapses
    traces: Traces
    scratch: Floats  # (7, 2, N) of each neuron; of a row's own
    keep: Scalar  # W <- clip(keep W + update, -clamp, clamp)
    clamp: Scalar


class Source(NamedTuple):
    """What a window has made of what was there when a row began."""

    past: Floats  # (1 or 4, slots, N)
    units: Floats  # (2 or 3, slots, N)
    spread: Floats  # (N,) see rows.spread


class Pending(NamedTuple):
    """Steps that are learned but not written, and where they go."""

    clock: Ints  # (1,) steps learned
    synapses: Synapses
    traces: Traces
    window: Window
    own: Source  # scratch: one slot, for one sparse row's own neurons
    chosen: Ints  # (P,) scratch: rows to write


class Deferred(NamedTuple):
    """The state of `deferred`."""

    pending: Pending


class Accumulated(NamedTuple):
    """The state of `accumulated`."""

    pending: Pending
    optimiser: Optimiser
    block: Floats  # scratch: the gradient of a part of a row


class Event(NamedTuple):
    """The state of `event`."""

    clock: Ints  # (1,) steps learned
    synapses: Synapses
    traces: Traces
    frames: Frames
    chosen: Ints  # (P,) scratch: rows to write


class Outer(NamedTuple):
    """The state of `outer`."""

    synapses: Synapses


PassState = Dense | Deferred | Accumulated | Event | Outer
