"""Recentring: a decoder that stays as it is, behind inputs that are brought to what it knew."""

from collections import Counter

import numpy as np

from eprop_rt.cost import Cost
from eprop_rt.decoder import Decoder
from eprop_rt.errors import RestoreError
from eprop_rt.series import F32, F64
from eprop_rt.snapshot import Arrays, copied, prefixed, write_back

LEAST = 1e-6  # deviation below which a channel counts as silent


class RecentredDecoder:
    """Learns the mean and deviation of each channel, and nothing from labels.

    x' = (x - mean now) / deviation now * deviation then + mean then; what is now starts from what
    was then, as if that had been seen for `settle_bins` bins.
    """

    def __init__(self, decoder: Decoder, then: F32, settle_bins: int) -> None:
        """`then` (n, inputs): the bins that `decoder` learned from."""
        self.events: Counter[str] = decoder.events
        self._decoder = decoder
        values = then[np.isfinite(then).all(axis=1)].astype(np.float64)
        if len(values) == 0:  # nothing was ever seen: nothing to go back to
            values = np.zeros((1, then.shape[1]))
        self._mean: F64 = values.mean(axis=0)
        self._deviation: F64 = values.std(axis=0)
        self._count = np.array([float(settle_bins)])
        self._first: F64 = self._mean.copy()
        self._second: F64 = self._deviation**2
        self._bin: F64 = self._mean.copy()

    def predict_one(self, x: F32) -> F64:
        """Decode one bin (inputs,) as if it came from the array that the decoder knew."""
        self._bin[:] = np.where(np.isfinite(x), x, self._first)
        now = np.sqrt(self._second)
        gain = np.where(now > LEAST, self._deviation / np.maximum(now, LEAST), 1.0)
        seen = self._mean + (self._bin - self._first) * gain
        return self._decoder.predict_one(seen.astype(np.float32))

    def learn_one(self, label: F32) -> None:
        """Take the newest bin into the statistics; the label is not looked at."""
        self._count += 1
        away = self._bin - self._first
        self._first += away / self._count
        self._second += (away * (self._bin - self._first) - self._second) / self._count

    def relabel(self, age: int, label: F32) -> bool:
        """Labels teach nothing, late or not."""
        return True

    def rehearse(self) -> None:
        """Do nothing."""

    def reset(self) -> None:
        """Bring the decoder to rest; statistics stay."""
        self._decoder.reset()
        self._bin[:] = self._first

    def resume(self) -> None:
        """Do nothing."""

    def cost(self) -> Cost:
        """The decoder's own."""
        return self._decoder.cost()

    def snapshot(self, into: Arrays | None = None) -> Arrays:
        """The decoder and the statistics."""
        return copied(self._arrays(), into) | prefixed("decoder", self._decoder.snapshot())

    def restore(self, snapshot: Arrays) -> None:
        """Continue from `snapshot`."""
        own = {key: a for key, a in snapshot.items() if not key.startswith("decoder.")}
        rest = {key[8:]: a for key, a in snapshot.items() if key.startswith("decoder.")}
        before = self._decoder.snapshot()
        self._decoder.restore(rest)
        try:
            write_back(own, self._arrays())
        except RestoreError:
            self._decoder.restore(before)
            raise

    def _arrays(self) -> Arrays:
        return {
            "mean": self._mean,
            "deviation": self._deviation,
            "count": self._count,
            "first": self._first,
            "second": self._second,
            "bin": self._bin,
        }
