"""The newest bins side by side: what a linear decoder sees of the past."""

import numpy as np

from eprop_rt.bins.grid import steps_covering
from eprop_rt.config import ScaleSettings
from eprop_rt.scale import RunningScale
from eprop_rt.series import F32, F64
from eprop_rt.snapshot import Arrays, prefixed
from eprop_rt.structs import Floats, Ints


class LagStack:
    """`features` (lags * inputs + 1,): the newest bin first, then older ones, then a constant 1."""

    def __init__(self, inputs: int, lags: int) -> None:
        self._inputs = inputs
        self.features: F64 = np.zeros(lags * inputs + 1)
        self.reset()

    def push(self, x: Floats) -> F64:
        """Take the newest bin (inputs,); returns `features`, which the next push overwrites."""
        self.features[self._inputs : -1] = self.features[: -1 - self._inputs]
        self.features[: self._inputs] = x
        return self.features

    def reset(self) -> None:
        """Forget the past."""
        self.features[:] = 0
        self.features[-1] = 1


class ScaledLags:
    """Lagged bins, each channel scaled by its own past; what is not finite counts as 0."""

    def __init__(self, settings: ScaleSettings, inputs: int, lags: int, bin_s: float) -> None:
        self.bin: F64 = np.zeros(inputs)  # the newest, as the statistics learn it
        self._scale = RunningScale(settings, inputs, bin_s)
        self._scaled: F64 = np.zeros(inputs)
        self._lags = LagStack(inputs, lags)

    @property
    def features(self) -> F64:
        """The newest (lags * inputs + 1,), which the next push overwrites."""
        return self._lags.features

    def push(self, x: F32) -> bool:
        """Take the newest bin (inputs,); whether all of it was finite."""
        finite = np.isfinite(x)
        self.bin[:] = np.where(finite, x, 0)
        self._scale.apply(self.bin, self._scaled)
        self._lags.push(self._scaled)
        return bool(finite.all())

    def learn_one(self) -> None:
        """Take the newest bin into the statistics."""
        self._scale.learn_one(self.bin)

    def reset(self) -> None:
        """Forget the lagged bins."""
        self._lags.reset()

    def decoding(self) -> Arrays:
        """What a prediction reads, by name; the arrays themselves."""
        known = self._scale.arrays()
        scale = {name: known[name] for name in ("mean", "scale")}
        return {"features": self.features} | prefixed("scale", scale)

    def learned(self) -> Arrays:
        """The statistics, by name; the arrays themselves."""
        return prefixed("scale", self._scale.arrays())


class FeatureRing:
    """Features of the newest bins, for labels that come late: each bin teaches once."""

    def __init__(self, features: int, delay_s: float, bin_s: float) -> None:
        kept = steps_covering(delay_s, bin_s) + 1
        self._features: F64 = np.zeros((kept, features))
        self._labelled: Ints = np.zeros(kept, np.int64)
        self._written: Ints = np.zeros(1, np.int64)

    def append(self, features: F64, label: F32) -> bool:
        """Keep one bin; the oldest makes room. Whether its label is whole: it teaches now."""
        at = int(self._written[0]) % len(self._features)
        whole = bool(np.isfinite(label).all())
        self._features[at] = features
        self._labelled[at] = whole
        self._written[0] += 1
        return whole

    def take(self, age: int, label: F32) -> F64 | None:
        """The features of the bin `age` bins before the newest, to learn `label` from.

        None: the bin is gone or has taught, or the label is not whole.
        """
        if age >= min(int(self._written[0]), len(self._features)) or not np.isfinite(label).all():
            return None
        at = (int(self._written[0]) - 1 - age) % len(self._features)
        if self._labelled[at]:
            return None
        self._labelled[at] = 1
        features: F64 = self._features[at]
        return features

    def arrays(self) -> Arrays:
        """Everything that a snapshot keeps, by name; the arrays themselves, not copies."""
        return {
            "features": self._features,
            "labelled": self._labelled,
            "written": self._written,
        }
