"""Questions to a running daemon and its answers, as bytes and back; no socket, no clock.

One JSON object a message, UTF-8, at most 64 KiB, with the fields of version 2 and no others. An
answer carries the id of its question; a question that could not be read is answered with an empty
id.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from eprop_rt_protocols.errors import LocalProtocolError, RemoteProtocolError, refused_fields
from eprop_rt_protocols.status import Status
from eprop_rt_protocols.strictness import STRICT, VERSION, Name

MAX_CONTROL_BYTES = 64 * 1024
MAX_SETTINGS = 64
MAX_LABEL_ROWS = 1000
MAX_LABELLED_S = 60.0

Verb = Literal["status", "freeze", "thaw", "set", "checkpoint", "rollback", "relabel", "stop"]

Key = Annotated[str, Field(max_length=255, pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$")]
Whole = Annotated[int, Field(ge=-(2**53), le=2**53)]


def _one_of_these(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    try:
        return read(value)
    except ValidationError:
        raise ValueError(
            "a finite number, true, false or a text of up to 255 characters is expected"
        ) from None


Setting = Annotated[bool | Whole | float | Name, WrapValidator(_one_of_these)]
Settings = Annotated[dict[Key, Setting], Field(min_length=1, max_length=MAX_SETTINGS)]
Row = Annotated[tuple[float, ...], Field(min_length=1, max_length=1024)]


class LabelSpan(BaseModel):
    """One label for all bins between two stamps, in seconds on the clock of the samples."""

    model_config = STRICT

    from_s: float
    to_s: float = Field(description=f"later than from_s, by {MAX_LABELLED_S:g} s at most")
    values: Row = Field(description="one per output")

    @model_validator(mode="after")
    def _is_a_span(self) -> Self:
        if not 0 < self.to_s - self.from_s <= MAX_LABELLED_S:
            raise ValueError(
                f"from {self.from_s:g} s to {self.to_s:g} s were given, "
                f"a span of up to {MAX_LABELLED_S:g} s is expected"
            )
        return self


class LabelRows(BaseModel):
    """Labels with a stamp each, in seconds on the clock of the samples."""

    model_config = STRICT

    stamps_s: Annotated[tuple[float, ...], Field(min_length=1, max_length=MAX_LABEL_ROWS)]
    rows: Annotated[tuple[Row, ...], Field(min_length=1, max_length=MAX_LABEL_ROWS)]

    @model_validator(mode="after")
    def _is_a_table(self) -> Self:
        if len(self.stamps_s) != len(self.rows):
            raise ValueError(f"{len(self.stamps_s)} stamps_s came with {len(self.rows)} rows")
        if len({len(row) for row in self.rows}) != 1:
            raise ValueError("rows of different lengths came, one value per output is expected")
        return self


class ControlRequest(BaseModel):
    """One question or order; `settings` go with set, `span` or `labels` with relabel."""

    model_config = STRICT

    version: Literal[2]
    request_id: Name
    verb: Verb
    settings: Settings | None = None
    span: LabelSpan | None = None
    labels: LabelRows | None = None

    @model_validator(mode="after")
    def _arguments_fit_the_verb(self) -> Self:
        given = [name for name in ("settings", "span", "labels") if getattr(self, name) is not None]
        match self.verb:
            case "set":
                fits, expected = given == ["settings"], "settings"
            case "relabel":
                fits, expected = given in (["span"], ["labels"]), "either span or labels"
            case _:
                fits, expected = given == [], "no argument"
        if not fits:
            raise ValueError(
                f"{self.verb} came with {' and '.join(given) or 'no argument'}, "
                f"{expected} is expected"
            )
        return self


class ControlReply(BaseModel):
    """The answer: `error` says why when not `ok`."""

    model_config = STRICT

    version: Literal[2]
    request_id: Name
    ok: bool
    error: Annotated[str, Field(max_length=1000)] | None = None
    status: Status | None = None

    @model_validator(mode="after")
    def _an_error_exactly_when_not_ok(self) -> Self:
        if self.ok == (self.error is not None):
            raise ValueError("error must be given exactly when ok is false")
        return self


def carried_out(request: ControlRequest, status: Status | None = None) -> ControlReply:
    """The answer to what was done; a stop may be answered where no status can be."""
    return ControlReply(version=VERSION, request_id=request.request_id, ok=True, status=status)


def refused(request_id: str, why: str) -> ControlReply:
    """The answer to what was not understood or not done."""
    return ControlReply(version=VERSION, request_id=request_id, ok=False, error=why[:1000])


def encode_request(request: ControlRequest) -> bytes:
    """Return the bytes of a question, without the arguments that it does not have."""
    return _bounded(request.model_dump_json(exclude_none=True).encode())


def encode_reply(reply: ControlReply) -> bytes:
    """Return the bytes of an answer."""
    return _bounded(reply.model_dump_json().encode())


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


def _bounded(encoded: bytes) -> bytes:
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
