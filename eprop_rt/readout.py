"""Rules for the readout, at every bin: delta, Adam, recursive least squares."""

from typing import Protocol

import numpy as np

from eprop_rt.config import ReadoutSettings
from eprop_rt.kernels.optimiser import sum_of_squares
from eprop_rt.kernels.readout import add_rank_one, rls_update
from eprop_rt.optimiser import Adam
from eprop_rt.series import F64
from eprop_rt.structs import Floats, Ints, Weights


class ReadoutRule(Protocol):
    """Learns w_out (F, M) in place from features (F,) and error = y - target (M,)."""

    def learn_one(self, features: Floats, error: Floats) -> bool:
        """False where numbers went wrong and the rule started afresh or skipped the update."""
        ...

    def set_rate(self, learning_rate: float) -> None:
        """Of the updates to come, where the rule has one."""
        ...

    def arrays(self) -> dict[str, Floats | Ints]:
        """Everything that a snapshot keeps, by name."""
        ...


class NoRule:
    """Leaves the readout to rehearsal, or as it is."""

    def learn_one(self, features: Floats, error: Floats) -> bool:
        """Change nothing."""
        return True

    def set_rate(self, learning_rate: float) -> None:
        """There is none."""

    def arrays(self) -> dict[str, Floats | Ints]:
        """Nothing to keep."""
        return {}


class DeltaRule:
    """w_out -= rate * features * error: gradient descent on this bin's squared error.

    A step that would go beyond the point where this bin's error is zero ends there (the normalised
    rule of Nagumo and Noda 1967), so that no number of features can make it run away.
    """

    def __init__(self, settings: ReadoutSettings, w_out: Floats) -> None:
        self._w_out = w_out
        self._rate = settings.learning_rate

    def learn_one(self, features: Floats, error: Floats) -> bool:
        """One step of gradient descent."""
        rate = self._rate / max(1.0, self._rate * sum_of_squares(features))
        add_rank_one(self._w_out, features, error, self._w_out.dtype.type(-rate))
        return True

    def set_rate(self, learning_rate: float) -> None:
        """Of the steps to come."""
        self._rate = learning_rate

    def arrays(self) -> dict[str, Floats | Ints]:
        """Nothing but the weights."""
        return {}


class AdamRule:
    """Adam on this bin's gradient."""

    def __init__(self, settings: ReadoutSettings, w_out: Floats) -> None:
        self._gradient = Weights(w_out[:0, :0], np.zeros_like(w_out))
        self._adam = Adam(Weights(w_out[:0, :0], w_out), settings.learning_rate, None)
        self._one = w_out.dtype.type(1)

    def learn_one(self, features: Floats, error: Floats) -> bool:
        """One step of Adam."""
        add_rank_one(self._gradient.w_out, features, error, self._one)
        return self._adam.update(self._gradient, 1.0, 0)

    def set_rate(self, learning_rate: float) -> None:
        """Of the steps to come."""
        self._adam.rate = learning_rate

    def arrays(self) -> dict[str, Floats | Ints]:
        """Moments and step count."""
        return self._adam.arrays()


class RecursiveLeastSquares:
    """Least squares over an exponentially fading past (Haykin, Adaptive Filter Theory, ch. 10).

    P (F, F) is float64 whatever the weights are; it starts as 1 / ridge and starts again where it
    loses definiteness. Its mean diagonal stays below 1e4 / ridge: forgetting pauses there.
    """

    def __init__(self, forgetting: float, ridge: float, w_out: Floats) -> None:
        self._w_out = w_out
        self._forgetting = forgetting
        self._ridge = ridge
        self._p: F64 = np.eye(len(w_out)) / ridge
        self._px: F64 = np.zeros(len(w_out))

    def learn_one(self, features: Floats, error: Floats) -> bool:
        """One recursion; False where P started again."""
        cap = 1e4 * len(self._p) / self._ridge
        bounds = self._forgetting, cap
        if rls_update(self._p, self._px, self._w_out, features, error, bounds):
            return True
        self._p[:] = np.eye(len(self._p)) / self._ridge
        return False

    def set_rate(self, learning_rate: float) -> None:
        """There is none."""

    def arrays(self) -> dict[str, Floats | Ints]:
        """P."""
        return {"p": self._p}


def build_readout_rule(settings: ReadoutSettings, w_out: Floats, bin_s: float) -> ReadoutRule:
    """The rule that the settings name."""
    match settings.rule:
        case "delta":
            return DeltaRule(settings, w_out)
        case "adam":
            return AdamRule(settings, w_out)
        case "rls":
            forgetting = 0.5 ** (bin_s / settings.forgetting_half_life_s)
            return RecursiveLeastSquares(forgetting, settings.ridge, w_out)
        case "none":
            return NoRule()
