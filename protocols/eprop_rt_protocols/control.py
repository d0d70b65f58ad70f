"""Questions to a running daemon and its answers, as bytes and back; no socket, no clock.

One JSON object a message, UTF-8, at most 64 KiB, with the fields of version 1 and no others. An
answer carries the id of its question; a question that could not be read is answered with an empty
id.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from eprop_rt_protocols.command import Learning
from eprop_rt_protocols.errors import LocalProtocolError, RemoteProtocolError, refused_fields
from eprop_rt_protocols.strictness import STRICT, Count, Name

MAX_CONTROL_BYTES = 64 * 1024

Verb = Literal["status", "freeze", "thaw", "checkpoint", "stop"]


class Status(BaseModel):
    """How a daemon is doing."""

    model_config = STRICT

    state: Literal["starting", "running", "stopping"]
    learning: Learning
    bins: Count
    missed_bins: Count = Field(description="bins whose command came after its deadline")
    published: Count
    events: dict[Name, Count] = Field(description="how often each named event has happened")
    latency_ms: dict[Name, float] = Field(description="percentiles; absent until measured")
    decoder: Name
    model_id: Name
    uptime_s: Annotated[float, Field(ge=0)]


class ControlRequest(BaseModel):
    """One question or order."""

    model_config = STRICT

    version: Literal[1]
    request_id: Name
    verb: Verb


class ControlReply(BaseModel):
    """The answer: `error` says why when not `ok`."""

    model_config = STRICT

    version: Literal[1]
    request_id: Name
    ok: bool
    error: Annotated[str, Field(max_length=1000)] | None = None
    status: Status | None = None

    @model_validator(mode="after")
    def _an_error_exactly_when_not_ok(self) -> Self:
        if self.ok == (self.error is not None):
            raise ValueError("error must be given exactly when ok is false")
        return self


def encode_request(request: ControlRequest) -> bytes:
    """Return the bytes of a question."""
    return _encode(request)


def encode_reply(reply: ControlReply) -> bytes:
    """Return the bytes of an answer."""
    return _encode(reply)


def decode_request(message: bytes) -> ControlRequest:
    """Return the question in a message."""
    _check_size(message)
    try:
        return ControlRequest.model_validate_json(message)
    except ValidationError as error:
        raise refused_fields("control request", error) from None


def decode_reply(message: bytes) -> ControlReply:
    """Return the answer in a message."""
    _check_size(message)
    try:
        return ControlReply.model_validate_json(message)
    except ValidationError as error:
        raise refused_fields("control reply", error) from None


def _encode(message: ControlRequest | ControlReply) -> bytes:
    encoded = message.model_dump_json().encode()
    if len(encoded) > MAX_CONTROL_BYTES:
        raise LocalProtocolError(
            "size", f"message of {len(encoded)} bytes, {MAX_CONTROL_BYTES} at most are expected"
        )
    return encoded


def _check_size(message: bytes) -> None:
    if len(message) > MAX_CONTROL_BYTES:
        raise RemoteProtocolError(
            "size", f"message of {len(message)} bytes, {MAX_CONTROL_BYTES} at most are expected"
        )
