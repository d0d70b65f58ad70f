"""Sorted spikes that come as events: irregular samples [channel, unit, waveform ...]."""

from collections import Counter
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from eprop_rt.conditioning.stage import Block, Meaning, SampleSettings, renamed
from eprop_rt.errors import ConfigError
from eprop_rt.kernels.events import one_hot
from eprop_rt.series import StreamInfo

Count = Annotated[int, Field(ge=0)]


class SpikeEventsSettings(SampleSettings):
    """One column a channel, or a unit of a channel; the rest of a sample is not looked at."""

    takes: ClassVar[tuple[Meaning, ...]] = ("events",)
    gives: ClassVar[Meaning | None] = "counts"

    kind: Literal["spike_events"] = "spike_events"
    channels: Annotated[int, Field(gt=0)]
    first_channel: Count = Field(0, description="the number of the first channel")
    units: Count = Field(0, description="of a channel, that are told apart; 0: none")
    first_unit: Count = Field(0, description="the number of the first unit")

    def build(self, info: StreamInfo) -> "SpikeEvents":
        """For a stream of as many values as it takes."""
        least = 2 if self.units else 1
        if info.channels < least:
            raise ConfigError(
                f"conditioning stage spike_events came for {info.name} with {info.channels} "
                f"values a sample, expected {least} or more: channel, then unit"
            )
        return SpikeEvents(self, info)


class SpikeEvents:
    """Event: `spike_outside`, of a channel or unit that has no column; it adds nothing."""

    def __init__(self, settings: SpikeEventsSettings, info: StreamInfo) -> None:
        first, units = settings.first_channel, settings.units
        channels = range(first, first + settings.channels)
        numbers = range(settings.first_unit, settings.first_unit + units)
        names = [f"{c} unit {u}" for c in channels for u in numbers] or [str(c) for c in channels]
        self.info = renamed(info, tuple(names), "spikes")
        self._shape = np.array([first, settings.channels, settings.first_unit, units], np.int64)
        self._outside = np.zeros(1, np.int64)
        self._out = Block.empty(len(names))

    @property
    def events(self) -> Counter[str]:
        """What had no column."""
        return +Counter({"spike_outside": int(self._outside[0])})

    def apply(self, block: Block) -> Block:
        """A 1 in every row, in the column of its spike."""
        out = self._out.part(len(block.values))
        one_hot(block.values, block.marks, block.broken, self._shape, out.values, self._outside)
        return Block(out.values, out.marks, block.broken)

    def gap(self, seconds: float) -> None:
        """Events come when they come."""
