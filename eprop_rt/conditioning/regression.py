"""Linear regression reference: each channel without what the others foretell of it.

Young et al. 2018, Journal of Neural Engineering 15:026014, with running estimates.
"""

from collections import Counter
from typing import Literal

import numpy as np
from pydantic import Field

from eprop_rt.conditioning.stage import Block, SampleSettings
from eprop_rt.config import Positive
from eprop_rt.errors import ConfigError
from eprop_rt.kernels.filters import subtract_average
from eprop_rt.kernels.regression import (
    add_products,
    begin_weights,
    eliminate,
    end_weights,
    residual,
)
from eprop_rt.series import StreamInfo

# Up to so many channels a fit takes some milliseconds; its work grows with their cube.
AT_ONCE = 256


class RegressionSettings(SampleSettings):
    """Ridge regression of every channel on all others, without an offset: after a high-pass."""

    kind: Literal["regression_reference"] = "regression_reference"
    refit_s: Positive = Field(10.0, description="how often weights follow; first, the mean goes")
    half_life_s: Positive | None = Field(300.0, description="none: all the past counts alike")
    ridge: Positive = Field(1e-3, description="in units of the channels' mean power")

    def build(self, info: StreamInfo) -> "RegressionReference":
        """For a regular stream."""
        if info.channels < 2:
            raise ConfigError(
                f"conditioning stage regression_reference came for {info.name}, which has one "
                "channel: leave it out"
            )
        return RegressionReference(self, info, self.rate_hz(info))


class RegressionReference:
    """Sums of products since the last fit, those of the past, and the weights of that fit.

    With more than `AT_ONCE` channels the work of a fit is spread over as many samples as there are
    channels, and its weights hold from then on.
    """

    def __init__(self, settings: RegressionSettings, info: StreamInfo, rate_hz: float) -> None:
        self.info = info
        self.events: Counter[str] = Counter()
        self._ridge = settings.ridge
        self._every = max(1, round(settings.refit_s * rate_hz))
        half_life_s = settings.half_life_s
        self._fade = 1.0 if half_life_s is None else 0.5 ** (self._every / rate_hz / half_life_s)
        channels = info.channels
        self._lasts = 0 if channels <= AT_ONCE else min(channels, self._every)  # samples, of a fit
        self._pivots = -(-channels // self._lasts) if self._lasts else channels  # a sample
        square = (channels, channels)
        self._past, self._products = np.zeros(square), np.zeros(square)
        self.weights, self._coming = np.eye(channels), np.eye(channels)
        self._row = np.zeros(info.channels)
        self._samples = 0  # since the last fit
        self._fitted = self._fitting = False
        nothing = Block.empty(info.channels).part(0)  # compiles, or loads, what is called later
        residual(nothing.values, nothing.marks, nothing.broken, self.weights, self._row)
        begin_weights(self._past, self._ridge, self._coming)
        eliminate(self._coming, 0, 0)
        end_weights(self._coming)

    def apply(self, block: Block) -> Block:
        """Replace in place; samples up to a fit are in it, those behind it get its weights."""
        first, rows = 0, len(block.values)
        if rows == 0:
            self._take(block)
        while first < rows:
            ends = self._lasts if self._fitting else self._every
            last = min(rows, first + ends - self._samples)
            part = Block(
                block.values[first:last], block.marks[first:last], block.broken[first:last]
            )
            self._take(part)
            first = last
        return block

    def _take(self, part: Block) -> None:
        add_products(part.values, part.marks, part.broken, self._products)
        if self._fitted:
            residual(part.values, part.marks, part.broken, self.weights, self._row)
        else:
            subtract_average(part.values, part.marks, part.broken)
        before, self._samples = self._samples, self._samples + len(part.values)
        if self._fitting:
            self._go_on(before)
        if self._samples == self._every:
            self._fit()

    def _fit(self) -> None:
        self._past *= self._fade
        self._past += self._products
        self._products[:] = 0
        self._samples = 0
        self._fitting = begin_weights(self._past, self._ridge, self._coming)
        if not self._fitting:
            self._adopt()
        elif self._lasts == 0:
            self._go_on(0)

    def _go_on(self, before: int) -> None:
        """The pivots of the samples behind `before`; after the last of them the weights hold."""
        channels = len(self._coming)
        if self._lasts == 0:
            eliminate(self._coming, 0, channels)
        else:
            first, last = (min(channels, n * self._pivots) for n in (before, self._samples))
            eliminate(self._coming, first, last)
        if self._samples >= self._lasts:
            end_weights(self._coming)
            self._adopt()

    def _adopt(self) -> None:
        self.weights, self._coming = self._coming, self.weights
        self._fitting, self._fitted = False, True

    def gap(self, seconds: float) -> None:
        """What channels have in common outlives a gap."""
