"""XDF files that are larger than memory: read a chunk at a time, values in scratch files.

What is counted first (streams, samples, clock offsets) is small; what a recording needs of it is
then read by streams.
"""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from eprop_rt.errors import RecordingError
from eprop_rt.series import F64
from eprop_rt_services.recordings import scratch
from eprop_rt_services.recordings.xdf_chunks import MAGIC, NUMBER_TYPES, Chunk, Tag, decode_length
from eprop_rt_services.recordings.xdf_clock import lines, synchronise
from eprop_rt_services.recordings.xdf_salvage import stretches
from eprop_rt_services.recordings.xdf_samples import SampleReader
from eprop_rt_services.recordings.xdf_streams import Values, XdfStream, described


@dataclass(slots=True)
class _Counted:
    """What a first pass finds of a stream."""

    header: ElementTree.Element
    samples: int = 0
    times_s: list[float] = field(default_factory=list)
    offsets_s: list[float] = field(default_factory=list)


def large_streams(path: Path, exact: bool = False) -> list[XdfStream]:
    """All streams of a file, on the recorder's clock; damage is left out.

    Values are float32, or as they were sent where `exact`.

    Raises RecordingError for a file that is no XDF.
    """
    counted: dict[int, _Counted] = {}
    for chunk in _chunks(path):
        number = chunk.stream
        if number is None:
            continue
        if chunk.tag == Tag.STREAM_HEADER:
            text = bytes(chunk.content).decode("utf-8", "replace")
            counted[number] = _Counted(ElementTree.fromstring(text))
        elif chunk.tag == Tag.SAMPLES:
            counted[number].samples += (decode_length(chunk.content, 0) or (0, 0))[0]
        elif chunk.tag == Tag.CLOCK_OFFSET:
            time_s, offset_s = np.frombuffer(chunk.content, "<f8").tolist()
            counted[number].times_s.append(time_s)
            counted[number].offsets_s.append(offset_s)
    return [_stream(path, number, found, exact) for number, found in counted.items()]


def _stream(path: Path, number: int, found: _Counted, exact: bool) -> XdfStream:
    info = _as_lists(found.header)

    def read() -> tuple[F64, Values]:
        interval_s = 1.0 / stream.info.sample_rate_hz if stream.info.sample_rate_hz > 0 else 0.0
        reader = SampleReader(stream.info.channels, stream.format, interval_s)
        dtype = NUMBER_TYPES.get(stream.format, "<f4") if exact else "<f4"
        stamps, values = _read(path, stream, reader, dtype)
        synchronise(stamps, lines(found.times_s, found.offsets_s))
        return stamps, values

    stream = described(info, number, found.samples, read)
    return stream


def _read(path: Path, stream: XdfStream, reader: SampleReader, dtype: str) -> tuple[F64, Values]:
    contents = (
        chunk.content
        for chunk in _chunks(path)
        if chunk.stream == stream.number and chunk.tag == Tag.SAMPLES
    )
    if reader.is_text:
        rows = [reader.texts(content) for content in contents]
        stamps = np.array([stamp for part, _ in rows for stamp in part], np.float64)
        return stamps, [row for _, part in rows for row in part]
    what = f"stream {stream.info.name!r}"
    stamps = scratch.empty((stream.samples,), np.float64, what)
    values = scratch.empty((stream.samples, stream.info.channels), dtype, what)
    at = 0
    for content in contents:
        times, numbers = reader.numbers(content)
        rows_of = slice(at, at + len(times))
        stamps[rows_of] = times
        with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold becomes inf
            values[rows_of] = numbers
        at += len(times)
    return stamps[:at], values[:at]


def _chunks(path: Path) -> Iterator[Chunk]:
    """Those that are whole and consistent, in their order; a chunk is good until the next."""
    with path.open("rb") as file, _mapped(file.fileno()) as data:
        if data[: len(MAGIC)] != MAGIC:
            raise RecordingError(f"it is no XDF file: begins with {data[:4]!r}, expected {MAGIC!r}")
        with memoryview(data) as view:
            for stretch in stretches(data, view):
                if stretch.chunk is not None:
                    with stretch.chunk.content:
                        yield stretch.chunk


@contextmanager
def _mapped(descriptor: int) -> Iterator[mmap.mmap]:
    data = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    try:
        yield data
    finally:
        with suppress(BufferError):  # a chunk is still in somebody's hands; the map goes with it
            data.close()


def _as_lists(element: ElementTree.Element) -> dict[str, Any]:
    """An element as pyxdf gives it: a list for each kind of child, a text at the end."""
    found: dict[str, list[Any]] = {}
    for child in element:
        found.setdefault(child.tag, []).append(_as_lists(child) if len(child) else child.text)
    return found
