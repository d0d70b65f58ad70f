"""Which classes there are, and what says which of them it is."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from eprop_rt.config import NonNegative, Positive, Settings

UNIT = "1"  # of a probability


class ClassSettings(Settings):
    """Labels of classes, out of markers or out of a channel of numbers."""

    labels: Annotated[tuple[str, ...], Field(min_length=2)] = Field(
        description="names of the classes, in the order of the outputs"
    )
    source: Literal["markers", "channel"] = Field(
        "markers", description="channel: a label stream of one channel, with a number a class"
    )
    begins: dict[str, str] = Field(
        default_factory=dict,
        description="class that each marker, or number, stands for; none given: its own name, or "
        "0, 1, ... in the order of the labels",
    )
    ends: tuple[str, ...] = Field((), description="markers that end whatever class there is")
    repeat_ends: bool = Field(
        False, description="a marker that comes again ends the class that it began"
    )
    delay_s: NonNegative = Field(0.0, description="from a marker to the first bin that it labels")
    hold_s: Positive | None = Field(
        None, description="how long it labels; none: until the next marker that begins or ends"
    )

    @model_validator(mode="after")
    def _names_that_are_told_apart(self) -> Self:
        twice = [name for name in self.labels if self.labels.count(name) > 1]
        if twice or not all(self.labels):
            raise ValueError(f"labels name {twice[0] if twice else ''!r} twice or not at all")
        unknown = [name for name in self.begins.values() if name not in self.labels]
        if unknown:
            raise ValueError(
                f"begins names the class {unknown[0]!r}: take one of {', '.join(self.labels)}"
            )
        both = [text for text in self.ends if text in self.class_of]
        if both:
            raise ValueError(f"{both[0]!r} both begins a class and ends one: leave one of them out")
        return self

    @model_validator(mode="after")
    def _times_are_of_markers(self) -> Self:
        if self.source == "channel" and (self.ends or self.repeat_ends or self.delay_s):
            raise ValueError("ends, repeat_ends and delay_s are of markers: set source: markers")
        if self.source == "channel" and self.hold_s is not None:
            raise ValueError("hold_s is of markers: set source: markers")
        return self

    @property
    def class_of(self) -> dict[str, int]:
        """The class that each text begins, by its number."""
        if self.begins:
            return {text: self.labels.index(name) for text, name in self.begins.items()}
        named = {name: k for k, name in enumerate(self.labels)}
        return named if self.source == "markers" else {str(k): k for k in named.values()}
