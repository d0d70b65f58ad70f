"""The engine: one recurrent spiking network that decodes a bin, then learns from it by e-prop."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from eprop_rt.annealing import SlowChange
from eprop_rt.build import Mask, Network, bring_to_rest, build_network, build_state, steps
from eprop_rt.comparison import GradientComparison, Look
from eprop_rt.config import EpropSettings
from eprop_rt.cost import Cost
from eprop_rt.engine_cost import Measured, engine_cost
from eprop_rt.errors import DataError
from eprop_rt.feedback import Feedback
from eprop_rt.kernels import steady
from eprop_rt.kernels.scale import Statistics
from eprop_rt.kernels.step import forward
from eprop_rt.memory import Memory
from eprop_rt.online import OnlineLearner
from eprop_rt.readout import build_readout_rule
from eprop_rt.rehearsal import Past, Rehearsal
from eprop_rt.scale import RunningScale, Unscaled
from eprop_rt.series import F32, F64
from eprop_rt.snapshot import Arrays, copied, named, prefixed, write_back
from eprop_rt.structs import Floats, Weights
from eprop_rt.update import Update


@dataclass(frozen=True, slots=True)
class Trainable:
    """What offline training reads and writes of an engine: the parts themselves, not copies."""

    settings: EpropSettings
    bin_s: float
    network: Network
    feedback: Feedback
    update: Update  # with which rehearsal goes on afterwards
    inputs: RunningScale
    targets: RunningScale | Unscaled


class Engine:
    """Owns weights and state. A bin is `predict_one`, then `learn_one`, then `rehearse`.

    `predict_one` moves the network's state and nothing that is learned; `learn_one` and
    `rehearse` write weights and statistics. A caller that wants a frozen decoder calls
    `predict_one` alone, and `resume` before it learns again. A label that comes later goes to
    `relabel`; a learning signal of the caller's own (reward, error potential) to `reinforce`.
    """

    def __init__(
        self,
        settings: EpropSettings,
        inputs: int,
        outputs: int,
        bin_s: float,
        feedback: Floats | None = None,
    ) -> None:
        """`feedback` (neurons, outputs): a matrix for random or adaptive feedback to start from."""
        network = build_network(settings, inputs, outputs, bin_s)
        kept = max(
            steps(settings.rehearsal.memory_s, bin_s),
            2 * steps(settings.rehearsal.segment_s, bin_s),
        )
        self.events: Counter[str] = Counter()
        self.settings, self.bin_s = settings, bin_s
        self._network = network
        self._softmax = settings.loss == "softmax"
        self._state = build_state(network)
        self._input_scale = RunningScale(settings.inputs, inputs, bin_s)
        self._target_scale: RunningScale | Unscaled = (
            Unscaled() if self._softmax else RunningScale(settings.targets, outputs, bin_s)
        )
        self._memory = Memory(kept, inputs, outputs)
        self._past = Past(self._memory, self._input_scale, self._target_scale)
        self._slow = SlowChange(settings, network, bin_s)
        self._feedback = Feedback(settings, network, feedback)
        self._online = OnlineLearner(settings, network, bin_s)
        self._forward = steady(forward)
        self._readout = build_readout_rule(settings.readout, network.weights.w_out, bin_s)
        self._rehearsal = Rehearsal(settings, network, bin_s)
        dtype = network.params.alpha.dtype
        self._x = np.zeros(inputs, dtype)
        self._target = np.zeros(outputs, dtype)
        self._signal = np.zeros(network.neurons, dtype)  # of `reinforce`
        self._external = settings.online.feedback == "external"
        self._bin: F32 = np.zeros(inputs, np.float32)

    def predict_one(self, x: F32) -> F64:
        """Decode one bin x (inputs,); returns the output (outputs,) in the units of the labels.

        What is not finite counts as 0, as in a bin to which nothing was added. With softmax the
        output is the probability of each class.
        """
        self._bin[:] = x
        if self._input_scale.clean_and_apply(self._bin, self._x):
            self.events["input_not_finite"] += 1
        online, network = self._online, self._network
        scale = online.traces.scale
        self._forward(network.params, network.weights, online.passes, scale, self._state, self._x)
        return self._target_scale.undo(self._said(self._state.y))

    def learn_one(self, label: F32) -> None:
        """Learn from the label (outputs,) of the bin predicted last; NaN where there is none.

        With `online.label_delay_s` what is learned from now is the bin of so long ago, with the
        label that it has by now.
        """
        due = self._online.remember(self._state, self._said(self._state.y), label)
        if due is not None:
            self._learn_from(due)
        self._slow.advance(self._state.z)
        self._memory.append(self._bin, label)
        self._input_scale.learn_one(self._bin)
        self._target_scale.learn_one(label)

    def _learn_from(self, slot: int) -> None:
        past = self._online.history
        self._target_scale.apply(past.label[slot], self._target)
        error = self._error(past.y[slot])
        signal = self._signal if self._external else error
        self.events["update_refused"] += not self._online.learn_one(self._feedback.matrix, signal)
        self._signal[:] = 0
        if error.any():
            features = past.features[slot]
            if len(past.y) > 1:  # the readout of now, not of then
                error = self._error(self._said(features @ self._network.weights.w_out))
            self.events["readout_restarted"] += not self._readout.learn_one(features, error)
            self._feedback.follow()

    def _error(self, output: Floats) -> Floats:
        error: Floats = output - self._target
        absent = np.isnan(self._target)
        error[absent.any() if self._softmax else absent] = 0
        return error

    def _said(self, y: Floats) -> Floats:
        if not self._softmax:
            return y
        odds: Floats = np.exp(y - y.max())
        odds /= odds.sum()
        return odds

    def relabel(self, age: int, label: F32) -> bool:
        """Take the label (outputs,) of the bin learned from `age` bins before the newest one.

        It meets that bin's own eligibility where it comes within `online.label_delay_s`, and
        rehearsal knows it as long as the memory goes back. False, and nothing is learned, where
        it comes later than both; a label that the bin had before is replaced, but for axes on
        which this one is absent.
        """
        before = self._memory.relabel(age, label)
        in_time = self._online.relabel(age, label)
        if before is not None and np.isnan(before).all():
            self._target_scale.learn_one(label)
        return before is not None or in_time

    def reinforce(self, signal: float | Floats) -> None:
        """Set the learning signal of the next `learn_one`, with `online.feedback: external`.

        A number for all neurons or one each (neurons,); positive makes the spikes that led here
        less likely, as an error does. Raises DataError where it does not fit.
        """
        if not self._external:
            raise DataError("a learning signal came, but online.feedback is not external: set it")
        given = np.asarray(signal, self._signal.dtype)
        if given.shape not in ((), self._signal.shape):
            raise DataError(
                f"a learning signal {given.shape} came: give a number, or {self._signal.shape}"
            )
        self._signal[:] = given

    def rehearse(self) -> None:
        """Learn from the past, this bin's share of it."""
        if not self._rehearsal.due(self._past):
            return
        self._online.sync()
        refused = self._rehearsal.run(self._past, self._feedback.matrix)
        self.events["rehearsal_refused"] += refused
        self._feedback.follow()

    def study(self, x: F32, label: F32) -> None:
        """Take one bin x (inputs,) of a recorded past, and its label (outputs,), undecoded.

        It counts for the statistics that scale, and rehearsal will know it; no weight moves.
        """
        seen = np.where(np.isfinite(x), x, 0).astype(np.float32)
        self._memory.append(seen, label)
        self._input_scale.learn_one(seen)
        self._target_scale.learn_one(label)

    def trainable(self) -> Trainable:
        """What offline training works on, every weight written. `reset` when it is done."""
        self._online.sync()
        self._rehearsal.join()
        return Trainable(
            self.settings,
            self.bin_s,
            self._network,
            self._feedback,
            self._rehearsal.update,
            self._input_scale,
            self._target_scale,
        )

    def compare_gradients(self, segments: int = 16) -> GradientComparison | None:
        """E-prop's gradient beside that of backpropagation through time, at the weights of now.

        Over the newest `segments` segments of rehearsal's length in memory; None while there is
        none, or where learning signals are external. Reads only.
        """
        kept = self._written()
        return self._rehearsal.compare(kept, self._past, self._feedback.matrix, segments)

    def look(self, segments: int = 2) -> Look:
        """Norms of weights and of e-prop's gradient over the newest `segments` segments.

        Segments of rehearsal's length in memory. Reads only: unlike `weights` it leaves what is
        pending as it is, so that nothing changes by a bit.
        """
        kept = self._written()
        return self._rehearsal.look(kept, self._past, self._feedback.matrix, segments)

    def _written(self) -> Weights:
        return Weights(self._online.written(), self._network.weights.w_out)

    def spikes(self) -> Mask:
        """Which neurons spiked at the newest step (neurons,)."""
        fired: Mask = self._state.z > 0
        return fired

    def hears(self) -> bool:
        """Whether anything has varied at its inputs, as far as it has learned them."""
        return bool(self._input_scale.scale.any())

    def eligibility_cosine(self) -> float | None:
        """How this engine's online gradient lies to that of full e-prop, over its newest segment.

        The cosine of the two, 1 with `online.eligibility: full`; None while there is no past.
        Reads only.
        """
        eligibility = self._online.rule.eligibility
        return self._rehearsal.cosine(
            self._written(), self._past, self._feedback.matrix, eligibility
        )

    def reset(self) -> None:
        """Bring the network to rest, as after a gap in the stream; what it learned stays."""
        bring_to_rest(self._state)
        self._online.forget()

    def resume(self) -> None:
        """Start learning again after frozen bins: their eligibility was never traced."""
        self._online.forget()

    def weights(self) -> Weights:
        """Copies of the weights as they are after every bin learned from.

        w (P, N) presynaptic-major, or (S,) of the synapses that exist; w_out (F, M).
        """
        self._online.sync()
        return Weights(*(w.copy() for w in self._network.weights))

    def cost(self) -> Cost:
        """What the newest bin took, by the formulae of engine_cost.py; reads only."""
        online = self._online
        measured = Measured(
            self.settings, self._network, self._state, online.passes, online.traces, self.bin_s
        )
        return engine_cost(measured, self._arrays())

    def learned(self) -> Arrays:
        """What learning has written, by name; the arrays themselves, the past not among them.

        Nothing is written for it: what is pending is among them. Whoever writes to them calls
        `reverted`.
        """
        return (
            named(self._network.weights, "weights")
            | prefixed("input_scale", self._input_scale.arrays())
            | prefixed("target_scale", self._target_scale.arrays())
            | prefixed("slow", self._slow.arrays())
            | prefixed("feedback", self._feedback.arrays())
            | prefixed("online", self._online.learned())
            | prefixed("readout", self._readout.arrays())
            | prefixed("rehearsal", self._rehearsal.learned())
        )

    def reverted(self) -> None:
        """What `learned` says was written from outside: forget traces and gradients under way."""
        self._online.forget()
        self._rehearsal.forget()

    def label_statistics(self) -> Statistics | None:
        """Of the labels so far, in place; None with softmax."""
        scale = self._target_scale
        return None if isinstance(scale, Unscaled) else scale.statistics

    def adopt(self, settings: EpropSettings) -> None:
        """Go on as if built with these `settings`, which differ in hot ones (`eprop_rt.hot`)."""
        self.settings = settings
        self._online.adopt(settings, self._network, self.bin_s)
        self._readout.set_rate(settings.readout.learning_rate)
        self._rehearsal.adopt(settings.rehearsal)

    def clipped(self) -> dict[str, int]:
        """How many steps were shortened to `update_norm` and `clip_norm` so far."""
        return {"update": self._online.clipped, "rehearsal": self._rehearsal.update.clipped}

    def snapshot(self, into: Arrays | None = None) -> Arrays:
        """Copies of everything that decides the future, by name; over those `into` that fit."""
        return copied(self._arrays(), into)

    def restore(self, snapshot: Arrays) -> None:
        """Continue from `snapshot`; raises RestoreError where it belongs to another network."""
        write_back(snapshot, self._arrays())

    def _arrays(self) -> Arrays:
        return (
            named(self._network.weights, "weights")
            | named(self._state, "state")
            | prefixed("input_scale", self._input_scale.arrays())
            | prefixed("target_scale", self._target_scale.arrays())
            | prefixed("memory", self._memory.arrays())
            | prefixed("slow", self._slow.arrays())
            | prefixed("feedback", self._feedback.arrays())
            | prefixed("online", self._online.arrays())
            | prefixed("readout", self._readout.arrays())
            | prefixed("rehearsal", self._rehearsal.arrays())
            | {"bin": self._bin, "signal": self._signal}
        )
