"""Causal scaling by running statistics: predict first, learn the statistics afterwards."""

import numpy as np

from eprop_rt.config import ScaleSettings
from eprop_rt.series import F64
from eprop_rt.structs import Floats


class RunningScale:
    """Mean and standard deviation of the past, per channel or in common.

    `mean` (n,) and `scale` (n,) are what (value - mean) * scale uses; both are written in place by
    `learn_one`, never by `apply`. A channel that has not varied yet has scale 0: it says nothing.
    """

    def __init__(self, settings: ScaleSettings, channels: int, bin_s: float) -> None:
        self._settings = settings
        self._forget = (
            0.0 if settings.half_life_s is None else 1 - 0.5 ** (bin_s / settings.half_life_s)
        )
        self.mean: F64 = np.zeros(channels)
        self.scale: F64 = np.zeros(channels)
        self._first: F64 = np.zeros(channels)
        self._second: F64 = np.zeros(channels)
        self._count = np.zeros(channels)

    def learn_one(self, values: Floats) -> None:
        """Take one vector (n,) into the statistics; NaN entries are passed over."""
        seen = np.isfinite(values)
        self._count += seen
        rate = np.maximum(1.0 / np.maximum(self._count, 1.0), self._forget) * seen
        clean = np.where(seen, values, 0.0)
        delta = clean - self._first
        self._first += rate * delta
        self._second += rate * (delta * (clean - self._first) - self._second)
        self._refresh()

    def _refresh(self) -> None:
        variance = self._second
        if not self._settings.per_channel:
            variance = np.full_like(variance, np.mean(np.sqrt(variance)) ** 2)
        self.scale[:] = np.where(variance > 1e-12, 1.0 / np.sqrt(np.maximum(variance, 1e-12)), 0.0)
        if self._settings.centre:
            self.mean[:] = self._first

    def apply(self, values: Floats, out: Floats) -> None:
        """Write the scaled (and clipped) values to `out`; shapes (n,) or (t, n)."""
        out[...] = (values - self.mean) * self.scale
        if self._settings.clip is not None:
            np.clip(out, -self._settings.clip, self._settings.clip, out=out)

    def undo(self, scaled: Floats) -> F64:
        """Bring scaled values back to their own units."""
        width = np.where(self.scale > 0, 1.0 / np.where(self.scale > 0, self.scale, 1.0), 0.0)
        return np.asarray(self.mean + scaled * width, dtype=np.float64)

    def arrays(self) -> dict[str, F64]:
        """Everything that a snapshot keeps, by name; the arrays themselves, not copies."""
        return {
            "mean": self.mean,
            "scale": self.scale,
            "first": self._first,
            "second": self._second,
            "count": self._count,
        }
