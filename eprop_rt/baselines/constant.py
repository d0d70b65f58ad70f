"""Decoders that do not look at the brain: the floor of every comparison."""

from collections import Counter

import numpy as np

from eprop_rt.cost import Cost, size_of
from eprop_rt.series import F32, F64
from eprop_rt.snapshot import Arrays, copied, write_back


def no_products(arrays: Arrays) -> Cost:
    """The cost of a decoder that multiplies nothing."""
    nan = float("nan")
    return Cost(size_of(arrays), 0, nan, nan, macs=0, acs=0, learning_macs=0, learning_acs=0)


class ZeroDecoder:
    """Says zero."""

    def __init__(self, outputs: int) -> None:
        self.events: Counter[str] = Counter()
        self._zero: F64 = np.zeros(outputs)

    def predict_one(self, x: F32) -> F64:
        """Zero, whatever x is."""
        return self._zero.copy()

    def learn_one(self, label: F32) -> None:
        """Learn nothing."""

    def relabel(self, age: int, label: F32) -> bool:
        """Learn nothing, whatever the label."""
        return True

    def rehearse(self) -> None:
        """Do nothing."""

    def reset(self) -> None:
        """Do nothing."""

    def resume(self) -> None:
        """Do nothing."""

    def cost(self) -> Cost:
        """Nothing."""
        return no_products({})

    def snapshot(self, into: Arrays | None = None) -> Arrays:
        """Nothing decides the future."""
        return {}

    def restore(self, snapshot: Arrays) -> None:
        """Accept an empty snapshot."""
        write_back(snapshot, {})


class MeanDecoder:
    """Says the mean of the labels so far."""

    def __init__(self, outputs: int) -> None:
        self.events: Counter[str] = Counter()
        self._mean: F64 = np.zeros(outputs)
        self._count: F64 = np.zeros(outputs)

    def predict_one(self, x: F32) -> F64:
        """The mean of the past labels, zero before the first."""
        return self._mean.copy()

    def learn_one(self, label: F32) -> None:
        """Move the mean; NaN entries are passed over."""
        seen = np.isfinite(label)
        self._count += seen
        self._mean += np.where(seen, label - self._mean, 0.0) / np.maximum(self._count, 1.0)

    def relabel(self, age: int, label: F32) -> bool:
        """Move the mean: it asks for no bin."""
        self.learn_one(label)
        return True

    def rehearse(self) -> None:
        """Do nothing."""

    def reset(self) -> None:
        """Do nothing."""

    def resume(self) -> None:
        """Do nothing."""

    def cost(self) -> Cost:
        """The mean is a sum, and no product of weights."""
        return no_products(self._arrays())

    def learned(self) -> Arrays:
        """The mean and its count; the arrays themselves."""
        return self._arrays()

    def reverted(self) -> None:
        """Nothing is under way beside what `learned` says."""

    def snapshot(self, into: Arrays | None = None) -> Arrays:
        """The mean and its count."""
        return copied(self._arrays(), into)

    def restore(self, snapshot: Arrays) -> None:
        """Continue from `snapshot`."""
        write_back(snapshot, self._arrays())

    def _arrays(self) -> Arrays:
        return {"mean": self._mean, "count": self._count}
