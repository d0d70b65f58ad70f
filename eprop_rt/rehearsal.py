"""Rehearsal: learning, between two bins, from segments of the session's own past."""

import numpy as np

from eprop_rt.build import build_segment, steps
from eprop_rt.config import RehearsalSettings
from eprop_rt.gradient import add_segment_gradient
from eprop_rt.kernels.counter import uniform
from eprop_rt.memory import Memory
from eprop_rt.optimiser import Adam
from eprop_rt.scale import RunningScale
from eprop_rt.structs import Floats, Ints, Params, Weights


class Rehearsal:
    """Draws segments, adds up their e-prop gradient, and updates by Adam every so many segments.

    The share of a bin is fixed by the settings (a fraction is carried over) and draw number c is a
    pure function of (seed, c), so that a session replays to the bit; sums over presynaptic rows
    are matrix products, so to the bit also wants a single-threaded BLAS.
    """

    def __init__(
        self, settings: RehearsalSettings, params: Params, weights: Weights, bin_s: float, seed: int
    ) -> None:
        self._params = params
        self._weights = weights
        self._seed = seed
        features, outputs = weights.w_out.shape
        self._inputs = len(weights.w) - len(params.alpha) - 1
        self._length = steps(settings.segment_s, bin_s)
        self._warm_up = min(round(settings.warm_up_s / bin_s), self._length - 1)
        self._per_bin = settings.steps_per_bin / self._length
        self._per_update = settings.segments_per_update
        self._segment = build_segment(params, self._length, self._inputs, features, outputs)
        self._gradient = Weights(*(np.zeros_like(w) for w in weights))
        self._adam = Adam(weights, settings.learning_rate, settings.clip_norm)
        self._owed = np.zeros(1)
        self._counts: Ints = np.zeros(3, np.int64)  # draws, segments and labels in the gradient

    def run(self, memory: Memory, inputs: RunningScale, targets: RunningScale) -> int:
        """Rehearse this bin's share; returns how many updates were refused as not finite."""
        if len(memory) < 2 * self._length:
            return 0
        refused = 0
        self._owed[0] += self._per_bin
        while self._owed[0] >= 1:
            self._owed[0] -= 1
            self._rehearse_one(memory, inputs, targets)
            if self._counts[1] == self._per_update:
                refused += not self._update()
        return refused

    def _rehearse_one(self, memory: Memory, inputs: RunningScale, targets: RunningScale) -> None:
        choices = len(memory) - self._length + 1
        start = int(uniform(self._seed, int(self._counts[0])) * choices)
        x, labels = memory.read(start, self._length)
        inputs.apply(x, self._segment.x)
        targets.apply(labels, self._segment.target)
        labelled = add_segment_gradient(
            self._params, self._weights, self._segment, self._warm_up, self._gradient
        )
        self._counts += (1, 1, labelled)

    def _update(self) -> bool:
        labelled = int(self._counts[2])
        self._counts[1:] = 0
        return labelled == 0 or self._adam.update(self._gradient, 2.0 / labelled, self._inputs)

    def arrays(self) -> dict[str, Floats | Ints]:
        """Everything that a snapshot keeps, by name; the arrays themselves, not copies."""
        gradient = {f"gradient.{k}": g for k, g in self._gradient._asdict().items()}
        optimiser = {f"adam.{k}": a for k, a in self._adam.arrays().items()}
        return {"owed": self._owed, "counts": self._counts} | gradient | optimiser
