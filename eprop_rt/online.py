"""Learning at every bin: eligibility traces times the learning signal of that very bin."""

import numpy as np

from eprop_rt.build import build_traces
from eprop_rt.config import OnlineSettings
from eprop_rt.kernels.synapse import add_outer, advance_traces, learning_signal, scaled
from eprop_rt.optimiser import Adam
from eprop_rt.structs import Floats, Ints, Params, State, Weights


class OnlineLearner:
    """Dense schedule: every synapse, every bin. Symmetric learning signal.

    `sgd` writes the weights at every bin, `adam` adds up `update_every` bins, `none` keeps the
    recurrent network as it is. The readout has a rule of its own.
    """

    def __init__(self, settings: OnlineSettings, params: Params, weights: Weights) -> None:
        self._settings = settings
        self._params = params
        self._weights = weights
        n = len(params.alpha)
        self._inputs = len(weights.w) - n - 1
        self._signal = np.zeros(n, params.alpha.dtype)
        self._column = np.zeros_like(self._signal)
        self._traces = build_traces(params, self._inputs)
        self._rate = params.alpha.dtype.type(-settings.learning_rate)
        self._gradient = np.zeros_like(weights.w)
        self._adam = Adam(Weights(weights.w, weights.w_out[:0]), settings.learning_rate, None)
        self._bins: Ints = np.zeros(1, np.int64)

    def learn_one(self, state: State, error: Floats) -> bool:
        """Advance the traces and learn from `error` (M,), 0 where no label; False: not finite."""
        if self._settings.optimiser == "none":
            return True
        advance_traces(self._params, state, self._traces)
        learning_signal(self._weights.w_out, error, self._signal)
        if not np.isfinite(self._signal).all():
            return False
        if self._settings.optimiser == "sgd":
            scaled(self._signal, self._rate, self._column)
            add_outer(self._weights.w, self._traces.ebar, self._column, self._inputs)
            return True
        add_outer(self._gradient, self._traces.ebar, self._signal, self._inputs)
        self._bins += 1
        if self._bins[0] < self._settings.update_every:
            return True
        self._bins[0] = 0
        gradient = Weights(self._gradient, self._weights.w_out[:0])
        return self._adam.update(gradient, 1.0, self._inputs)

    def reset(self) -> None:
        """Forget the eligibility of the past: after a gap, or where learning resumes."""
        for trace in self._traces:
            trace[:] = 0

    def arrays(self) -> dict[str, Floats | Ints]:
        """Everything that a snapshot keeps, by name; the arrays themselves, not copies."""
        kept: dict[str, Floats | Ints] = {"gradient": self._gradient, "bins": self._bins}
        kept |= self._traces._asdict()
        return kept | {f"adam.{k}": a for k, a in self._adam.arrays().items()}
