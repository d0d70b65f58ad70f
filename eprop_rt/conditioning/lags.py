"""Lag stacks: the newest bins side by side."""

from collections import Counter
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from eprop_rt.conditioning.stage import BinStageSettings
from eprop_rt.series import F64


class LagsSettings(BinStageSettings):
    """How many bins a decoder sees at once."""

    kind: Literal["lags"] = "lags"
    bins: Annotated[int, Field(gt=0)] = Field(description="the newest included")

    def build(self, channels: int, bin_s: float) -> "Lags":
        """For any bins."""
        return Lags(self.bins, channels)


class Lags:
    """The newest bins (H, C); NaN for those before the first, and before a gap."""

    def __init__(self, bins: int, channels: int) -> None:
        self.channels = bins * channels
        self.events: Counter[str] = Counter()
        self._past = np.full((bins, channels), np.nan)

    def apply(self, values: F64) -> F64:
        """All of them (H C,), the newest first."""
        self._past[1:] = self._past[:-1].copy()
        self._past[0] = values
        return self._past.ravel().copy()

    def reset(self) -> None:
        """Forget the past."""
        self._past[:] = np.nan
