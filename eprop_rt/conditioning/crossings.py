"""Threshold crossings: a channel's voltage beyond a multiple of its own RMS, once a spike."""

from collections import Counter
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from eprop_rt.conditioning.stage import Block, Meaning, SampleSettings, names_of, renamed
from eprop_rt.config import NonNegative, Positive
from eprop_rt.kernels.events import Crossing, crossings
from eprop_rt.series import StreamInfo


class CrossingsSettings(SampleSettings):
    """The threshold follows each channel's RMS, in which no sample counts for more than `clip`."""

    gives: ClassVar[Meaning | None] = "counts"

    kind: Literal["threshold_crossings"] = "threshold_crossings"
    multiple: Annotated[float, Field(allow_inf_nan=False)] = Field(
        -4.5, description="of the RMS; below 0: downwards"
    )
    refractory_s: NonNegative = Field(1e-3, description="after a crossing, without another")
    half_life_s: Positive = Field(10.0, description="of the running mean square")
    start_s: Positive = Field(1.0, description="at first, without crossings")
    clip: Positive | None = Field(
        3.0, description="RMS beyond which a sample counts as this; none: spikes raise the RMS"
    )

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.multiple == 0:
            raise ValueError("multiple is 0: give how many RMS below (-4.5) or above 0")
        if self.clip is not None and self.clip < 1:
            raise ValueError(f"clip is {self.clip:g} RMS: give more than 1, such as 3")
        return self

    def build(self, info: StreamInfo) -> "Crossings":
        """For a regular stream."""
        return Crossings(self, info, self.rate_hz(info))


class Crossings:
    """Each channel's mean square, and where it is beside its threshold."""

    def __init__(self, settings: CrossingsSettings, info: StreamInfo, rate_hz: float) -> None:
        self.info = renamed(info, names_of(info), "crossings")
        self.events: Counter[str] = Counter()
        channels = info.channels
        self.state = Crossing(
            square=np.zeros(channels),
            seen=np.zeros(channels),
            beyond=np.zeros(channels, np.uint8),
            wait=np.zeros(channels),
        )
        self._multiple = float(settings.multiple)
        self._wait = float(round(settings.refractory_s * rate_hz))
        self._rate = 1.0 - 0.5 ** (1.0 / (settings.half_life_s * rate_hz))
        self._start = float(max(1, round(settings.start_s * rate_hz)))
        self._clip = np.inf if settings.clip is None else float(settings.clip**2)

    def apply(self, block: Block) -> Block:
        """1 for a crossing, 0 for none, in place."""
        crossings(
            block.values,
            block.marks,
            block.broken,
            self.state,
            self._multiple,
            self._wait,
            self._rate,
            self._start,
            self._clip,
        )
        return block

    def gap(self, seconds: float) -> None:
        """A crossing is not one of the samples before the gap; the RMS stays."""
        self.state.beyond[:] = 0
        self.state.wait[:] = 0
