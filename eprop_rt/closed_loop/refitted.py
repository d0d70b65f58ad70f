"""A decoder that is fitted at once, in a closed loop: fitted again and again to what it has seen.

That is how a Wiener or Kalman filter is used: calibrated, used, calibrated again. It says zero
until its first fit, and is fitted every `every_s` of use to the newest `memory_s`, so that it
learns from the same bins as who learns at every one of them.
"""

from collections import Counter
from typing import Protocol

import numpy as np

from eprop_rt.config import Positive, Settings
from eprop_rt.errors import ConfigError
from eprop_rt.series import F32, F64
from eprop_rt.snapshot import Arrays, copied, prefixed, write_back


class RefitSettings(Settings):
    """When, and to how much."""

    every_s: Positive = 5.0
    memory_s: Positive = 120.0


class Fitted(Protocol):
    """What is asked of the decoder inside."""

    events: Counter[str]

    def predict_one(self, x: F32) -> F64:
        """Decode one bin."""

    def fit(self, x: F32, labels: F32) -> None:
        """Fit to bins (n, inputs) and labels (n, outputs)."""

    def reset(self) -> None:
        """Forget the recent past."""

    def snapshot(self, into: Arrays | None = None) -> Arrays:
        """Copies of its arrays."""

    def restore(self, snapshot: Arrays) -> None:
        """Go on from them."""


class RefittedDecoder:
    """Keeps bins and labels in a ring, and fits the decoder inside to them."""

    def __init__(
        self, settings: RefitSettings, inside: Fitted, inputs: int, outputs: int, bin_s: float
    ) -> None:
        self._inside, self.events = inside, inside.events
        kept = round(settings.memory_s / bin_s)
        self._every = max(1, round(settings.every_s / bin_s))
        if kept < self._every:
            raise ConfigError(
                f"refit.memory_s {settings.memory_s} is shorter than refit.every_s "
                f"{settings.every_s}: lengthen it"
            )
        self._x: F32 = np.zeros((kept, inputs), np.float32)
        self._labels: F32 = np.full((kept, outputs), np.nan, np.float32)
        self._bins = np.zeros(1, np.int64)
        self._newest: F32 = np.zeros(inputs, np.float32)

    def predict_one(self, x: F32) -> F64:
        """Decode one bin (inputs,)."""
        self._newest[:] = x
        return self._inside.predict_one(x)

    def learn_one(self, label: F32) -> None:
        """Keep the bin; fit where it is time to."""
        at = int(self._bins[0]) % len(self._x)
        self._x[at], self._labels[at] = self._newest, label
        self._bins += 1
        if self._bins[0] % self._every == 0:
            self._fit()

    def relabel(self, age: int, label: F32) -> bool:
        """Give a bin gone by its label, for the next fit."""
        bins = int(self._bins[0])
        if age >= min(bins, len(self._x)):
            return False
        self._labels[(bins - 1 - age) % len(self._x)] = label
        return True

    def _fit(self) -> None:
        bins, kept = int(self._bins[0]), len(self._x)
        order = np.arange(max(0, bins - kept), bins) % kept
        labels = self._labels[order]
        if np.isfinite(labels).all(axis=1).any():
            self._inside.fit(self._x[order], labels)

    def rehearse(self) -> None:
        """Do nothing."""

    def reset(self) -> None:
        """Forget the recent past; what was kept to be fitted to stays."""
        self._inside.reset()

    def resume(self) -> None:
        """Do nothing."""

    def snapshot(self, into: Arrays | None = None) -> Arrays:
        """The ring, and the decoder inside."""
        return copied(self._own() | prefixed("inside", self._inside.snapshot()), into)

    def restore(self, snapshot: Arrays) -> None:
        """Continue from `snapshot`."""
        inside = {
            key.removeprefix("inside."): array
            for key, array in snapshot.items()
            if key.startswith("inside.")
        }
        self._inside.restore(inside)
        own = {key: array for key, array in snapshot.items() if not key.startswith("inside.")}
        write_back(own, self._own())

    def _own(self) -> Arrays:
        return {"x": self._x, "labels": self._labels, "bins": self._bins, "newest": self._newest}
