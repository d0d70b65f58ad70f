"""Running z-score: each channel's distance from its own past, in its own deviations."""

from collections import Counter
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from eprop_rt.conditioning.stage import BinStageSettings
from eprop_rt.config import Positive
from eprop_rt.series import F64


class ZscoreSettings(BinStageSettings):
    """Mean and variance of all bins up to this one, older ones fading."""

    kind: Literal["zscore"] = "zscore"
    half_life_s: Positive | None = Field(60.0, description="none: all the past counts alike")
    least_bins: Annotated[int, Field(ge=2)] = Field(20, description="before these it says 0")
    clip: Positive | None = Field(10.0, description="bound on the score")

    def build(self, channels: int, bin_s: float) -> "Zscore":
        """For any bins."""
        return Zscore(self, channels, bin_s)


class Zscore:
    """Weighted mean and variance (West 1979); a channel that never varies has score 0."""

    def __init__(self, settings: ZscoreSettings, channels: int, bin_s: float) -> None:
        self.channels = channels
        self.events: Counter[str] = Counter()
        half_life_s = settings.half_life_s
        self._fade = 1.0 if half_life_s is None else 0.5 ** (bin_s / half_life_s)
        self._clip = settings.clip or np.inf
        self._least = settings.least_bins
        self._bins = np.zeros(channels, np.int64)
        self._weight, self._mean, self._sum = (np.zeros(channels) for _ in range(3))

    def apply(self, values: F64) -> F64:
        """The score; 0 where a value is not finite, and of that nothing is learned."""
        there = np.isfinite(values)
        distance = np.where(there, values, self._mean) - self._mean
        weight = self._fade * self._weight + 1.0
        mean = self._mean + distance / weight
        total = self._fade * self._sum + distance * (np.where(there, values, mean) - mean)
        self._weight = np.where(there, weight, self._weight)
        self._mean = np.where(there, mean, self._mean)
        self._sum = np.where(there, total, self._sum)
        self._bins += there
        deviation = np.sqrt(self._sum / np.maximum(self._weight, 1.0))
        ready = there & (self._bins >= self._least) & (deviation > 0)
        score = np.where(there, values, 0.0) - self._mean
        return np.clip(
            np.where(ready, score / np.where(ready, deviation, 1.0), 0.0), -self._clip, self._clip
        )

    def reset(self) -> None:
        """What is usual outlives a gap."""
