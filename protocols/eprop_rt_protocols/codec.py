"""A command as bytes and back; no socket, no clock.

The rules of version 2:

1. A message has three frames: topic, header, payload.
2. The topic is UTF-8, 1 to 255 bytes. Subscriptions match by prefix, so a reader compares it whole.
3. The header is a JSON object, UTF-8, at most 64 KiB, with exactly the fields of `CommandHeader`.
   Numbers are finite. A field more or fewer is another version, and a version is refused whole.
4. The payload is the values in C order, little-endian, of the header's dtype: exactly
   product(shape) items, 65536 at most. Every value is finite.
5. Whatever breaks a rule raises LocalProtocolError on encode, RemoteProtocolError on decode,
   and no other exception. A reader drops the message and goes on.
6. A reader drops what is past the header's deadline: after a reconnect old commands may come.
"""

import math
from collections.abc import Sequence

import numpy as np
from pydantic import ValidationError

from eprop_rt_protocols.command import MAX_VALUES, Command, CommandHeader, Values
from eprop_rt_protocols.errors import LocalProtocolError, RemoteProtocolError, refused_fields

FRAMES = 3
MAX_TOPIC_BYTES = 255
MAX_HEADER_BYTES = 64 * 1024
MAX_PAYLOAD_BYTES = MAX_VALUES * 8
MAX_FRAME_BYTES = max(MAX_HEADER_BYTES, MAX_PAYLOAD_BYTES)


def encode_topic(topic: str) -> bytes:
    """Return the topic's frame, which is also what a reader subscribes to."""
    frame = topic.encode("utf-8", errors="surrogatepass")
    if not _is_topic(frame):
        raise LocalProtocolError(
            "topic", f"topic {topic[:40]!r} was given, 1 to {MAX_TOPIC_BYTES} bytes are expected"
        )
    return frame


def encode(topic: str, command: Command) -> list[bytes]:
    """Return the frames of a command."""
    header, values = command.header, command.values
    if values.dtype != np.dtype(header.dtype):
        raise LocalProtocolError(
            "payload", f"values are {values.dtype}, the header says {header.dtype}: convert them"
        )
    if values.shape != header.shape:
        raise LocalProtocolError(
            "shape", f"values have shape {values.shape}, the header says {header.shape}"
        )
    if not np.isfinite(values).all():
        raise LocalProtocolError("finite", "values hold NaN or infinity: a command must be finite")
    frame = header.model_dump_json().encode()
    if len(frame) > MAX_HEADER_BYTES:
        raise LocalProtocolError("size", _too_long("header", frame, MAX_HEADER_BYTES))
    return [encode_topic(topic), frame, values.tobytes()]


def decode(frames: Sequence[bytes]) -> Command:
    """Return the command in the frames of one message, its values a read-only view of the last."""
    if len(frames) != FRAMES:
        raise RemoteProtocolError("frames", f"{len(frames)} frames came, {FRAMES} were expected")
    topic, head, payload = frames
    if not _is_topic(topic):
        raise RemoteProtocolError("topic", f"topic {topic[:40]!r} came, UTF-8 text was expected")
    if len(head) > MAX_HEADER_BYTES:
        raise RemoteProtocolError("size", _too_long("header", head, MAX_HEADER_BYTES))
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise RemoteProtocolError("size", _too_long("payload", payload, MAX_PAYLOAD_BYTES))
    try:
        header = CommandHeader.model_validate_json(head)
    except ValidationError as error:
        raise refused_fields("command header", error) from None
    return Command(header, _values(header, payload))


def _values(header: CommandHeader, payload: bytes) -> Values:
    dtype = np.dtype(header.dtype)
    expected = math.prod(header.shape) * dtype.itemsize
    if len(payload) != expected:
        raise RemoteProtocolError(
            "payload",
            f"{len(payload)} bytes of payload came, {expected} were expected "
            f"for {header.shape} {header.dtype}",
        )
    values = np.frombuffer(payload, dtype).reshape(header.shape)
    if not np.isfinite(values).all():
        raise RemoteProtocolError("finite", "a payload with NaN or infinity came")
    return values


def _is_topic(frame: bytes) -> bool:
    try:
        frame.decode()
    except UnicodeDecodeError:
        return False
    return 0 < len(frame) <= MAX_TOPIC_BYTES


def _too_long(what: str, frame: bytes, limit: int) -> str:
    return f"{what} of {len(frame)} bytes, {limit} at most are expected"
