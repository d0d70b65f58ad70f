"""Logarithms: power and variance spread over decades."""

from collections import Counter
from typing import ClassVar, Literal

import numpy as np

from eprop_rt.conditioning.stage import BinStageSettings
from eprop_rt.config import Positive
from eprop_rt.series import F64


class LogSettings(BinStageSettings):
    """The natural logarithm of every value, or of `floor` where that is less."""

    kind: Literal["log"] = "log"
    floor: Positive = 1e-12

    def build(self, channels: int, bin_s: float) -> "Log":
        """For any bins."""
        return Log(channels, self.floor)


class LogVarianceSettings(BinStageSettings):
    """Likewise, for bins.reduce: variance."""

    needs: ClassVar[tuple[str, ...]] = ("variance",)

    kind: Literal["log_variance"] = "log_variance"
    floor: Positive = 1e-12

    def build(self, channels: int, bin_s: float) -> "Log":
        """For any bins."""
        return Log(channels, self.floor)


class Log:
    """Has no state."""

    def __init__(self, channels: int, floor: float) -> None:
        self.channels = channels
        self.events: Counter[str] = Counter()
        self._floor = floor

    def apply(self, values: F64) -> F64:
        """The logarithm."""
        logarithm: F64 = np.log(np.maximum(values, self._floor))
        return logarithm

    def reset(self) -> None:
        """Nothing to forget."""
