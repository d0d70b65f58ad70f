"""Which chunks of an XDF file are whole, so that a cut or damaged file still reads.

pyxdf alone raises where a file ends inside a chunk's frame, repeats old values where it ends
inside a sample, and allocates whatever size a damaged chunk names.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from xml.etree import ElementTree

import numpy as np

from eprop_rt_services.recordings.xdf_chunks import (
    BOUNDARY_SIGNATURE,
    MAGIC,
    NUMBER_TYPES,
    STAMP_BYTES,
    TEXT_FORMAT,
    Chunk,
    Tag,
    decode_chunk,
    decode_length,
)

CLOCK_OFFSET_BYTES = 16
MOST_CHANNELS = 1 << 20


@dataclass(frozen=True, slots=True)
class Salvage:
    """The whole chunks of a file, as a file again, and how many bytes were left out of it."""

    data: bytes
    damaged_bytes: int
    cut_bytes: int


class _Verdict(Enum):
    KEEP = auto()
    SKIP = auto()  # framed well, but of no use
    BROKEN = auto()  # its length is not to be trusted either


@dataclass(frozen=True, slots=True)
class _Layout:
    """The bytes that one sample may take; text has no upper bound."""

    least_bytes: int
    most_bytes: float

    def fits(self, content: memoryview) -> bool:
        count_and_start = decode_length(content, 0)
        if count_and_start is None:
            return False
        count, start = count_and_start
        return count * self.least_bytes <= len(content) - start <= count * self.most_bytes


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a file that is a chunk of use, or (None) is none."""

    begin: int
    end: int
    chunk: Chunk | None


def salvage(data: bytes) -> Salvage:
    """Keep the chunks that are whole and consistent; after a broken one, go on at a boundary."""
    view = memoryview(data)
    kept: list[bytes | memoryview] = [MAGIC]
    position, damaged_bytes = len(MAGIC), 0
    for stretch in stretches(data, view):
        if stretch.chunk is None:
            damaged_bytes += stretch.end - stretch.begin
        else:
            kept.append(view[stretch.begin : stretch.end])
        position = stretch.end
    cut_bytes = len(data) - position
    # The usual file is whole: no second copy of it.
    whole = data if damaged_bytes == cut_bytes == 0 else b"".join(kept)
    return Salvage(whole, damaged_bytes, cut_bytes)


def stretches(data: bytes | mmap.mmap, view: memoryview) -> Iterator[Stretch]:
    """Go through a file from behind the magic number, to where nothing more can be made out."""
    layouts: dict[int, _Layout] = {}
    position = len(MAGIC)
    while position < len(data):
        chunk = decode_chunk(view, position)
        verdict = _Verdict.BROKEN if chunk is None else _judge(chunk, layouts)
        if chunk is None or verdict is _Verdict.BROKEN:
            boundary = data.find(BOUNDARY_SIGNATURE, position)
            if boundary < 0:
                return
            end = boundary + len(BOUNDARY_SIGNATURE)
        else:
            end = chunk.stop
        yield Stretch(position, end, chunk if verdict is _Verdict.KEEP else None)
        position = end


def _judge(chunk: Chunk, layouts: dict[int, _Layout]) -> _Verdict:
    """Judge one chunk; a stream header enters its stream into `layouts`."""
    if chunk.stream is None:
        readable = chunk.tag == Tag.FILE_HEADER and _xml(chunk) is not None
        return _Verdict.KEEP if readable or chunk.tag == Tag.BOUNDARY else _Verdict.SKIP
    layout = layouts.get(chunk.stream)
    if chunk.tag == Tag.STREAM_HEADER:
        announced = _layout(chunk)
        if layout is not None or announced is None:
            return _Verdict.SKIP
        layouts[chunk.stream] = announced
        return _Verdict.KEEP
    if layout is None:
        return _Verdict.SKIP
    if chunk.tag == Tag.STREAM_FOOTER:
        return _Verdict.SKIP if _xml(chunk) is None else _Verdict.KEEP
    if chunk.tag == Tag.CLOCK_OFFSET:
        sound = len(chunk.content) == CLOCK_OFFSET_BYTES
    else:
        sound = layout.fits(chunk.content)
    return _Verdict.KEEP if sound else _Verdict.BROKEN


def _xml(chunk: Chunk) -> ElementTree.Element | None:
    try:
        return ElementTree.fromstring(bytes(chunk.content).decode("utf-8", "replace"))
    except (ElementTree.ParseError, ValueError):
        return None


def _layout(chunk: Chunk) -> _Layout | None:
    """Return what a stream header says of its samples; None where it says nothing usable."""
    header = _xml(chunk)
    if header is None:
        return None
    try:
        channels = int(header.findtext("channel_count", ""))
        float(header.findtext("nominal_srate", ""))
    except ValueError:
        return None
    if not 0 < channels <= MOST_CHANNELS:
        return None
    name = header.findtext("channel_format", "")
    if name == TEXT_FORMAT:  # one byte without stamp, and two a channel for an empty text
        return _Layout(1 + 2 * channels, float("inf"))
    if name not in NUMBER_TYPES:
        return None
    values_bytes = channels * np.dtype(NUMBER_TYPES[name]).itemsize
    return _Layout(1 + values_bytes, 1 + STAMP_BYTES + values_bytes)
