"""The Wiener filter: ridge regression on lagged bins, fitted once."""

from collections import Counter

import numpy as np

from eprop_rt.baselines.lags import LagStack
from eprop_rt.config import WienerSettings
from eprop_rt.cost import Cost, linear_cost
from eprop_rt.series import F32, F64
from eprop_rt.snapshot import Arrays, copied, write_back


class WienerDecoder:
    """Static after `fit`; says zero before. The offline bar of every comparison."""

    def __init__(self, settings: WienerSettings, inputs: int, outputs: int) -> None:
        self.events: Counter[str] = Counter()
        self._settings = settings
        self._inputs = inputs
        self._lags = LagStack(inputs, settings.lags)
        self._w: F64 = np.zeros((settings.lags * inputs + 1, outputs))

    def fit(self, x: F32, labels: F32) -> None:
        """Fit on bins x (n, inputs) and labels (n, outputs); bins with a NaN label are left out.

        The ridge is chosen by the error on the last fifth of these bins, then all are used.
        """
        stack = LagStack(self._inputs, self._settings.lags)
        features = np.array([stack.push(row).copy() for row in x])
        used = np.isfinite(labels).all(axis=1)
        features, targets = features[used], labels[used].astype(np.float64)
        part = len(features) * 4 // 5
        if part < 2:
            return
        gram, cross = features[:part].T @ features[:part], features[:part].T @ targets[:part]
        rest = features[part:], targets[part:]
        best = min(
            self._settings.ridge,
            key=lambda ridge: float(np.sum((rest[0] @ solve(gram, cross, ridge) - rest[1]) ** 2)),
        )
        gram += rest[0].T @ rest[0]
        self._w[:] = solve(gram, cross + rest[0].T @ rest[1], best)

    def predict_one(self, x: F32) -> F64:
        """Decode one bin (inputs,) with its predecessors."""
        return np.asarray(self._lags.push(x) @ self._w)

    def learn_one(self, label: F32) -> None:
        """Learn nothing: the fit is offline."""

    def relabel(self, age: int, label: F32) -> bool:
        """Too late: past bins are not kept."""
        return False

    def rehearse(self) -> None:
        """Do nothing."""

    def reset(self) -> None:
        """Forget the lagged bins."""
        self._lags.reset()

    def resume(self) -> None:
        """Do nothing."""

    def cost(self) -> Cost:
        """That of the weights; nothing is learned."""
        return linear_cost(self._w, self._lags.features, self._arrays(), {}, 0.0)

    def snapshot(self, into: Arrays | None = None) -> Arrays:
        """Weights and the lagged bins."""
        return copied(self._arrays(), into)

    def restore(self, snapshot: Arrays) -> None:
        """Continue from `snapshot`."""
        write_back(snapshot, self._arrays())

    def _arrays(self) -> Arrays:
        return {"w": self._w, "features": self._lags.features}


def solve(gram: F64, cross: F64, ridge: float) -> F64:
    """(gram + ridge I)^-1 cross, the constant's weight not shrunk."""
    penalty = np.full(len(gram), ridge)
    penalty[-1] = 1e-9
    return np.asarray(np.linalg.solve(gram + np.diag(penalty), cross))
