"""What a daemon shows of itself to who looks at it, as bytes and back; no socket, no clock.

A view goes out at most ten times a second, at the endpoint for readers that only show, and only
while somebody subscribes to its topic. It has seven frames: the topic `view`, a JSON header of at
most 64 KiB, then little-endian arrays in C order: `decoded` (bins, outputs) float32, `labels`
(bins, outputs) float32, NaN where there was none, `inputs` (bins, inputs) float32, `spikes`
(bins, ceil(neurons / 8)) bytes, the first neuron in the highest bit, and `weights` (sample,)
float32. Views may be lost: `first` says which bins these are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from eprop_rt_protocols.command import Learning
from eprop_rt_protocols.errors import LocalProtocolError, RemoteProtocolError, refused_fields
from eprop_rt_protocols.strictness import STRICT, Count, Name

VIEW_TOPIC: Final = b"view"
VIEW_FRAMES = 7
MAX_HEADER_BYTES = 64 * 1024
MAX_BINS = 128
MAX_SHOWN = 1024  # inputs and neurons, the first of those there are
MAX_SAMPLE = 1024

F32 = NDArray[np.float32]
Bits = NDArray[np.bool_]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]


class ViewHeader(BaseModel):
    """What is to be known of a view beside its arrays; what is not there is null."""

    model_config = STRICT

    version: Literal[2]
    sequence: Count = Field(description="grows by one with every view of a daemon")
    stamp_s: float = Field(description="when it was made, on the clock that `clock` names")
    clock: Name = Field(description="name of the clock, such as lsl_local_clock")
    host: Name
    pid: Count
    first: Count = Field(description="number of its first bin, counted from the daemon's start")
    bins: Annotated[int, Field(ge=0, le=MAX_BINS)]
    bin_s: Positive
    newest_end_s: float = Field(description="end of its newest bin, on the clock of the samples")
    outputs: Annotated[int, Field(ge=0, le=MAX_SHOWN)]
    inputs: Annotated[int, Field(ge=0, le=MAX_SHOWN)] = Field(description="that are shown")
    neurons: Annotated[int, Field(ge=0, le=MAX_SHOWN)] = Field(description="that are shown")
    of_inputs: Count = Field(description="that there are")
    of_neurons: Count = Field(description="that there are")
    names: Annotated[tuple[Name, ...], Field(max_length=MAX_SHOWN)]
    units: Annotated[tuple[Name, ...], Field(max_length=MAX_SHOWN)]
    learning: Learning
    data_age_s: float | None
    norms: dict[Name, NonNegative] | None = Field(
        description="root of the sum of squares of each group of weights; about once a second"
    )
    sample: Annotated[int, Field(ge=0, le=MAX_SAMPLE)] = Field(
        description="weights in the last frame, always the same ones"
    )


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A header and its arrays; `spikes` (bins, neurons)."""

    header: ViewHeader
    decoded: F32
    labels: F32
    inputs: F32
    spikes: Bits
    weights: F32


def encode_view(view: View) -> list[bytes]:
    """Return the frames of a view; raises LocalProtocolError where arrays and header differ."""
    header = view.header
    given = (view.decoded, view.labels, view.inputs, view.spikes, view.weights)
    for array, shape in zip(given, _shapes(header), strict=True):
        if array.shape != shape:
            raise LocalProtocolError(
                "shape", f"an array {array.shape} came, the header says {shape}"
            )
    floats = [np.ascontiguousarray(a, "<f4").tobytes() for a in (*given[:3], view.weights)]
    bits = np.packbits(view.spikes, axis=1).tobytes()
    message = header.model_dump_json().encode()
    if len(message) > MAX_HEADER_BYTES:
        raise LocalProtocolError("size", _too_long(message))
    return [VIEW_TOPIC, message, *floats[:3], bits, floats[3]]


def decode_view(frames: Sequence[bytes]) -> View:
    """Return the view in the frames of one message."""
    if len(frames) != VIEW_FRAMES:
        raise RemoteProtocolError(
            "frames", f"{len(frames)} frames came, {VIEW_FRAMES} were expected"
        )
    topic, message, decoded, labels, inputs, spikes, weights = frames
    if topic != VIEW_TOPIC:
        raise RemoteProtocolError(
            "topic", f"topic {topic[:40]!r} came, {VIEW_TOPIC!r} was expected"
        )
    if len(message) > MAX_HEADER_BYTES:
        raise RemoteProtocolError("size", _too_long(message))
    try:
        header = ViewHeader.model_validate_json(message)
    except ValidationError as error:
        raise refused_fields("view header", error) from None
    shapes = _shapes(header)
    return View(
        header,
        _floats(decoded, shapes[0]),
        _floats(labels, shapes[1]),
        _floats(inputs, shapes[2]),
        _bits(spikes, shapes[3]),
        _floats(weights, shapes[4]),
    )


def _shapes(header: ViewHeader) -> tuple[tuple[int, ...], ...]:
    bins = header.bins
    outputs = (bins, header.outputs)
    return outputs, outputs, (bins, header.inputs), (bins, header.neurons), (header.sample,)


def _floats(frame: bytes, shape: tuple[int, ...]) -> F32:
    _check(frame, 4 * int(np.prod(shape)))
    return np.frombuffer(frame, "<f4").reshape(shape)


def _bits(frame: bytes, shape: tuple[int, ...]) -> Bits:
    bins, neurons = shape
    each = -(-neurons // 8)
    _check(frame, bins * each)
    packed = np.frombuffer(frame, np.uint8).reshape(bins, each)
    return np.unpackbits(packed, axis=1, count=neurons).astype(np.bool_)


def _check(frame: bytes, expected: int) -> None:
    if len(frame) != expected:
        raise RemoteProtocolError(
            "payload", f"{len(frame)} bytes of an array came, {expected} were expected"
        )


def _too_long(message: bytes) -> str:
    return f"header of {len(message)} bytes, {MAX_HEADER_BYTES} at most are expected"
