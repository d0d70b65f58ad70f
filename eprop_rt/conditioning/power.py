"""Power in bands: of spikes below their threshold, of EEG, of EMG."""

from collections import Counter
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from eprop_rt.conditioning.filters import (
    BandpassSettings,
    BandSettings,
    Order,
    ResetAfterGap,
    SectionFilter,
    check_band,
)
from eprop_rt.conditioning.stage import (
    Block,
    Meaning,
    SampleSettings,
    SampleStage,
    names_of,
    renamed,
)
from eprop_rt.config import Positive
from eprop_rt.kernels.filters import copy_block, magnitude, squares_into
from eprop_rt.series import StreamInfo


class RectifySettings(SampleSettings):
    """The magnitude of every sample."""

    gives: ClassVar[Meaning | None] = "power"

    kind: Literal["rectify"] = "rectify"

    def build(self, info: StreamInfo) -> "Rectified":
        """For any stream."""
        return Rectified(info)


class Rectified:
    """Has no state."""

    def __init__(self, info: StreamInfo) -> None:
        self.info = info
        self.events: Counter[str] = Counter()

    def apply(self, block: Block) -> Block:
        """The magnitude, in place."""
        magnitude(block.values)
        return block

    def gap(self, seconds: float) -> None:
        """Nothing to forget."""


class SpikeBandPowerSettings(BandSettings):
    """Mean magnitude between 300 and 1000 Hz (Nason et al. 2020), with bins.reduce: mean."""

    gives: ClassVar[Meaning | None] = "power"

    kind: Literal["spike_band_power"] = "spike_band_power"
    low_hz: Positive = 300.0
    high_hz: Positive = 1000.0

    def build(self, info: StreamInfo) -> SampleStage:
        """For a regular stream that is fast enough."""
        return SpikeBandPower(self.filter_for(info))


class SpikeBandPower:
    """The filter's state."""

    def __init__(self, band: SectionFilter) -> None:
        self._band = band
        self.info = band.info
        self.events = band.events

    def apply(self, block: Block) -> Block:
        """Filter and rectify, in place."""
        magnitude(self._band.apply(block).values)
        return block

    def gap(self, seconds: float) -> None:
        """The filter's matter."""
        self._band.gap(seconds)


class BandPowerSettings(SampleSettings):
    """The square of every sample in each band, with bins.reduce: mean; band after band."""

    gives: ClassVar[Meaning | None] = "power"

    kind: Literal["band_power"] = "band_power"
    bands_hz: tuple[tuple[Positive, Positive], ...] = Field(
        ((8.0, 12.0), (13.0, 30.0)), min_length=1, description="lower and upper edge of each"
    )
    order: Order = 2
    reset_after_gap_s: ResetAfterGap = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for low_hz, high_hz in self.bands_hz:
            check_band(low_hz, high_hz)
        return self

    def highest_hz(self) -> float:
        """The highest edge."""
        return max(high_hz for _, high_hz in self.bands_hz)

    def build(self, info: StreamInfo) -> SampleStage:
        """For a regular stream that is fast enough."""
        return BandPower(self, info)


class BandPower:
    """A filter a band."""

    def __init__(self, settings: BandPowerSettings, info: StreamInfo) -> None:
        self._filters = [
            BandpassSettings(
                low_hz=low,
                high_hz=high,
                order=settings.order,
                reset_after_gap_s=settings.reset_after_gap_s,
            ).filter_for(info)
            for low, high in settings.bands_hz
        ]
        bands = [f"{low:g}-{high:g} Hz" for low, high in settings.bands_hz]
        self.info = renamed(info, tuple(f"{c} {b}" for b in bands for c in names_of(info)))
        self._copy, self._out = Block.empty(info.channels), Block.empty(self.info.channels)

    @property
    def events(self) -> Counter[str]:
        """Of all bands."""
        return sum((one.events for one in self._filters), Counter())

    def apply(self, block: Block) -> Block:
        """Channels times bands."""
        rows, channels = block.values.shape
        copy, out = self._copy.part(rows), self._out.part(rows)
        for band, one in enumerate(self._filters):
            copy_block(block.values, copy.values)
            one.apply(Block(copy.values, block.marks, block.broken))
            squares_into(copy.values, out.values, band * channels)
        if block.broken.any():
            out.marks[:] = np.tile(block.marks, (1, len(self._filters)))
        return Block(out.values, out.marks, block.broken)

    def gap(self, seconds: float) -> None:
        """The filters' matter."""
        for one in self._filters:
            one.gap(seconds)
