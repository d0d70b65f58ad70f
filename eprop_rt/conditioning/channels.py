"""Selection of channels, by number or name."""

from collections import Counter
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from eprop_rt.conditioning.stage import Block, Meaning, SampleSettings, names_of
from eprop_rt.errors import ConfigError
from eprop_rt.series import StreamInfo
from eprop_rt.structs import Ints

Channel = Annotated[int, Field(ge=0)] | str


class ChannelsSettings(SampleSettings):
    """Either the channels to keep, in that order, or those to leave out."""

    takes: ClassVar[tuple[Meaning, ...]] = ("signal", "power", "counts", "events")

    kind: Literal["channels"] = "channels"
    keep: tuple[Channel, ...] | None = Field(None, description="numbers from 0, or names")
    drop: tuple[Channel, ...] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.keep is None) == (self.drop is None):
            raise ValueError("channels needs one of keep and drop: give that one")
        return self

    def build(self, info: StreamInfo) -> "Channels":
        """For any stream; raises ConfigError for a channel that it does not have."""
        numbers = [self._number(one, info) for one in self.keep or self.drop or ()]
        if self.keep is None:
            numbers = [c for c in range(info.channels) if c not in numbers]
        if not numbers:
            raise ConfigError(f"conditioning stage channels leaves none of {info.name}: keep one")
        return Channels(np.array(numbers), info)

    @staticmethod
    def _number(channel: Channel, info: StreamInfo) -> int:
        if isinstance(channel, str) and channel in info.channel_names:
            return info.channel_names.index(channel)
        if isinstance(channel, int) and channel < info.channels:
            return channel
        raise ConfigError(
            f"conditioning stage channels names {channel!r}, {info.name} has "
            f"{', '.join(info.channel_names[:8]) or f'channels 0 to {info.channels - 1}'}: "
            "name one of them"
        )


class Channels:
    """Has no state."""

    def __init__(self, numbers: Ints, info: StreamInfo) -> None:
        self._numbers = numbers
        names = names_of(info)
        units = tuple(info.units[c] for c in numbers) if info.units else ()
        self.info = StreamInfo(
            info.name, len(numbers), info.sample_rate_hz, tuple(names[c] for c in numbers), units
        )
        self.events: Counter[str] = Counter()

    def apply(self, block: Block) -> Block:
        """The channels that are kept."""
        return Block(
            np.ascontiguousarray(block.values[:, self._numbers]),
            np.ascontiguousarray(block.marks[:, self._numbers]),
            block.broken,
        )

    def gap(self, seconds: float) -> None:
        """Nothing to forget."""
