"""Exponential smoothing from bin to bin."""

from collections import Counter
from typing import Literal

import numpy as np

from eprop_rt.conditioning.stage import BinStageSettings
from eprop_rt.config import Positive
from eprop_rt.series import F64


class SmoothingSettings(BinStageSettings):
    """How slowly the smooth value follows: what it is behind fades to 1/e in `tau_s`."""

    kind: Literal["smoothing"] = "smoothing"
    tau_s: Positive = 0.1

    def build(self, channels: int, bin_s: float) -> "Smoothing":
        """For any bins."""
        return Smoothing(channels, -np.expm1(-bin_s / self.tau_s))


class Smoothing:
    """The smooth value; it begins at the first, and again after a gap."""

    def __init__(self, channels: int, share: float) -> None:
        self.channels = channels
        self.events: Counter[str] = Counter()
        self._share = share
        self._smooth = np.full(channels, np.nan)

    def apply(self, values: F64) -> F64:
        """A channel that is not finite in this bin is absent, and goes on from where it was."""
        there = np.isfinite(values)
        begun = np.where(np.isnan(self._smooth), values, self._smooth)
        step = self._share * (np.where(there, values, begun) - begun)
        self._smooth = np.where(np.isfinite(begun), begun + step, np.nan)
        return np.where(there, self._smooth, np.nan)

    def reset(self) -> None:
        """Begin anew."""
        self._smooth[:] = np.nan
