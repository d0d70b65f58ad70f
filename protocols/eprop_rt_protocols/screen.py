"""What a task shows and how its trials went, as bytes and back; no socket, no clock.

Whoever runs a task publishes it about 30 times a second, as two frames: the topic `screen`, then
one JSON object, UTF-8, at most 64 KiB, with the fields of version 2 and no others. Lengths are in
cm from the centre, x to the right and y upwards.
"""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field, ValidationError

from eprop_rt_protocols.errors import LocalProtocolError, RemoteProtocolError, refused_fields
from eprop_rt_protocols.strictness import STRICT, Count, Name

SCREEN_TOPIC: Final = b"screen"
SCREEN_FRAMES = 2
MAX_SCREEN_BYTES = 64 * 1024
MAX_TARGETS = 256
MAX_RECENT_TRIALS = 200

TargetState = Literal["idle", "aim", "avoid", "won"]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]


class Target(BaseModel):
    """A disc on the screen; `aim` is where to go now."""

    model_config = STRICT

    x: float
    y: float
    radius: Positive
    state: TargetState


class TrialResult(BaseModel):
    """How a trial went."""

    model_config = STRICT

    sequence: Count = Field(description="grows by one with every trial of a task")
    success: bool
    time_to_target_s: NonNegative | None = Field(description="null where it failed")
    ended_s: float = Field(description="on the clock of the screen")
    learning: bool = Field(description="whether the decoder was learning when the trial ended")


class Screen(BaseModel):
    """A task at one instant; what is not there is null or empty."""

    model_config = STRICT

    version: Literal[2]
    sequence: Count = Field(description="grows by one with every screen of a task")
    stamp_s: float = Field(description="when this was so, on the clock that `clock` names")
    clock: Name = Field(description="name of the clock, such as lsl_local_clock")
    name: Name = Field(description="of the task or seat")
    task: Name = Field(description="its kind, such as centre_out")
    cursor: tuple[float, float]
    targets: Annotated[tuple[Target, ...], Field(max_length=MAX_TARGETS)]
    bounds: Positive = Field(description="half the width of the workspace, a square")
    phase: Name
    trial: Count = Field(description="number of trials that have ended")
    successes: Count
    failures: Count
    newest_time_s: NonNegative | None = Field(description="time to target of the newest success")
    recent: Annotated[tuple[TrialResult, ...], Field(max_length=MAX_RECENT_TRIALS)] = Field(
        description="the newest trials, in their order"
    )


def encode_screen(screen: Screen) -> list[bytes]:
    """Return the frames of a screen."""
    message = screen.model_dump_json().encode()
    if len(message) > MAX_SCREEN_BYTES:
        raise LocalProtocolError("size", _too_long(message))
    return [SCREEN_TOPIC, message]


def decode_screen(frames: Sequence[bytes]) -> Screen:
    """Return the screen in the frames of one message."""
    if len(frames) != SCREEN_FRAMES:
        raise RemoteProtocolError(
            "frames", f"{len(frames)} frames came, {SCREEN_FRAMES} were expected"
        )
    topic, message = frames
    if topic != SCREEN_TOPIC:
        raise RemoteProtocolError(
            "topic", f"topic {topic[:40]!r} came, {SCREEN_TOPIC!r} was expected"
        )
    if len(message) > MAX_SCREEN_BYTES:
        raise RemoteProtocolError("size", _too_long(message))
    try:
        return Screen.model_validate_json(message)
    except ValidationError as error:
        raise refused_fields("screen", error) from None


def _too_long(message: bytes) -> str:
    return f"screen of {len(message)} bytes, {MAX_SCREEN_BYTES} at most are expected"
