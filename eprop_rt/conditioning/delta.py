"""Delta encoding: an event whenever a channel has moved by a step, up and down apart."""

from collections import Counter
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from eprop_rt.conditioning.stage import Block, Meaning, SampleSettings, names_of, renamed
from eprop_rt.config import Positive
from eprop_rt.kernels.events import deltas
from eprop_rt.series import StreamInfo


class DeltaSettings(SampleSettings):
    """How far a channel moves between two events; twice as many channels come out, ups first."""

    takes: ClassVar[tuple[Meaning, ...]] = ("signal", "power")
    gives: ClassVar[Meaning | None] = "counts"

    kind: Literal["delta"] = "delta"
    step: Positive = Field(description="in the units of the signal")

    def build(self, info: StreamInfo) -> "Delta":
        """For any stream."""
        return Delta(self, info)


class Delta:
    """The level that each channel's events have brought it to; it begins at the first value."""

    def __init__(self, settings: DeltaSettings, info: StreamInfo) -> None:
        names = names_of(info)
        ways = tuple(f"{name} {way}" for way in ("up", "down") for name in names)
        self.info = renamed(info, ways, "steps")
        self.events: Counter[str] = Counter()
        self._step = settings.step
        self._level = np.full(info.channels, np.nan)
        self._out = Block.empty(2 * info.channels)

    def apply(self, block: Block) -> Block:
        """Steps in every sample: 0, mostly."""
        out = self._out.part(len(block.values))
        deltas(block.values, block.marks, block.broken, self._step, self._level, out.values)
        if block.broken.any():
            out.marks[:] = np.tile(block.marks, (1, 2))
        return Block(out.values, out.marks, block.broken)

    def gap(self, seconds: float) -> None:
        """What it has moved by in a gap is no event: the level begins anew."""
        self._level[:] = np.nan
