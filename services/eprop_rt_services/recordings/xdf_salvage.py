"""Which chunks of an XDF file are whole, so that a cut or damaged file still reads.

pyxdf alone raises where a file ends inside a chunk's frame or a stream has no name, repeats old
values where it ends inside a sample, allocates whatever size a damaged chunk names, and loses all
stamps of a stream to one clock offset that is no number.
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
    UNNAMED,
    Chunk,
    Tag,
    decode_chunk,
    decode_length,
    encode_chunk,
)

CLOCK_OFFSET_BYTES = 16
LONGEST_S = 1e12  # beyond it is no time
MOST_CHANNELS = 1 << 20
MOST_TEXT_BYTES = 1 << 62


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
    """The bytes that one sample may take."""

    least_bytes: int
    most_bytes: int

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
    position, damaged_bytes, as_it_was = len(MAGIC), 0, True
    for stretch in stretches(data, view):
        if stretch.chunk is None:
            damaged_bytes += stretch.end - stretch.begin
        else:
            named = _named(stretch.chunk)
            as_it_was = as_it_was and named is None
            kept.append(view[stretch.begin : stretch.end] if named is None else named)
        position = stretch.end
    cut_bytes = len(data) - position
    # The usual file is whole: no second copy of it.
    whole = data if as_it_was and damaged_bytes == cut_bytes == 0 else b"".join(kept)
    return Salvage(whole, damaged_bytes, cut_bytes)


def _named(chunk: Chunk) -> bytes | None:
    """The header of a stream without a name, with one; None for any other chunk."""
    header = _xml(chunk) if chunk.tag == Tag.STREAM_HEADER else None
    if header is None or header.findtext("name"):
        return None
    name = header.find("name")
    (ElementTree.SubElement(header, "name") if name is None else name).text = UNNAMED
    return encode_chunk(Tag.STREAM_HEADER, ElementTree.tostring(header), chunk.stream)


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
    if layout is None or (chunk.tag == Tag.STREAM_FOOTER and _xml(chunk) is None):
        return _Verdict.SKIP
    if chunk.tag == Tag.CLOCK_OFFSET:
        return _judge_offset(chunk.content)
    sound = chunk.tag == Tag.STREAM_FOOTER or layout.fits(chunk.content)
    return _Verdict.KEEP if sound else _Verdict.BROKEN


def _judge_offset(content: memoryview) -> _Verdict:
    if len(content) != CLOCK_OFFSET_BYTES:
        return _Verdict.BROKEN
    known = np.abs(np.frombuffer(content, "<f8")) <= LONGEST_S  # not of NaN
    return _Verdict.KEEP if known.all() else _Verdict.SKIP


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
        return _Layout(1 + 2 * channels, MOST_TEXT_BYTES)
    if name not in NUMBER_TYPES:
        return None
    values_bytes = channels * np.dtype(NUMBER_TYPES[name]).itemsize
    return _Layout(1 + values_bytes, 1 + STAMP_BYTES + values_bytes)
