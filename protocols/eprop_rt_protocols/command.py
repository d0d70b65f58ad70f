"""A command: what the decoder wants the effector to do, and when that stops being true."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, model_validator

from eprop_rt_protocols.strictness import STRICT, Count, Name

Learning = Literal["on", "off", "frozen"]
OutputKind = Literal["decoded", "clipped", "held", "zeroed"]
Values = NDArray[np.float32] | NDArray[np.float64]
Dimension = Annotated[int, Field(ge=1, le=2**16)]

MAX_VALUES = 2**16


class Stamps(BaseModel):
    """When things happened, in seconds of the clock that `clock` names."""

    model_config = STRICT

    origin_s: float = Field(description="stamp of the newest sample that the command rests on")
    bin_end_s: float = Field(description="end of the bin that the command was computed from")
    published_s: float = Field(description="when the command was handed to the transport")
    clock: Name = Field(description="name of the clock, such as lsl_local_clock")


class CommandHeader(BaseModel):
    """What is to be known of a command beside its values."""

    model_config = STRICT

    version: Literal[2]
    sequence: Count = Field(description="grows by one with every command of a daemon")
    stamps: Stamps
    deadline_s: float = Field(description="on the clock of the stamps; drop the command after it")
    host: Name = Field(description="the machine whose clock made the stamps")
    model_id: Name
    update_id: Count = Field(description="number of weight updates behind this command")
    learning: Learning
    output: OutputKind = Field(
        description="what the guard made of it: decoded as it is, clipped to its bounds, held at "
        "the one before, or zeroed"
    )
    dtype: Literal["<f4", "<f8"]
    shape: Annotated[tuple[Dimension, ...], Field(min_length=1, max_length=4)]
    names: tuple[Name, ...] = Field(description="one per value of the last axis, or none")
    units: tuple[Name, ...] = Field(description="one per value of the last axis, or none")

    @model_validator(mode="after")
    def _counts_agree(self) -> Self:
        if math.prod(self.shape) > MAX_VALUES:
            raise ValueError(f"shape {self.shape} holds more than {MAX_VALUES} values")
        for field, entries in (("names", self.names), ("units", self.units)):
            if len(entries) not in (0, self.shape[-1]):
                raise ValueError(
                    f"{len(entries)} {field} came with shape {self.shape}, "
                    f"{self.shape[-1]} or none were expected"
                )
        return self


@dataclass(frozen=True, slots=True, eq=False)
class Command:
    """A header and its values, an array of the header's `shape` and `dtype`."""

    header: CommandHeader
    values: Values
