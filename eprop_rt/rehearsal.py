"""Rehearsal: learning, between two bins, from segments of the session's own past."""

from dataclasses import dataclass

import numpy as np

from eprop_rt.aligned import aligned
from eprop_rt.approximation import cosine
from eprop_rt.build import Network, build_segment, steps
from eprop_rt.comparison import GradientComparison, Look, compared, look_at
from eprop_rt.config import EpropSettings, RehearsalSettings
from eprop_rt.gradient import add_segment_gradient
from eprop_rt.kernels.counter import uniform
from eprop_rt.kernels.dropout import silence
from eprop_rt.lead import Lead
from eprop_rt.memory import Memory
from eprop_rt.objective import Score, per_label, segment_objective
from eprop_rt.scale import RunningScale, Unscaled
from eprop_rt.structs import FULL, Floats, Ints, Objective, Weights
from eprop_rt.update import Update, dense

FIRST_DRAW = 2**62  # of spikes that are drawn: far from those of the live network
FIRST_SILENCE = 2**61  # of draws of what is silent: far from those of starts


@dataclass(frozen=True, slots=True)
class Past:
    """What is rehearsed, and the scales that it is seen in now."""

    memory: Memory
    inputs: RunningScale
    targets: RunningScale | Unscaled


class Rehearsal:
    """Draws segments, adds up their e-prop gradient, and updates by Adam every so many segments.

    The share of a bin is fixed by the settings (a fraction is carried over) and draw number c is a
    pure function of (seed, c), so that a session replays to the bit. Weights of compressed
    connectivity are spread out for it, and gathered again after an update.
    """

    def __init__(self, settings: EpropSettings, network: Network, bin_s: float) -> None:
        own, penalties = settings.rehearsal, settings.penalties
        self._network = network
        self._seed = settings.seed
        self._length = steps(own.segment_s, bin_s)
        self._per_bin = own.steps_per_bin / self._length
        self._per_update = own.segments_per_update
        self._segment = build_segment(
            network.params,
            self._length,
            network.inputs,
            len(network.weights.w_out),
            network.outputs,
        )
        warm_up = min(round(own.warm_up_s / bin_s), self._length - 1)
        self._objective = segment_objective(settings, bin_s, self._length, warm_up)._replace(
            error_knee=own.error_knee or 0.0, label_knee=own.label_knee or 0.0
        )
        self._lead = Lead(network, own.average_updates)
        self.update = Update(self._lead.network, penalties, own.learning_rate, own.clip_norm)
        self._weights = self.update.weights
        self._symmetric = settings.online.feedback == "symmetric"
        self._silent = own.silent_inputs
        self._gradient = Weights(*(aligned(w.shape, w.dtype) for w in self._weights))
        self._owed = np.zeros(1)
        self._counts: Ints = np.zeros(3, np.int64)  # draws, segments and labels in the gradient

    def due(self, past: Past) -> bool:
        """Count this bin's share; whether it amounts to a segment."""
        if len(past.memory) < 2 * self._length:
            return False
        self._owed[0] += self._per_bin
        return bool(self._owed[0] >= 1)

    def run(self, past: Past, feedback: Floats) -> int:
        """Rehearse what is due, errors carried back by `feedback` (N, M).

        Symmetric feedback is the readout of the weights that are rehearsed, whatever comes.
        Returns how many updates were refused as not finite. The weights must have been written.
        """
        refused = 0
        self._lead.begin()
        self.update.spread()
        back = self._weights.w_out[: self._network.neurons] if self._symmetric else feedback
        while self._owed[0] >= 1:
            self._owed[0] -= 1
            self._rehearse_one(past, back)
            if self._counts[1] == self._per_update:
                refused += not self._update()
        self._lead.end()
        return refused

    def _rehearse_one(self, past: Past, feedback: Floats) -> None:
        draws = int(self._counts[0])
        choices = len(past.memory) - self._length + 1
        self._read(past, int(uniform(self._seed, draws) * choices), draws)
        if self._silent > 0:
            first = FIRST_SILENCE + draws * self._network.inputs
            silence(self._segment.x, self._silent, self._seed, first)
        came = self._add_gradient(self._weights, feedback, self._objective, self._gradient)
        self._counts += (1, 1, came.labelled)

    def _read(self, past: Past, start: int, draws: int) -> None:
        segment = self._segment
        x, labels = past.memory.read(start, self._length)
        past.inputs.apply(x, segment.x)
        past.targets.apply(labels, segment.target)
        segment.draw[0] = FIRST_DRAW + draws * segment.z.size

    def _add_gradient(
        self, weights: Weights, feedback: Floats, objective: Objective, gradient: Weights
    ) -> Score:
        return add_segment_gradient(
            self._network.params, weights, feedback, self._segment, objective, gradient
        )

    def cosine(self, kept: Weights, past: Past, feedback: Floats, eligibility: int) -> float | None:
        """How an approximate eligibility's dE/dw lies to the full rule's, over the newest segment.

        At weights as the network keeps them, that it need not have written yet. None before there
        is a segment, or without an error in it.
        """
        if len(past.memory) < self._length or len(feedback) == 0:
            return None
        weights = dense(kept, self._network.connected)
        gradients = []
        for kind in (FULL, eligibility):
            self._read(past, len(past.memory) - self._length, 0)
            gradient = Weights(*(np.zeros_like(g) for g in self._gradient))
            objective = self._objective._replace(eligibility=kind)
            self._add_gradient(weights, feedback, objective, gradient)
            gradients.append(gradient.w)
        return cosine(*gradients) if all(g.any() for g in gradients) else None

    def compare(
        self, kept: Weights, past: Past, feedback: Floats, segments: int
    ) -> GradientComparison | None:
        """E-prop's gradient beside BPTT's at such weights, over the newest `segments` segments.

        None before there is a segment, or without feedback.
        """
        weights = dense(kept, self._network.connected)
        through = self._objective._replace(through_recurrence=True, through_reset=True)
        own = weights.w_out[: self._network.neurons]
        eprop = self._mean_gradient(weights, past, feedback, self._objective, segments)
        bptt = self._mean_gradient(weights, past, own, through, segments)
        if eprop is None or bptt is None:
            return None
        return compared(eprop, bptt, self._network.inputs)

    def look(self, kept: Weights, past: Past, feedback: Floats, segments: int) -> Look:
        """Norms of such weights, and of e-prop's gradient there."""
        weights = dense(kept, self._network.connected)
        gradient = self._mean_gradient(weights, past, feedback, self._objective, segments)
        return look_at(weights, gradient, self._network.inputs)

    def _mean_gradient(
        self, weights: Weights, past: Past, back: Floats, objective: Objective, segments: int
    ) -> Weights | None:
        """Of the mean loss over the newest segments; None before there is one, or no `back`."""
        fresh = self._length - self._objective.warm_up
        count = min(segments, (len(past.memory) - self._length) // fresh + 1)
        if count < 1 or len(back) == 0:
            return None
        gradient = Weights(*(np.zeros_like(w) for w in weights))
        labelled = 0
        for segment in range(count):
            self._read(past, len(past.memory) - self._length - segment * fresh, segment)
            labelled += self._add_gradient(weights, back, objective, gradient).labelled
        self.update.mask(gradient)
        mean = per_label(objective.softmax) / max(labelled, 1)
        return Weights(*(g * g.dtype.type(mean) for g in gradient))

    def _update(self) -> bool:
        labelled = int(self._counts[2])
        self._counts[1:] = 0
        if labelled == 0:
            return True
        mean = per_label(self._objective.softmax) / labelled
        finite = self.update.apply(self._gradient, mean)
        self._lead.follow()
        return finite

    def join(self) -> None:
        """Go on from the network's own weights, which something else will write."""
        self._lead.join()

    def adopt(self, settings: RehearsalSettings) -> None:
        """Go on with another rate and share of a bin."""
        self._per_bin = settings.steps_per_bin / self._length
        self.update.set_rate(settings.learning_rate)

    def forget(self) -> None:
        """Forget the gradient under way."""
        for gradient in self._gradient:
            gradient[:] = 0
        self._counts[1:] = 0

    def learned(self) -> dict[str, Floats | Ints]:
        """What learning writes, by name; the arrays themselves, not copies."""
        optimiser = {f"adam.{k}": a for k, a in self.update.arrays().items()}
        return optimiser | self._lead.arrays()

    def arrays(self) -> dict[str, Floats | Ints]:
        """Everything that a snapshot keeps, by name; the arrays themselves, not copies."""
        gradient = {f"gradient.{k}": g for k, g in self._gradient._asdict().items()}
        optimiser = {f"adam.{k}": a for k, a in self.update.arrays().items()}
        kept = {"owed": self._owed, "counts": self._counts} | gradient | optimiser
        return kept | self._lead.arrays()
