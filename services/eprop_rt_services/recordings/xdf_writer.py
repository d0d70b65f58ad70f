"""Writing XDF files as they grow, one whole chunk at a time.

Layout as LabRecorder's: file header, stream headers, samples and clock offsets with boundaries
between, footers at the end. Every chunk goes to the operating system in one piece, so what a
killed process leaves behind reads up to its last whole chunk.
"""

import os
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from eprop_rt.errors import DataError, RecordingError
from eprop_rt.series import F64, StreamInfo
from eprop_rt_services.recordings.foreign import one_line
from eprop_rt_services.recordings.xdf_chunks import (
    BOUNDARY_SIGNATURE,
    MAGIC,
    NUMBER_TYPES,
    STAMP_BYTES,
    Tag,
    encode_chunk,
    encode_length,
)

ChannelFormat = Literal["float32", "double64", "int8", "int16", "int32", "int64", "string"]
Values = NDArray[Any] | Sequence[Sequence[str]]
KINDS = {"f": "floating-point numbers", "i": "integers"}

BOUNDARY_SPACING_BYTES = 256 * 1024
FORBIDDEN_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(slots=True)
class _Tally:
    """What a stream's footer will say."""

    info: StreamInfo
    channel_format: ChannelFormat
    samples: int = 0
    first_stamp: float = 0.0
    last_stamp: float = 0.0
    offsets: list[tuple[float, float]] = field(default_factory=list)


class XdfWriter:
    """A new XDF file that grows; use it as a context manager, from one thread.

    With `gathering`, chunks wait in memory for `flush`, which writes them in one piece; the disk is
    not asked for anything before `open`, or the first flush.

    Raises RecordingError where the file exists or cannot be made, OSError where the disk refuses
    what is written (the file then ends with the chunk before; what was gathered still waits).
    """

    def __init__(
        self,
        path: Path,
        description: str = "",
        started: datetime | None = None,
        *,
        gathering: bool = False,
    ) -> None:
        self._path, self._gathering = path, gathering
        self._file: FileIO | None = None
        self._closed = False
        if not gathering:
            try:
                self.open()
            except OSError as error:
                raise RecordingError(f"{path} cannot be made: {one_line(error)}") from error
        self._waiting = bytearray()
        self._size = 0  # on the disk
        self._since_boundary = 0
        self._tallies: dict[int, _Tally] = {}
        header = ElementTree.Element("info")
        _add(header, "version", "1.0")
        _add(header, "datetime", (started or datetime.now(UTC)).isoformat(timespec="seconds"))
        if description:
            _add(header, "description", description)
        self._append(MAGIC + encode_chunk(Tag.FILE_HEADER, _document(header)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def open(self) -> FileIO:
        """Return the file, which is made at the first call; raises OSError where it cannot be."""
        if self._file is None:
            self._file = self._path.open("xb", buffering=0)
        return self._file

    def add_stream(
        self,
        info: StreamInfo,
        type: str,
        source_id: str,
        channel_format: ChannelFormat = "float32",
    ) -> int:
        """Announce a stream, at any time before its first samples, and return its number."""
        header = _document(_stream_header(info, type, source_id, channel_format))
        return self.add_described(info, channel_format, header)

    def add_described(self, info: StreamInfo, channel_format: ChannelFormat, header: bytes) -> int:
        """Announce a stream that has a header already, an XML document with all that it says."""
        stream = len(self._tallies) + 1
        self._append(encode_chunk(Tag.STREAM_HEADER, header, stream))
        self._tallies[stream] = _Tally(info, channel_format)
        return stream

    def write(self, stream_id: int, stamps: F64, values: Values) -> None:
        """Append samples: stamps (n,) in the stream's own clock, values (n, channels).

        Raises DataError where they do not fit what was announced.
        """
        tally = self._tallies[stream_id]
        if len(stamps) == 0:
            return
        content = (
            _text_samples(tally, stamps, values)
            if tally.channel_format == "string"
            else _number_samples(tally, stamps, values)
        )
        self._append(encode_chunk(Tag.SAMPLES, encode_length(len(stamps)) + content, stream_id))
        if tally.samples == 0:
            tally.first_stamp = float(stamps[0])
        tally.last_stamp = float(stamps[-1])
        tally.samples += len(stamps)
        if self._since_boundary >= BOUNDARY_SPACING_BYTES:
            self._append_boundary()

    def write_clock_offset(self, stream_id: int, collection_time_s: float, offset_s: float) -> None:
        """Append one measurement of a stream's clock.

        `collection_time_s` is in the stream's clock; adding `offset_s` gives the recorder's.
        """
        tally = self._tallies[stream_id]
        content = struct.pack("<dd", collection_time_s, offset_s)
        self._append(encode_chunk(Tag.CLOCK_OFFSET, content, stream_id))
        tally.offsets.append((collection_time_s, offset_s))

    @property
    def written_bytes(self) -> int:
        """The size of the file."""
        return self._size

    @property
    def waiting_bytes(self) -> int:
        """What was gathered and not flushed yet."""
        return len(self._waiting)

    def flush(self) -> None:
        """Write what was gathered, whole, or leave file and gathering as they were."""
        if not self._waiting:
            return
        self._write(self._waiting)
        self._waiting.clear()

    def sync(self) -> None:
        """Wait until what was written is on the disk itself."""
        if self._file is not None:
            os.fdatasync(self._file.fileno())

    def close(self) -> None:
        """Append the footers and close the file; closing twice is closing once."""
        if self._closed:
            return
        try:
            self._append_boundary()
            for stream, tally in self._tallies.items():
                footer = _document(_stream_footer(tally))
                self._append(encode_chunk(Tag.STREAM_FOOTER, footer, stream))
            self.flush()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close the file as it is, without what still waits and without footers."""
        self._closed = True
        if self._file is not None:
            self._file.close()

    def _append_boundary(self) -> None:
        self._append(encode_chunk(Tag.BOUNDARY, BOUNDARY_SIGNATURE))
        self._since_boundary = 0

    def _append(self, chunk: bytes) -> None:
        """Gather a chunk, or write it whole or not at all."""
        if self._gathering:
            self._waiting += chunk
        else:
            self._write(chunk)
        self._since_boundary += len(chunk)

    def _write(self, content: bytes | bytearray) -> None:
        written, file = 0, self.open()
        with memoryview(content) as rest:
            try:
                while written < len(rest):
                    written += file.write(rest[written:])
            except OSError:
                file.truncate(self._size)
                file.seek(self._size)
                raise
        self._size += written


def _number_samples(tally: _Tally, stamps: F64, values: Values) -> bytes:
    number = NUMBER_TYPES[tally.channel_format]
    numbers = np.asarray(values)
    expected = (len(stamps), tally.info.channels)
    kind = np.dtype(number).kind
    if numbers.dtype.kind != kind or numbers.shape != expected:
        raise DataError(
            f"stream {tally.info.name!r} got {numbers.dtype} values of shape {numbers.shape}; "
            f"expected {KINDS[kind]} of shape {expected}"
        )
    # Every sample carries its stamp, so that they read back to the bit.
    samples = np.empty(
        len(stamps),
        dtype=[("stamp_bytes", "u1"), ("stamp", "<f8"), ("values", number, expected[1:])],
    )
    samples["stamp_bytes"] = STAMP_BYTES
    samples["stamp"] = stamps
    samples["values"] = numbers
    return samples.tobytes()


def _text_samples(tally: _Tally, stamps: F64, values: Values) -> bytes:
    if len(values) != len(stamps):
        raise DataError(
            f"stream {tally.info.name!r} got {len(values)} texts for {len(stamps)} stamps"
        )
    parts = []
    for stamp, row in zip(stamps, values, strict=True):
        if isinstance(row, str) or len(row) != tally.info.channels:
            raise DataError(
                f"stream {tally.info.name!r} got {row!r}; expected a row of "
                f"{tally.info.channels} texts"
            )
        parts.append(struct.pack("<Bd", STAMP_BYTES, stamp))
        for text in row:
            encoded = str(text).encode("utf-8", "replace")
            parts += [encode_length(len(encoded)), encoded]
    return b"".join(parts)


def _stream_header(
    info: StreamInfo, type: str, source_id: str, channel_format: ChannelFormat
) -> ElementTree.Element:
    header = ElementTree.Element("info")
    _add(header, "name", info.name)
    _add(header, "type", type)
    _add(header, "channel_count", str(info.channels))
    _add(header, "channel_format", channel_format)
    _add(header, "nominal_srate", repr(float(info.sample_rate_hz)))
    _add(header, "source_id", source_id)
    description = ElementTree.SubElement(header, "desc")
    if info.channel_names or info.units:
        channels = ElementTree.SubElement(description, "channels")
        for index in range(info.channels):
            channel = ElementTree.SubElement(channels, "channel")
            _add(channel, "label", info.channel_names[index] if info.channel_names else "")
            _add(channel, "unit", info.units[index] if info.units else "")
    return header


def _stream_footer(tally: _Tally) -> ElementTree.Element:
    footer = ElementTree.Element("info")
    _add(footer, "first_timestamp", repr(tally.first_stamp))
    _add(footer, "last_timestamp", repr(tally.last_stamp))
    _add(footer, "sample_count", str(tally.samples))
    offsets = ElementTree.SubElement(footer, "clock_offsets")
    for time_s, value_s in tally.offsets:
        offset = ElementTree.SubElement(offsets, "offset")
        _add(offset, "time", repr(time_s))
        _add(offset, "value", repr(value_s))
    return footer


def _add(parent: ElementTree.Element, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, tag).text = FORBIDDEN_IN_XML.sub("\ufffd", text)


def _document(root: ElementTree.Element) -> bytes:
    xml: str = ElementTree.tostring(root, encoding="unicode")
    return b'<?xml version="1.0"?>' + xml.encode()
