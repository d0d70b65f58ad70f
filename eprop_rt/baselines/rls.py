"""Recursive least squares on lagged bins: the linear decoder that learns at every bin."""

from collections import Counter

import numpy as np

from eprop_rt.baselines.lags import FeatureRing, LagStack
from eprop_rt.config import RlsSettings
from eprop_rt.cost import Cost, linear_cost
from eprop_rt.readout import RecursiveLeastSquares
from eprop_rt.series import F32, F64
from eprop_rt.snapshot import Arrays, copied, prefixed, write_back


class RlsDecoder:
    """Least squares over an exponentially fading past."""

    def __init__(self, settings: RlsSettings, inputs: int, outputs: int, bin_s: float) -> None:
        features = settings.lags * inputs + 1
        self.events: Counter[str] = Counter()
        self._lags = LagStack(inputs, settings.lags)
        self._ring = FeatureRing(features, settings.label_delay_s, bin_s)
        self._w: F64 = np.zeros((features, outputs))
        self._rule = RecursiveLeastSquares(settings.forgetting, settings.ridge, self._w)
        self._output: F64 = np.zeros(outputs)

    def predict_one(self, x: F32) -> F64:
        """Decode one bin (inputs,) with its predecessors."""
        self._output[:] = self._lags.push(x) @ self._w
        return self._output.copy()

    def learn_one(self, label: F32) -> None:
        """One recursion; a label with a NaN in it is passed over, and may come late."""
        if self._ring.append(self._lags.features, label):
            self._recur(self._lags.features, self._output - label)

    def relabel(self, age: int, label: F32) -> bool:
        """One recursion from a past bin, with the weights of now; a bin teaches once."""
        features = self._ring.take(age, label)
        if features is None:
            return False
        self._recur(features, features @ self._w - label)
        return True

    def _recur(self, features: F64, error: F64) -> None:
        self.events["readout_restarted"] += not self._rule.learn_one(features, error)

    def rehearse(self) -> None:
        """Do nothing: every past bin is in P already."""

    def reset(self) -> None:
        """Forget the lagged bins."""
        self._lags.reset()

    def resume(self) -> None:
        """Do nothing."""

    def cost(self) -> Cost:
        """P x and w: F of each; P <- (P - g x' P) / lambda: two products an entry."""
        f, outputs = self._w.shape
        learning_macs = float(3 * f * f + f * outputs)
        return linear_cost(
            self._w, self._lags.features, self._decoding(), self._learning(), learning_macs
        )

    def learned(self) -> Arrays:
        """Weights and P; the arrays themselves."""
        return {"w": self._w} | prefixed("rule", self._rule.arrays())

    def reverted(self) -> None:
        """Nothing is under way beside what `learned` says."""

    def snapshot(self, into: Arrays | None = None) -> Arrays:
        """Weights, P, the lagged bins and those that wait for a label."""
        return copied(self._decoding() | self._learning(), into)

    def restore(self, snapshot: Arrays) -> None:
        """Continue from `snapshot`."""
        write_back(snapshot, self._decoding() | self._learning())

    def _decoding(self) -> Arrays:
        return {"w": self._w, "features": self._lags.features, "output": self._output}

    def _learning(self) -> Arrays:
        return prefixed("rule", self._rule.arrays()) | prefixed("ring", self._ring.arrays())
