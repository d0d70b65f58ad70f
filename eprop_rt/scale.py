"""Causal scaling by running statistics: predict first, learn the statistics afterwards."""

import numpy as np

from eprop_rt.config import ScaleSettings
from eprop_rt.kernels import steady
from eprop_rt.kernels.scale import (
    Statistics,
    apply_scale,
    apply_scale_rows,
    clean_and_scale,
    take_in,
    undo_scale,
)
from eprop_rt.series import F64
from eprop_rt.structs import Floats

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
        self._statistics = Statistics(*(np.zeros(channels) for _ in Statistics._fields))
        self._clean_and_scale, self._undo = steady(clean_and_scale), steady(undo_scale)

    @property
    def mean(self) -> F64:
        """What a value counts from, (n,)."""
        return self._statistics.mean

    @property
    def scale(self) -> F64:
        """What the distance from there is multiplied by, (n,)."""
        return self._statistics.scale

    @property
    def statistics(self) -> Statistics:
        """What is known, in place."""
        return self._statistics

    def learn_one(self, values: Floats) -> None:
        """Take one vector (n,) into the statistics; NaN entries are passed over."""
        settings = self._settings
        take_in(values, self._statistics, self._forget, settings.per_channel, settings.centre)

    def apply(self, values: Floats, out: Floats) -> None:
        """Write the scaled and bounded values to `out`; shapes (n,) or (t, n)."""
        if values.ndim == 1:
            apply_scale(values, self._statistics, self._bound, out)
        else:
            apply_scale_rows(values, self._statistics, self._bound, out)

    def clean_and_apply(self, values: Floats, out: Floats) -> int:
        """Likewise for (n,), with 0 in `values` for what is not finite; how many those were."""
        return int(self._clean_and_scale(values, self._statistics, self._bound, out))

    def undo(self, scaled: Floats) -> F64:
        """Bring scaled values (n,) back to their own units."""
        values: F64 = np.empty(len(scaled))
        self._undo(scaled, self._statistics, values)
        return values

    def arrays(self) -> dict[str, F64]:
        """Everything that a snapshot keeps, by name; the arrays themselves, not copies."""
        return dict(self._statistics._asdict())
