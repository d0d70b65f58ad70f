"""How the chunks of an XDF 1.0 file are framed.

After the magic number a file is a row of chunks,

    [bytes of length: 1, 4 or 8] [length] [tag: 2 bytes] [stream: 4 bytes, tags 2 3 4 6] [content]

little-endian, the length counting what follows it. Samples are, each, [stamp bytes: 0 or 8]
[stamp] [values]. A boundary chunk holds a fixed signature, from which a reader finds its way back
after damage. Source: https://github.com/sccn/xdf/wiki/Specifications
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from xml.etree import ElementTree

MAGIC = b"XDF:"
BOUNDARY_SIGNATURE = bytes.fromhex("43a546dccbf5410fb30ed5467383cbe4")
NUMBER_TYPES = {
    "int8": "i1",
    "int16": "<i2",
    "int32": "<i4",
    "int64": "<i8",
    "float32": "<f4",
    "double64": "<f8",
}
TEXT_FORMAT = "string"
UNNAMED = "unnamed"  # what a stream without a name is called
STAMP_BYTES = 8


class Tag(IntEnum):
    """What a chunk holds."""

    FILE_HEADER = 1
    STREAM_HEADER = 2
    SAMPLES = 3
    CLOCK_OFFSET = 4
    BOUNDARY = 5
    STREAM_FOOTER = 6


OF_A_STREAM = frozenset({Tag.STREAM_HEADER, Tag.SAMPLES, Tag.CLOCK_OFFSET, Tag.STREAM_FOOTER})


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk in place: `stop` is the position behind it, `stream` None where it has none."""

    tag: int
    stream: int | None
    content: memoryview
    stop: int


def encode_length(length: int) -> bytes:
    """Return a length in the variable form that XDF uses: how many bytes, then the bytes."""
    if length < 1 << 8:
        return struct.pack("<BB", 1, length)
    if length < 1 << 32:
        return struct.pack("<BI", 4, length)
    return struct.pack("<BQ", 8, length)


def decode_length(data: memoryview, position: int) -> tuple[int, int] | None:
    """Return a variable-length integer and the position behind it; None where there is none."""
    size = data[position] if position < len(data) else 0
    stop = position + 1 + size
    if size not in (1, 4, 8) or stop > len(data):
        return None
    return int.from_bytes(data[position + 1 : stop], "little"), stop


def encode_chunk(tag: Tag, content: bytes, stream: int | None = None) -> bytes:
    """Return a whole chunk; `stream` is the number of the stream that it belongs to."""
    owner = b"" if stream is None else struct.pack("<I", stream)
    length = encode_length(2 + len(owner) + len(content))
    return b"".join((length, struct.pack("<H", tag), owner, content))


def decode_chunk(data: memoryview, position: int) -> Chunk | None:
    """Return the chunk that begins at `position`; None where no whole chunk stands there."""
    length_and_start = decode_length(data, position)
    if length_and_start is None:
        return None
    length, start = length_and_start
    stop = start + length
    if length < 2 or stop > len(data):
        return None
    (tag,) = struct.unpack_from("<H", data, start)
    if tag not in OF_A_STREAM:
        return Chunk(tag, None, data[start + 2 : stop], stop)
    if length < 6:
        return None
    (stream,) = struct.unpack_from("<I", data, start + 2)
    return Chunk(tag, stream, data[start + 6 : stop], stop)


def field_of_header(header: bytes, name: str) -> str:
    """One field of a stream's header; raises ValueError where it has no such field."""
    try:
        found = ElementTree.fromstring(header.decode("utf-8", "replace")).findtext(name)
    except ElementTree.ParseError as error:
        raise ValueError(f"a stream's header is not XML: {error}") from None
    if found is None:
        raise ValueError(f"a stream's header has no {name}")
    return found
