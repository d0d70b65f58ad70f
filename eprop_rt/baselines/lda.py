"""Linear discriminant analysis on lagged bins, fitted once: the offline bar of classes."""

from collections import Counter

import numpy as np

from eprop_rt.baselines.lags import LagStack
from eprop_rt.config import LdaSettings
from eprop_rt.cost import Cost, linear_cost
from eprop_rt.series import F32, F64
from eprop_rt.snapshot import Arrays, copied, write_back
from eprop_rt.structs import Floats, Ints


class LdaDecoder:
    """Static after `fit`; before, every class is as likely as the others.

    One Gaussian a class, all of one covariance, shrunk towards its diagonal; priors are how often
    each class was seen (Hastie, Tibshirani and Friedman, Elements of Statistical Learning, 4.3).
    """

    def __init__(self, settings: LdaSettings, inputs: int, outputs: int) -> None:
        self.events: Counter[str] = Counter()
        self._settings = settings
        self._lags = LagStack(inputs, settings.lags)
        self._floor: F64 = np.full(inputs, np.finfo(np.float64).tiny)  # of a logarithm
        self._w: F64 = np.zeros((settings.lags * inputs + 1, outputs))

    def fit(self, x: F32, labels: F32) -> None:
        """Fit on bins x (n, inputs) and one-hot labels (n, outputs), NaN where there is none.

        The shrinkage is chosen by the decisions on the last fifth of these bins, then all are used.
        """
        mean = np.where(np.isfinite(x), np.abs(x), 0).mean(axis=0) if len(x) else self._floor
        self._floor[:] = np.maximum(1e-3 * mean, np.finfo(np.float64).tiny)
        stack = LagStack(x.shape[1], self._settings.lags)
        features = np.array([stack.push(self._seen(row)).copy() for row in x])
        used = np.isfinite(labels).all(axis=1)
        if np.count_nonzero(used) < 2:
            return
        features, classes = features[used, :-1], labels[used].argmax(axis=1)
        part = len(features) * 4 // 5
        rest, truth = with_constant(features[part:]), classes[part:]
        outputs = labels.shape[1]

        def right(shrinkage: float) -> int:
            w = discriminant(features[:part], classes[:part], outputs, shrinkage)
            return int(np.count_nonzero((rest @ w).argmax(axis=1) == truth))

        best = max(self._settings.shrinkage, key=right)
        self._w[:] = discriminant(features, classes, outputs, best)

    def _seen(self, x: Floats) -> F64:
        seen: F64 = np.where(np.isfinite(x), x, 0).astype(np.float64)
        return np.log(np.maximum(seen, self._floor)) if self._settings.log else seen

    def predict_one(self, x: F32) -> F64:
        """The probability of each class (outputs,) from one bin (inputs,) and its predecessors."""
        odds = self._lags.push(self._seen(x)) @ self._w
        odds = np.exp(odds - odds.max())
        return np.asarray(odds / odds.sum())

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
        return {"w": self._w, "features": self._lags.features, "floor": self._floor}


def with_constant(features: F64) -> F64:
    """Features (n, f) with a column of 1 at the end."""
    return np.hstack([features, np.ones((len(features), 1))])


def discriminant(features: F64, classes: Ints, outputs: int, shrinkage: float) -> F64:
    """Weights (f + 1, outputs), the constant's last, from features (n, f) and classes (n,).

    A class that did not occur is never said.
    """
    counts = np.bincount(classes, minlength=outputs)
    sums = np.zeros((outputs, features.shape[1]))
    np.add.at(sums, classes, features)
    means = sums / np.maximum(counts, 1)[:, None]
    apart = features - means[classes]
    covariance = apart.T @ apart / max(len(features), 1)
    variance = covariance.diagonal()
    covariance = (1 - shrinkage) * covariance
    # What never varies has no say, and nothing to be divided by.
    covariance[np.diag_indices_from(covariance)] = np.where(variance > 0, variance, 1.0)
    w = np.zeros((features.shape[1] + 1, outputs))
    w[:-1] = np.linalg.solve(covariance, means.T)
    with np.errstate(divide="ignore"):
        prior = np.log(counts / max(len(features), 1))
    w[-1] = np.maximum(prior, -1e3) - 0.5 * (means * w[:-1].T).sum(axis=1)
    return w
