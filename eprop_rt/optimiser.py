"""Adam over a whole network, with a bound on the norm of the gradient."""

import math
from typing import Literal

import numpy as np

from eprop_rt.kernels.optimiser import adam, sum_of_squares
from eprop_rt.structs import Floats, Ints, Moments, Weights

EPSILON = 1e-8


class Adam:
    """Moments and step count for every array of `weights`, which it writes in place.

    `rate`, the learning rate, may be changed between updates; `clipped` counts shortened ones.

    `correction` of the bias: of both moments (Kingma & Ba 2015, algorithm 1; PyTorch), or of the
    rate, with epsilon beside the uncorrected root (end of their section 2; TensorFlow, NEST). In
    the first thousand steps the latter moves weights with small gradients noticeably less.
    """

    def __init__(
        self,
        weights: Weights,
        learning_rate: float,
        clip_norm: float | None,
        correction: Literal["moments", "rate"] = "moments",
    ) -> None:
        self._weights = weights
        self.rate = learning_rate
        self.clipped = 0
        self._clip_norm = clip_norm
        self._correction = correction
        self._moments = [Moments(*(np.zeros(w.size, w.dtype) for _ in range(2))) for w in weights]
        self._step: Ints = np.zeros(1, np.int64)

    def update(self, gradient: Weights, factor: float, inputs: int) -> bool:
        """Apply `factor` * `gradient` and clear it; False, and no change, if it is not finite."""
        n = gradient.w.shape[1]
        np.fill_diagonal(gradient.w[inputs : inputs + n], 0)  # no autapses
        norm = abs(factor) * float(np.sqrt(sum(sum_of_squares(g.ravel()) for g in gradient)))
        if not np.isfinite(norm):
            for g in gradient:
                g[:] = 0
            return False
        if self._clip_norm is not None and norm > self._clip_norm:
            self.clipped += 1
            factor *= self._clip_norm / norm
        self._step += 1
        step = int(self._step[0])
        rate = self._weights.w.dtype.type(self.rate)
        shrunk = math.sqrt(1 - 0.999**step) if self._correction == "rate" else 1.0
        for w, g, moments in zip(self._weights, gradient, self._moments, strict=True):
            np.multiply(g, w.dtype.type(factor), out=g)
            adam(w.ravel(), g.ravel(), moments, step, rate, EPSILON / shrunk)
        return True

    def arrays(self) -> dict[str, Floats | Ints]:
        """Everything that a snapshot keeps, by name; the arrays themselves, not copies."""
        kept: dict[str, Floats | Ints] = {"step": self._step}
        for name, moments in zip(Weights._fields, self._moments, strict=True):
            kept |= {f"{name}.m": moments.m, f"{name}.v": moments.v}
        return kept
