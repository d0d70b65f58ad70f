"""What a journal says beside samples: one JSON object an event, version 1.

The place of an order is `(decoded, finished)`: how many bins were decoded, and how many of them
were learned from or passed over, when it was carried out. It decides on the bin that the order
falls before, whatever the samples' chunks were.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from eprop_rt.errors import RecordingError
from eprop_rt.orders import Order
from eprop_rt.series import StreamInfo


class _Event(BaseModel):
    # NaN is a label that is absent: it must come back as it went.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class Placed(_Event):
    """Something that happened between two steps of the data path."""

    decoded: int
    finished: int

    @property
    def place(self) -> tuple[int, int]:
        """Where."""
        return self.decoded, self.finished


class Start(_Event):
    """The head of a segment: all that is needed to build the data path again."""

    event: Literal["start"] = "start"
    version: Literal[1] = 1
    program: str
    host: str
    pid: int
    started: str = Field(description="UTC")
    config: dict[str, Any]
    decoder: dict[str, Any] = Field(description="its settings, with nothing left to the machine")
    signals: tuple[StreamInfo, ...]
    labels: StreamInfo | None
    outputs: int
    origin: Literal["zero", "checkpoint", "before"] = Field(
        description="before: goes on where the segment before it ends"
    )
    checkpoint: str | None = Field(None, description="the file, beside this one")
    sha256: str | None = Field(None, description="of its arrays")


class Ordered(Placed):
    """An order was carried out."""

    event: Literal["order"] = "order"
    by: str
    order: Annotated[Order, Field(discriminator="verb")]


class Taken(Placed):
    """What was learned so far was copied, to be written to `file`."""

    event: Literal["checkpoint"] = "checkpoint"
    file: str


class Kept(_Event):
    """A checkpoint is on the disk."""

    event: Literal["checkpoint_written"] = "checkpoint_written"
    file: str
    sha256: str


class Counted(_Event):
    """How often each unusual thing has happened so far; written when that changed."""

    event: Literal["events"] = "events"
    events: dict[str, int]


class Guarded(_Event):
    """The guard stands on another rung, or for another cause, since so many bins were decoded."""

    event: Literal["guard"] = "guard"
    decoded: int
    rung: str
    cause: str


class Noted(_Event):
    """Something that people will want to read."""

    event: Literal["note"] = "note"
    text: str


class End(Placed):
    """The data path ended in good order, with this digest of all commands and of the decoder."""

    event: Literal["end"] = "end"
    cause: str
    digest: str


Event = Start | Ordered | Taken | Kept | Counted | Guarded | Noted | End
_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])


def as_text(event: Event) -> str:
    """One line of JSON."""
    return event.model_dump_json()


def from_text(text: str) -> Event:
    """The event in a line; raises RecordingError where it is none of this version."""
    try:
        return _EVENT.validate_json(text)
    except ValidationError as error:
        what = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in what["loc"])
        raise RecordingError(
            f"it holds an event that this version does not know ({key}: {what['msg']}): replay it "
            "with the version of eprop-rt that wrote it"
        ) from None
