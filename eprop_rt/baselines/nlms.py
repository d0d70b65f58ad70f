"""Normalised least mean squares on lagged bins: the cheapest decoder that learns at every bin."""

from collections import Counter

import numpy as np

from eprop_rt.baselines.lags import FeatureRing, ScaledLags
from eprop_rt.config import NlmsSettings
from eprop_rt.cost import Cost, linear_cost
from eprop_rt.series import F32, F64
from eprop_rt.snapshot import Arrays, copied, prefixed, write_back


class NlmsDecoder:
    """w += step * x error' / (x'x), error = label - w'x (Haykin, Adaptive Filter Theory, ch. 6).

    x holds lagged bins, each channel scaled by its running mean and deviation, and a constant 1.
    With loss softmax, what is said is softmax(w'x): logistic regression of classes.
    """

    def __init__(self, settings: NlmsSettings, inputs: int, outputs: int, bin_s: float) -> None:
        features = settings.lags * inputs + 1
        self.events: Counter[str] = Counter()
        self._step = settings.step
        self._softmax = settings.loss == "softmax"
        self._lags = ScaledLags(settings.inputs, inputs, settings.lags, bin_s)
        self._ring = FeatureRing(features, settings.label_delay_s, bin_s)
        self._w: F64 = np.zeros((features, outputs))

    def predict_one(self, x: F32) -> F64:
        """Decode one bin (inputs,) with its predecessors; what is not finite counts as 0."""
        self.events["input_not_finite"] += not self._lags.push(x)
        return self._said(self._lags.features)

    def _said(self, features: F64) -> F64:
        said: F64 = features @ self._w
        if self._softmax:
            said = np.exp(said - said.max())
            said /= said.sum()
        return said

    def learn_one(self, label: F32) -> None:
        """One step; an axis whose label is NaN is passed over."""
        self._ring.append(self._lags.features, label)
        self._descend(self._lags.features, label)
        self._lags.learn_one()

    def relabel(self, age: int, label: F32) -> bool:
        """One step from a past bin, with the weights of now; a bin teaches once."""
        features = self._ring.take(age, label)
        if features is None:
            return False
        self._descend(features, label)
        return True

    def _descend(self, features: F64, label: F32) -> None:
        if self._softmax and not np.isfinite(label).all():
            return
        error = np.where(np.isfinite(label), label - self._said(features), 0.0)
        self._w += np.outer(features, self._step / (features @ features) * error)

    def rehearse(self) -> None:
        """Do nothing."""

    def reset(self) -> None:
        """Forget the lagged bins."""
        self._lags.reset()

    def resume(self) -> None:
        """Do nothing."""

    def cost(self) -> Cost:
        """The norm x'x, and one product a weight; decoding again is not needed, but is done."""
        f, outputs = self._w.shape
        learning_macs = float(f + 2 * f * outputs)
        return linear_cost(
            self._w, self._lags.features, self._decoding(), self._learning(), learning_macs
        )

    def learned(self) -> Arrays:
        """Weights and statistics; the arrays themselves."""
        return {"w": self._w} | self._lags.learned()

    def reverted(self) -> None:
        """Nothing is under way beside what `learned` says."""

    def snapshot(self, into: Arrays | None = None) -> Arrays:
        """Weights, statistics, the lagged bins and those that wait for a label."""
        return copied(self._decoding() | self._learning(), into)

    def restore(self, snapshot: Arrays) -> None:
        """Continue from `snapshot`."""
        write_back(snapshot, self._decoding() | self._learning())

    def _decoding(self) -> Arrays:
        return {"w": self._w} | self._lags.decoding()

    def _learning(self) -> Arrays:
        ring = prefixed("ring", self._ring.arrays())
        return self._lags.learned() | ring | {"bin": self._lags.bin}
