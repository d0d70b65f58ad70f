"""Which live streams to read, and what to make of their time."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from eprop_rt.config import NonNegative, Positive, Settings
from eprop_rt_protocols.streams import StreamRequirement

WhenOld = Literal["latest", "hold", "stop"]
OffClock = Literal["follow", "drop"]


class LslSettings(Settings):
    """Which live streams to read, and what to make of them."""

    signal: StreamRequirement = StreamRequirement(type="Spikes")
    more_signals: tuple[StreamRequirement, ...] = Field(
        (), description="further streams whose channels come after those of the signal"
    )
    labels: StreamRequirement | None = None
    label_delay_s: NonNegative = Field(
        0.0, description="labels are stamped so much later than what they describe"
    )
    markers: StreamRequirement | None = Field(None, description="states of the task, as texts")
    freeze_on: tuple[str, ...] = Field((), description="markers at which learning pauses")
    thaw_on: tuple[str, ...] = Field((), description="markers at which learning goes on")
    wait_s: Positive | None = Field(
        10.0, description="how long to look for the streams at the start; none: for ever"
    )
    settle_s: NonNegative = Field(
        1.0,
        description="how long to look for a second stream of the same description; at most 0.1 s "
        "where a source_id is required",
    )
    max_buffer_s: Annotated[int, Field(gt=0)] = Field(5, description="older samples are lost")
    max_age_s: Positive = Field(0.5, description="samples older than this are old")
    when_old: WhenOld = Field(
        "latest", description="latest: drop old samples; hold: hold the output; stop: end"
    )
    silence_s: Positive = Field(1.0, description="no sample for so long is an event")
    max_clock_error_s: Positive = Field(
        2.0, description="a stamp farther from now is off the clock, and dropped"
    )
    off_clock: OffClock = Field(
        "follow", description="follow: shift a stream that keeps another clock; drop: never take it"
    )
    clock_step_after_s: Positive = Field(
        0.3, description="stamps that are off by the same amount for so long are another clock"
    )

    @property
    def signals(self) -> tuple[StreamRequirement, ...]:
        """All signals, in the order of their channels."""
        return self.signal, *self.more_signals

    @model_validator(mode="after")
    def _each_stream_once(self) -> Self:
        wanted = [*self.signals, *(w for w in (self.labels, self.markers) if w is not None)]
        said = [stream.predicate() for stream in wanted]
        twice = next((text for text in said if said.count(text) > 1), None)
        if twice is not None:
            raise ValueError(f"{twice} is asked for twice: require each stream once")
        return self

    @model_validator(mode="after")
    def _markers_that_mean_something(self) -> Self:
        if self.markers is None and (self.freeze_on or self.thaw_on):
            raise ValueError("freeze_on or thaw_on is given without markers: require their stream")
        both = set(self.freeze_on) & set(self.thaw_on)
        if both:
            raise ValueError(
                f"'{min(both)}' is in freeze_on and in thaw_on: leave it in one of them"
            )
        return self

    @model_validator(mode="after")
    def _times_that_fit(self) -> Self:
        if self.max_age_s > self.max_buffer_s:
            raise ValueError(
                f"max_age_s {self.max_age_s:g} exceeds max_buffer_s {self.max_buffer_s}, beyond "
                "which samples are lost: give a longer buffer or a lesser age"
            )
        if self.label_delay_s > 0 and self.labels is None:
            raise ValueError("label_delay_s is given without labels: require their stream")
        return self
