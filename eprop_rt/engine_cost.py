"""What a bin takes in the engine, counted at the newest one; cost.py says what counts.

Sizes as in structs.py, S synapses. Decoding: inputs are graded and cost MACs, spikes cost ACs, and
the readout sees filtered spikes: MACs. Learning, a step:

    traces        G P, and P for a synaptic current; errors carried back: N M
    dense         3 S, or 7 S where any neuron adapts; 1 S more for a penalty on voltage
    outer         S of the rows whose trace is not zero
    deferred      rows that are read at once, all others once in R steps: 4 or 8 a synapse
    accumulated   likewise, none at once; 2 or 3 a synapse of what enters; then the optimiser
    event         rows that are read, and all once in a frame of H steps: 2 + 3 D a synapse
    window        of the middle two: R N (3 U + 1), or R N (6 U + 5), U 2 with a synaptic current
    readout       delta F M; adam 7 F M; rls 3 F^2 + F M
    rehearsal     a rehearsed step: K N + P N of the products over time, N M + 2 F M; an update by
                  Adam 6 a weight; its spikes N ACs each, taken to be as many as now
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from eprop_rt.build import Network, steps
from eprop_rt.config import EpropSettings
from eprop_rt.cost import Cost, effective, share_of_zeros, size_of
from eprop_rt.kernels.schedules.structs import (
    ADAM,
    MOMENTUM,
    Accumulated,
    Deferred,
    Dense,
    Event,
    Pending,
    Synapses,
)
from eprop_rt.snapshot import Arrays
from eprop_rt.structs import Floats, Ints, OnlineTraces, State

ADAM_MACS = 6  # a weight: two means, a root's square, a quotient, two corrections
READ = tuple(
    ["weights.", "state."]
    + [f"{of}_scale.{what}" for of in ("input", "target") for what in ("mean", "scale")]
)


@dataclass(frozen=True, slots=True)
class Measured:
    """An engine as it is after a bin."""

    settings: EpropSettings
    network: Network
    state: State
    passes: Any
    traces: OnlineTraces
    bin_s: float


def engine_cost(engine: Measured, arrays: Arrays) -> Cost:
    """Of the newest bin, with all that a snapshot keeps."""
    network, state = engine.network, engine.state
    inputs, spikes = fan_out(engine)
    w, w_out = network.weights
    decoding = {key: a for key, a in arrays.items() if key.startswith(READ)}
    possible = network.rows * network.neurons - network.neurons  # no autapses
    rehearsed, rehearsed_acs = rehearsal_operations(engine)
    learning = online_macs(engine) + readout_macs(engine) + rehearsed
    return Cost(
        footprint_bytes=size_of(decoding),
        learning_footprint_bytes=size_of(arrays) - size_of(decoding),
        connection_sparsity=1 - np.count_nonzero(w) / possible,
        activation_sparsity=share_of_zeros(state.z),
        macs=inputs + effective(w_out[:-1], state.features[:-1]),
        acs=spikes,
        learning_macs=learning,
        learning_acs=rehearsed_acs,
    )


def fan_out(engine: Measured) -> tuple[float, float]:
    """Weights that are not zero of the inputs, and of the spikes, that drove the newest step."""
    network, k = engine.network, engine.network.inputs
    w = network.weights.w
    if network.connected is None:
        each = np.count_nonzero(w, axis=1)
    else:
        rows = np.nonzero(network.connected)[0]
        each = np.bincount(rows, weights=w != 0, minlength=network.rows)
    driven = engine.state.pre != 0
    return float(each[:k][driven[:k]].sum()), float(each[k:-1][driven[k:-1]].sum())


def online_macs(engine: Measured) -> float:
    """Traces, signals and the synapse pass of one step."""
    if engine.settings.online.optimiser == "none":
        return 0.0
    network, traces = engine.network, engine.traces
    shared = network.rows * (traces.zb.shape[0] + (network.params.alpha_s != 0))
    return float(shared + network.neurons * network.outputs + pass_macs(engine))


def pass_macs(engine: Measured) -> float:
    """Of the schedule at hand."""
    passes, direct = engine.passes, len(engine.traces.direct) > 0
    pre = engine.state.pre
    match passes:
        case Dense():
            size = synapse_count(passes.synapses)
            return float(size * ((7 if adapts(passes) else 3) + direct))
        case Deferred():
            pending = passes.pending
            read = active(pending.synapses, pre)
            rest = (synapse_count(pending.synapses) - read) / slots(pending)
            return window_macs(pending, direct) + row_macs(pending) * (read + rest)
        case Accumulated():
            return accumulated_macs(passes, pre, direct)
        case Event():
            exponentials, length = len(passes.frames.decay), passes.frames.history.shape[1]
            size = synapse_count(passes.synapses)
            written = active(passes.synapses, pre) + size / length
            return float((2 + 3 * exponentials) * written)
    traced: Floats = np.abs(engine.traces.zb).max(axis=0)
    return active(passes.synapses, traced) if direct else 0.0


def accumulated_macs(passes: Accumulated, pre: Floats, direct: bool) -> float:
    """Windows that close, what enters them, and the optimiser's share of a step."""
    pending, rule = passes.pending, passes.optimiser.rule
    size = synapse_count(pending.synapses)
    entering = (3 if adapts(pending) else 2) * active(pending.synapses, pre)
    each = {MOMENTUM: 2, ADAM: ADAM_MACS}.get(rule.kind, 1)
    closing = size / slots(pending) * (row_macs(pending) + each / rule.every)
    return window_macs(pending, direct) + entering + closing


def window_macs(pending: Pending, direct: bool) -> float:
    """The rule, applied to units."""
    kinds, _, length, n = pending.window.units.shape
    each = 6 * kinds + 5 if adapts(pending) else 3 * kinds + 1
    return float(length * n * (each + kinds * direct))


def row_macs(pending: Pending) -> float:
    """What a synapse costs where its row is written."""
    return 8.0 if adapts(pending) else 4.0


def slots(pending: Pending) -> int:
    """R."""
    return len(pending.window.due) - 1


def adapts(passes: Dense | Pending) -> bool:
    """Whether synapses have a trace of adaptation."""
    return len(passes.traces.eps_a) > 0


def synapse_count(synapses: Synapses) -> int:
    """S."""
    return int(synapses.first[-1, -1])


def active(synapses: Synapses, pre: Floats) -> float:
    """Synapses of the rows that are not zero."""
    each: Ints = synapses.first[:, -1] - synapses.first[:, 0]
    return float(each[pre != 0].sum())


def readout_macs(engine: Measured) -> float:
    """Of the readout's own rule."""
    features, outputs = engine.network.weights.w_out.shape
    products = features * outputs
    match engine.settings.readout.rule:
        case "delta":
            return float(products)
        case "adam":
            return float((1 + ADAM_MACS) * products)
        case "rls":
            return float(3 * features**2 + products)
        case "none":
            return 0.0


def rehearsal_operations(engine: Measured) -> tuple[float, float]:
    """MACs and ACs of this bin's share."""
    settings, network = engine.settings.rehearsal, engine.network
    rows, n, outputs = network.rows, network.neurons, network.outputs
    products = len(network.weights.w_out) * outputs
    step = network.inputs * n + rows * n + n * outputs + 2 * products
    between = steps(settings.segment_s, engine.bin_s) * settings.segments_per_update
    update = ADAM_MACS * (rows * n + products) / between
    spikes = float(engine.state.z.sum()) * n
    return settings.steps_per_bin * (step + update), settings.steps_per_bin * spikes
