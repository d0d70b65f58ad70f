"""What every stage of conditioning is."""

from abc import abstractmethod
from collections import Counter
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Protocol

import numpy as np
from pydantic import Field

from eprop_rt.config import Settings
from eprop_rt.errors import ConfigError
from eprop_rt.series import F64, StreamInfo
from eprop_rt.structs import Marks

# Stamps jump by so much without a sample missing: chunks are stamped as they leave a computer.
SHORT_S = 0.1
ROWS = 256  # samples of a block: some hundred channels of it stay in a core's cache

# What values mean. Counts add up in a bin; power averages; a signal may be filtered.
Meaning = Literal["signal", "power", "counts", "events"]
Streams = Annotated[
    tuple[Annotated[int, Field(ge=0)], ...] | None,
    Field(description="positions of the input streams that it is for; none: all"),
]


@dataclass(frozen=True, slots=True)
class Block:
    """Some samples, (n, C); stages write them in place.

    `marks` (n, C) says which are absent, in rows with `broken` (n,); it means nothing in others.
    """

    values: F64
    marks: Marks
    broken: Marks

    @staticmethod
    def empty(channels: int) -> "Block":
        """Room for `ROWS` samples."""
        return Block(
            np.zeros((ROWS, channels)),
            np.zeros((ROWS, channels), np.uint8),
            np.zeros(ROWS, np.uint8),
        )

    def part(self, rows: int) -> "Block":
        """The first rows."""
        return Block(self.values[:rows], self.marks[:rows], self.broken[:rows])


class SampleStage(Protocol):
    """Works on samples of one stream, before they are binned."""

    info: StreamInfo  # of what comes out

    @property
    def events(self) -> Counter[str]:
        """Everything unusual so far, by name."""
        ...

    def apply(self, block: Block) -> Block:
        """What comes out of a block: itself, or another of as many rows."""
        ...

    def gap(self, seconds: float) -> None:
        """So much of a regular stream, more than `SHORT_S`, has not come before the next block."""
        ...


class BinStage(Protocol):
    """Works on bins of all streams together."""

    channels: int  # of what comes out
    events: Counter[str]

    def apply(self, values: F64) -> F64:
        """What comes out of a bin's values (C,); NaN is absent, and nothing is learned from it."""
        ...

    def reset(self) -> None:
        """A gap came that resets the decoder."""
        ...


class SampleSettings(Settings):
    """Of a stage that works on samples: what it takes, what it gives."""

    takes: ClassVar[tuple[Meaning, ...]] = ("signal",)
    gives: ClassVar[Meaning | None] = None  # none: what it was given

    streams: Streams = None

    @abstractmethod
    def build(self, info: StreamInfo) -> SampleStage:
        """The stage, for a stream; raises ConfigError where it does not fit that."""

    def highest_hz(self) -> float:
        """The highest frequency that it speaks of; a stream has to have more than twice that."""
        return 1000.0

    def rate_hz(self, info: StreamInfo) -> float:
        """The rate of a regular stream; raises ConfigError for another."""
        if info.sample_rate_hz <= 0:
            raise ConfigError(
                f"conditioning stage {getattr(self, 'kind', '')} came for {info.name}, whose "
                "samples are irregular: give it a regular stream, or name those with streams"
            )
        return info.sample_rate_hz


class BinStageSettings(Settings):
    """Of a stage that works on bins."""

    needs: ClassVar[tuple[str, ...]] = ()  # what bins.reduce may be; none: anything

    @abstractmethod
    def build(self, channels: int, bin_s: float) -> BinStage:
        """The stage, for so many channels."""


def renamed(info: StreamInfo, names: tuple[str, ...], unit: str | None = None) -> StreamInfo:
    """The stream with other channels, all in one unit; none: unknown."""
    units = () if unit is None else (unit,) * len(names)
    return StreamInfo(info.name, len(names), info.sample_rate_hz, names, units)


def names_of(info: StreamInfo) -> tuple[str, ...]:
    """The names of its channels, or else their numbers."""
    return info.channel_names or tuple(str(c) for c in range(info.channels))
