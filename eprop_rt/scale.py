"""Causal scaling by running statistics: predict first, learn the statistics afterwards."""

import numpy as np

from eprop_rt.config import ScaleSettings
from eprop_rt.series import F64
from eprop_rt.structs import Floats

SETTLED = 100  # values, after which statistics know what an outlier is
OUTLIER = 20.0  # standard deviations
FARTHEST = 1e6  # bound on a scaled value where the settings give none


class Unscaled:
    """Leaves values as they are: probabilities have their own unit."""

    def learn_one(self, values: Floats) -> None:
        """Learn nothing."""

    def apply(self, values: Floats, out: Floats) -> None:
        """Copy."""
        out[...] = values

    def undo(self, scaled: Floats) -> F64:
        """Copy."""
        return np.asarray(scaled, dtype=np.float64).copy()

    def arrays(self) -> dict[str, F64]:
        """Nothing to keep."""
        return {}


class RunningScale:
    """Mean and standard deviation of the past, per channel or in common.

    `mean` (n,) and `scale` (n,) are what (value - mean) * scale uses; both are written in place by
    `learn_one`, never by `apply`. A channel that has not varied yet has scale 0: it says nothing.
    Once the statistics have settled, they bound what they take in: an artefact of any size leaves
    them usable.
    """

    def __init__(self, settings: ScaleSettings, channels: int, bin_s: float) -> None:
        self._settings = settings
        self._bound = settings.clip or FARTHEST
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
        clean = self._within_bounds(np.where(seen, values, 0.0), rate)
        delta = clean - self._first
        self._first += rate * delta
        self._second += rate * (delta * (clean - self._first) - self._second)
        self._refresh()

    def _within_bounds(self, values: F64, rate: F64) -> F64:
        settled = (self._count > SETTLED) & (self.scale > 0)
        reach = OUTLIER / np.where(settled, self.scale, 1.0)
        if self._settings.per_channel:  # a rare event is no artefact: up to four times the variance
            reach = np.maximum(reach, np.sqrt(3.0 * self._second / np.maximum(rate, 1e-12)))
        reach = np.where(settled, reach, np.inf)
        bounded: F64 = np.clip(values, self._first - reach, self._first + reach)
        return bounded

    def _refresh(self) -> None:
        variance = self._second
        if not self._settings.per_channel:
            variance = np.full_like(variance, np.mean(np.sqrt(variance)) ** 2)
        # Less is rounding, of the value itself or beside its neighbours; the unit may be any.
        least = 1e-14 * self._first**2 + 1e-14 * self._second.max(initial=0.0) + 1e-30
        self.scale[:] = np.where(variance > least, 1.0 / np.sqrt(np.maximum(variance, least)), 0.0)
        if self._settings.centre:
            self.mean[:] = self._first

    def apply(self, values: Floats, out: Floats) -> None:
        """Write the scaled and bounded values to `out`; shapes (n,) or (t, n)."""
        out[...] = np.clip((values - self.mean) * self.scale, -self._bound, self._bound)

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
