"""Reading a journal in the order in which it was written, as far as it is whole."""

import mmap
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eprop_rt.errors import EpropError, RecordingError
from eprop_rt.series import Chunk, LabelChunk
from eprop_rt_services.journal.events import Event, Start, from_text
from eprop_rt_services.journal.segment import BESIDE, COMMANDS, EVENTS
from eprop_rt_services.recordings.xdf_chunks import (
    MAGIC,
    NUMBER_TYPES,
    STAMP_BYTES,
    Tag,
    decode_chunk,
    decode_length,
    field_of_header,
)


@dataclass(frozen=True, slots=True)
class Said:
    """A command as it was published: the bin's index, its values (outputs,) in float64."""

    index: int
    values: NDArray[np.float64]


Entry = Chunk | LabelChunk | Said | Event


@dataclass(frozen=True, slots=True)
class _Stream:
    """What the header of a stream says."""

    name: str
    type: str
    channels: int
    format: str


def is_journal(path: Path) -> bool:
    """Whether a file is a segment of a journal."""
    try:
        next(entries(path))
    except (RecordingError, OSError, StopIteration):
        return False
    return True


def has_signal(segment: Path) -> bool:
    """Whether samples came while it was written."""
    return any(isinstance(entry, Chunk) for entry in entries(segment))


def head_of(segment: Path) -> Start | None:
    """How a segment begins; None where that cannot be read."""
    try:
        head = next(entries(segment))
    except (EpropError, StopIteration):
        return None
    return head if isinstance(head, Start) else None


def entries(path: Path) -> Iterator[Entry]:
    """Everything in it, the head first, up to the last whole chunk.

    Memory does not grow with the file. Raises RecordingError where it is no journal, or holds an
    event of another version.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise RecordingError(f"{path} is no journal: it is no XDF file")
            with (
                mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
                closing(_entries(mapped)) as found,  # or it holds on to what is unmapped
            ):
                yield from _headed(path, found)
    except (OSError, ValueError, IndexError, OverflowError) as error:  # of damaged bytes
        raise RecordingError(f"{path} cannot be read as a journal ({error})") from None


def _headed(path: Path, found: Iterator[Entry]) -> Iterator[Entry]:
    head = next(found, None)
    if not isinstance(head, Start):
        raise RecordingError(f"{path} is no journal: its first entry is not the start of one")
    yield head
    yield from found


def _entries(mapped: mmap.mmap) -> Generator[Entry, None, None]:
    streams: dict[int, _Stream] = {}
    signals: list[int] = []
    position = len(MAGIC)
    with memoryview(mapped) as view:
        while (chunk := decode_chunk(view, position)) is not None:
            position = chunk.stop
            content = bytes(chunk.content)
            tag, number = chunk.tag, chunk.stream
            del chunk  # it holds a view of the file
            if number is None:
                continue
            if tag == Tag.STREAM_HEADER:
                streams[number] = stream = _announced(content)
                if stream.type == "Signal":
                    signals.append(number)
            elif tag == Tag.SAMPLES:
                if number not in streams:
                    raise RecordingError(
                        f"it holds samples of stream {number}, which has no header"
                    )
                entry = _entry(streams[number], signals, number, content)
                if entry is not None:
                    yield entry


def _announced(header: bytes) -> _Stream:
    said = {key: field_of_header(header, key) for key in ("name", "type", "channel_format")}
    channels = int(field_of_header(header, "channel_count"))
    return _Stream(said["name"], said["type"], channels, said["channel_format"])


def _entry(stream: _Stream, signals: list[int], number: int, content: bytes) -> Entry | None:
    if stream.name == EVENTS:
        return from_text(_text(content))
    if stream.format == "string":
        return None
    stamps, values = _numbers(stream, content)
    if stream.type == "Signal":
        return Chunk(stamps, values, signals.index(number))
    if stream.type == "Labels":
        return LabelChunk(stamps, values)
    if stream.name == COMMANDS:
        row = values[0]
        return Said(int(row[-len(BESIDE)]), row[: -len(BESIDE)])
    return None


def _numbers(stream: _Stream, content: bytes) -> tuple[NDArray[Any], NDArray[Any]]:
    if stream.format not in NUMBER_TYPES:
        raise RecordingError(f"stream {stream.name!r} is of the unknown format {stream.format!r}")
    count, start = _counted(content)
    values = NUMBER_TYPES[stream.format], (stream.channels,)
    sample = np.dtype([("stamp_bytes", "u1"), ("stamp", "<f8"), ("values", *values)])
    if len(content) - start != count * sample.itemsize:
        raise RecordingError(f"stream {stream.name!r} holds samples without stamps of their own")
    rows = np.frombuffer(content, sample, count, start)
    return rows["stamp"].copy(), rows["values"].copy()


def _text(content: bytes) -> str:
    """The one text of a chunk."""
    _, start = _counted(content)
    length = decode_length(memoryview(content), start + 1 + STAMP_BYTES)
    if length is None:
        raise RecordingError("an event has no length")
    return content[length[1] : length[1] + length[0]].decode("utf-8")


def _counted(content: bytes) -> tuple[int, int]:
    counted = decode_length(memoryview(content), 0)
    if counted is None:
        raise RecordingError("a chunk of samples has no count")
    return counted
