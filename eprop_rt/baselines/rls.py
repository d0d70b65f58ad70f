"""Recursive least squares on lagged bins: the linear decoder that learns at every bin."""

from collections import Counter

import numpy as np

from eprop_rt.baselines.lags import LagStack
from eprop_rt.config import RlsSettings
from eprop_rt.readout import RecursiveLeastSquares
from eprop_rt.series import F32, F64
from eprop_rt.snapshot import Arrays, copied, prefixed, write_back


class RlsDecoder:
    """Least squares over an exponentially fading past."""

    def __init__(self, settings: RlsSettings, inputs: int, outputs: int) -> None:
        self.events: Counter[str] = Counter()
        self._lags = LagStack(inputs, settings.lags)
        self._w: F64 = np.zeros((settings.lags * inputs + 1, outputs))
        self._rule = RecursiveLeastSquares(settings.forgetting, settings.ridge, self._w)
        self._output: F64 = np.zeros(outputs)

    def predict_one(self, x: F32) -> F64:
        """Decode one bin (inputs,) with its predecessors."""
        self._output[:] = self._lags.push(x) @ self._w
        return self._output.copy()

    def learn_one(self, label: F32) -> None:
        """One recursion; a label with a NaN in it is passed over."""
        if np.isfinite(label).all():
            learned = self._rule.learn_one(self._lags.features, self._output - label)
            self.events["readout_restarted"] += not learned

    def relabel(self, age: int, label: F32) -> bool:
        """Too late: past bins are not kept."""
        return False

    def rehearse(self) -> None:
        """Do nothing: every past bin is in P already."""

    def reset(self) -> None:
        """Forget the lagged bins."""
        self._lags.reset()

    def resume(self) -> None:
        """Do nothing."""

    def snapshot(self) -> Arrays:
        """Weights, P and the lagged bins."""
        return copied(self._arrays())

    def restore(self, snapshot: Arrays) -> None:
        """Continue from `snapshot`."""
        write_back(snapshot, self._arrays())

    def _arrays(self) -> Arrays:
        own = {"w": self._w, "features": self._lags.features, "output": self._output}
        return own | prefixed("rule", self._rule.arrays())
