"""High-pass, low-pass, band-pass and notch: causal, with their state kept from sample to sample."""

from abc import abstractmethod
from collections import Counter
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from eprop_rt.conditioning.design import at_rest, butterworth, memory_s, notches
from eprop_rt.conditioning.stage import SHORT_S, Block, Meaning, SampleSettings, SampleStage
from eprop_rt.config import Positive
from eprop_rt.errors import ConfigError
from eprop_rt.kernels.filters import filter_sections
from eprop_rt.series import F64, StreamInfo

Order = Annotated[int, Field(ge=1, le=8, description="of the Butterworth filter")]
ResetAfterGap = Annotated[
    Annotated[float, Field(ge=SHORT_S, allow_inf_nan=False)] | None,
    Field(
        description="a longer gap starts the filter anew; none: the time in which it forgets to "
        f"1/e, but no less than {SHORT_S} s"
    ),
]


class FilterSettings(SampleSettings):
    """Of any filter."""

    takes: ClassVar[tuple[Meaning, ...]] = ("signal", "power")

    reset_after_gap_s: ResetAfterGap = None

    @abstractmethod
    def edges_hz(self) -> tuple[float, ...]:
        """All frequencies that must lie below half the rate."""

    def highest_hz(self) -> float:
        """The highest of them."""
        return max(self.edges_hz())

    @abstractmethod
    def sections(self, rate_hz: float) -> F64:
        """The filter, (S, 6)."""

    def build(self, info: StreamInfo) -> SampleStage:
        """The filter for a stream; raises ConfigError where the stream is too slow for it."""
        return self.filter_for(info)

    def filter_for(self, info: StreamInfo) -> "SectionFilter":
        """Likewise."""
        rate_hz, highest = self.rate_hz(info), self.highest_hz()
        if highest >= rate_hz / 2:
            raise ConfigError(
                f"conditioning stage {getattr(self, 'kind', '')} has an edge at {highest:g} Hz, "
                f"{info.name} comes at {rate_hz:g} Hz: take one below {rate_hz / 2:g} Hz"
            )
        return SectionFilter(self.sections(rate_hz), info, self.reset_after_gap_s)


class CutoffSettings(FilterSettings):
    """Of a Butterworth filter with one edge."""

    kind: Literal["highpass", "lowpass"]
    cutoff_hz: Positive
    order: Order = 2

    def edges_hz(self) -> tuple[float, ...]:
        """The cutoff."""
        return (self.cutoff_hz,)

    def sections(self, rate_hz: float) -> F64:
        """Butterworth."""
        return butterworth(self.order, self.kind, self.edges_hz(), rate_hz)


class HighpassSettings(CutoffSettings):
    """Takes away what is slower."""

    kind: Literal["highpass"] = "highpass"


class LowpassSettings(CutoffSettings):
    """Takes away what is faster: after `rectify`, an envelope."""

    kind: Literal["lowpass"] = "lowpass"


class BandSettings(FilterSettings):
    """Of a Butterworth filter with two edges."""

    kind: Literal["bandpass", "spike_band_power"]
    low_hz: Positive
    high_hz: Positive
    order: Order = 2

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        check_band(self.low_hz, self.high_hz)
        return self

    def edges_hz(self) -> tuple[float, ...]:
        """Both edges."""
        return (self.low_hz, self.high_hz)

    def sections(self, rate_hz: float) -> F64:
        """Butterworth, of `order` at each edge."""
        return butterworth(self.order, "bandpass", self.edges_hz(), rate_hz)


class BandpassSettings(BandSettings):
    """Leaves a band."""

    kind: Literal["bandpass"] = "bandpass"


class NotchSettings(FilterSettings):
    """Takes away the mains and its harmonics."""

    kind: Literal["notch"] = "notch"
    frequency_hz: Positive = 50.0
    quality: Positive = Field(30.0, description="frequency over width, of each notch")
    harmonics: Annotated[int, Field(ge=1)] = Field(1, description="notches, the first included")

    def edges_hz(self) -> tuple[float, ...]:
        """The frequency and its harmonics."""
        return tuple(self.frequency_hz * (k + 1) for k in range(self.harmonics))

    def sections(self, rate_hz: float) -> F64:
        """One section a notch."""
        return notches(self.edges_hz(), self.quality, rate_hz)


def check_band(low_hz: float, high_hz: float) -> None:
    """Raise ValueError where a band is none."""
    if low_hz >= high_hz:
        raise ValueError(f"low_hz {low_hz:g} is not below high_hz {high_hz:g}: exchange them")


class SectionFilter:
    """Second-order sections over all channels of a stream.

    Starts, and starts anew after a long gap, as if each channel's first value had always been
    there. An absent value is filtered as the one before it, and stays absent. Event:
    `filter_restarted`, a filter after a gap.
    """

    def __init__(self, sections: F64, info: StreamInfo, reset_after_gap_s: float | None) -> None:
        self.info = info
        self.events: Counter[str] = Counter()
        self._sections = sections
        self._rest = at_rest(sections)
        self._state = np.zeros((len(sections), 2, info.channels))
        self._fresh = np.ones(info.channels + 1, np.uint8)
        self._patience_s = reset_after_gap_s or max(
            SHORT_S, memory_s(sections, info.sample_rate_hz)
        )

    def apply(self, block: Block) -> Block:
        """Filter in place."""
        filter_sections(
            block.values,
            block.marks,
            block.broken,
            self._sections,
            self._rest,
            self._state,
            self._fresh,
        )
        return block

    def gap(self, seconds: float) -> None:
        """Start anew where the filter would have forgotten."""
        if seconds > self._patience_s:
            self._state[:] = 0
            self._fresh[:] = 1
            self.events["filter_restarted"] += 1
