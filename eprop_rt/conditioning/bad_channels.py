"""Channels that say nothing: flat, saturated, or too noisy beside the others."""

from collections import Counter
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from eprop_rt.conditioning.stage import Block, SampleSettings
from eprop_rt.config import NonNegative, Positive
from eprop_rt.kernels.events import Watched, mark_channels, watch
from eprop_rt.series import F64, StreamInfo

Mask = NDArray[np.bool_]


class BadChannelsSettings(SampleSettings):
    """Looks at one window of samples after the other; what is bad in one is absent from then on."""

    kind: Literal["bad_channels"] = "bad_channels"
    window_s: Positive = 1.0
    flat_range: NonNegative = Field(
        0.0, description="a channel that moves by no more in a window is flat"
    )
    saturated_share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.1, description="of a window, at its lowest and highest values, from which it is saturated"
    )
    noisy_ratio: Annotated[float, Field(gt=1)] = Field(
        5.0, description="deviation, in medians over the channels, from which a channel is noisy"
    )
    back_after: Annotated[int, Field(ge=1)] = Field(
        3, description="good windows in a row that bring a channel back"
    )

    def build(self, info: StreamInfo) -> "BadChannels":
        """For a regular stream."""
        return BadChannels(self, info, self.rate_hz(info))


class BadChannels:
    """Which channels are bad by now.

    Events, one a channel: `channel_flat`, `channel_saturated`, `channel_noisy`, `channel_back`.
    """

    def __init__(self, settings: BadChannelsSettings, info: StreamInfo, rate_hz: float) -> None:
        self.info = info
        self.events: Counter[str] = Counter()
        self._settings = settings
        self._samples = max(2, round(settings.window_s * rate_hz))
        self._window = Watched(*(np.zeros(info.channels) for _ in Watched._fields))
        self._seen = 0
        self.bad = np.zeros(info.channels, np.uint8)
        self._any = False
        self._good_windows = np.zeros(info.channels, np.int64)
        nothing = Block.empty(info.channels)  # compiles, or loads, what is called later
        watch(nothing.values, nothing.marks, nothing.broken, self._window, 0, 0)
        mark_channels(nothing.marks, nothing.broken, self.bad, 0, 0)

    def apply(self, block: Block) -> Block:
        """Take bad channels out, and look at all of them."""
        first, rows = 0, len(block.values)
        while first < rows:
            last = min(rows, first + self._samples - self._seen)
            watch(block.values, block.marks, block.broken, self._window, first, last)
            if self._any:
                mark_channels(block.marks, block.broken, self.bad, first, last)
            self._seen += last - first
            if self._seen == self._samples:
                self._judge()
            first = last
        return block

    def _judge(self) -> None:
        of, there = self._window, self._window.samples > 0
        count = np.maximum(of.samples, 1.0)
        deviation = np.sqrt(np.maximum(of.square / count - (of.total / count) ** 2, 0.0))
        flat = there & (of.high - of.low <= self._settings.flat_range)
        at_end = (of.at_low + of.at_high) / count
        saturated = there & ~flat & (at_end >= self._settings.saturated_share)
        noisy = there & ~flat & ~saturated & self._stands_out(deviation, there & ~flat & ~saturated)
        for name, found in (("flat", flat), ("saturated", saturated), ("noisy", noisy)):
            self.events[f"channel_{name}"] += int((found & (self.bad == 0)).sum())
        now = flat | saturated | noisy
        self._good_windows[:] = np.where(now, 0, self._good_windows + there)
        back = (self.bad == 1) & (self._good_windows >= self._settings.back_after)
        self.events["channel_back"] += int(back.sum())
        self.bad[now] = 1
        self.bad[back] = 0
        self._any = bool(self.bad.any())
        self._clear()

    def _stands_out(self, deviation: F64, among: Mask) -> Mask:
        usual = float(np.median(deviation[among])) if among.any() else 0.0
        found: Mask = deviation > self._settings.noisy_ratio * usual
        return found

    def _clear(self) -> None:
        for array in self._window:
            array[:] = 0
        self._seen = 0

    def gap(self, seconds: float) -> None:
        """A window is of samples, wherever they lie."""
