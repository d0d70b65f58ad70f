"""Rehearsal: learning, between two bins, from segments of the session's own past."""

import math
from dataclasses import dataclass

import numpy as np

from eprop_rt.approximation import cosine
from eprop_rt.build import Network, build_segment, steps
from eprop_rt.config import EpropSettings
from eprop_rt.gradient import add_segment_gradient
from eprop_rt.kernels.counter import uniform
from eprop_rt.memory import Memory
from eprop_rt.objective import Score
from eprop_rt.optimiser import Adam
from eprop_rt.scale import RunningScale, Unscaled
from eprop_rt.structs import FULL, Floats, Ints, Objective, Weights

FIRST_DRAW = 2**62  # of spikes that are drawn: far from those of the live network


@dataclass(frozen=True, slots=True)
class Past:
    """What is rehearsed, and the scales that it is seen in now."""

    memory: Memory
    inputs: RunningScale
    targets: RunningScale | Unscaled


class Rehearsal:
    """Draws segments, adds up their e-prop gradient, and updates by Adam every so many segments.

    The share of a bin is fixed by the settings (a fraction is carried over) and draw number c is a
    pure function of (seed, c), so that a session replays to the bit; sums over presynaptic rows
    are matrix products, so to the bit also wants a single-threaded BLAS. Weights of compressed
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
        self._objective = Objective(
            softmax=settings.loss == "softmax",
            warm_up=min(round(own.warm_up_s / bin_s), self._length - 1),
            rate_strength=penalties.rate_strength * self._length,
            rate_target=penalties.rate_target_hz * bin_s,
            spike_l1=penalties.spike_l1 * self._length,
            voltage_l2=penalties.voltage_l2 * self._length,
        )
        shape = network.rows, network.neurons
        spread = np.zeros(shape, network.weights.w.dtype)
        self._weights = (
            network.weights if network.connected is None else Weights(spread, network.weights.w_out)
        )
        self._gradient = Weights(np.zeros(shape, spread.dtype), np.zeros_like(self._weights.w_out))
        self._adam = Adam(self._weights, own.learning_rate, own.clip_norm)
        self._keep = spread.dtype.type(1 - own.learning_rate * penalties.weight_decay)
        self._clamp = penalties.weight_clamp or math.inf
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

        Returns how many updates were refused as not finite. The weights must have been written.
        """
        refused = 0
        self._spread()
        while self._owed[0] >= 1:
            self._owed[0] -= 1
            self._rehearse_one(past, feedback)
            if self._counts[1] == self._per_update:
                refused += not self._update()
        return refused

    def _rehearse_one(self, past: Past, feedback: Floats) -> None:
        draws = int(self._counts[0])
        choices = len(past.memory) - self._length + 1
        self._read(past, int(uniform(self._seed, draws) * choices), draws)
        came = self._add_gradient(feedback, self._objective, self._gradient)
        self._counts += (1, 1, came.labelled)

    def _read(self, past: Past, start: int, draws: int) -> None:
        segment = self._segment
        x, labels = past.memory.read(start, self._length)
        past.inputs.apply(x, segment.x)
        past.targets.apply(labels, segment.target)
        segment.draw[0] = FIRST_DRAW + draws * segment.z.size

    def _add_gradient(self, feedback: Floats, objective: Objective, gradient: Weights) -> Score:
        return add_segment_gradient(
            self._network.params, self._weights, feedback, self._segment, objective, gradient
        )

    def cosine(self, past: Past, feedback: Floats, eligibility: int) -> float | None:
        """How an approximate eligibility's dE/dw lies to the full rule's, over the newest segment.

        None before there is one, or without an error in it. The weights must have been written.
        """
        if len(past.memory) < self._length or len(feedback) == 0:
            return None
        self._spread()
        gradients = []
        for kind in (FULL, eligibility):
            self._read(past, len(past.memory) - self._length, 0)
            gradient = Weights(*(np.zeros_like(g) for g in self._gradient))
            self._add_gradient(feedback, self._objective._replace(eligibility=kind), gradient)
            gradients.append(gradient.w)
        return cosine(*gradients) if all(g.any() for g in gradients) else None

    def _spread(self) -> None:
        if self._network.connected is not None:
            self._weights.w[self._network.connected] = self._network.weights.w

    def _update(self) -> bool:
        labelled = int(self._counts[2])
        self._counts[1:] = 0
        if labelled == 0:
            return True
        connected, w = self._network.connected, self._weights.w
        if connected is not None:
            self._gradient.w[~connected] = 0
        mean = (1.0 if self._objective.softmax else 2.0) / labelled
        finite = self._adam.update(self._gradient, mean, self._network.inputs)
        if self._keep != 1:
            w *= self._keep
        if self._clamp < math.inf:
            np.clip(w, -self._clamp, self._clamp, out=w)
        if connected is not None:
            self._network.weights.w[:] = w[connected]
        return finite

    def arrays(self) -> dict[str, Floats | Ints]:
        """Everything that a snapshot keeps, by name; the arrays themselves, not copies."""
        gradient = {f"gradient.{k}": g for k, g in self._gradient._asdict().items()}
        optimiser = {f"adam.{k}": a for k, a in self._adam.arrays().items()}
        return {"owed": self._owed, "counts": self._counts} | gradient | optimiser
