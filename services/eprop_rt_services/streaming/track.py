"""A recording as the streams that it was, ready to be sent again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from eprop_rt.errors import RecordingError
from eprop_rt.series import F64, StreamInfo
from eprop_rt_services.lsl_link import SampleFormat
from eprop_rt_services.recordings import Recording, Selection, Series, read_recording
from eprop_rt_services.recordings.foreign import errors_of
from eprop_rt_services.recordings.recording import PART
from eprop_rt_services.recordings.xdf import LABEL_TYPES, open_streams
from eprop_rt_services.recordings.xdf_streams import XdfStream

SIGNAL_TYPE = "Spikes"

Texts = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One stream of a recording: stamps (n,) in seconds, values (n, channels), as they arrived.

    Both may be larger than memory. Values are rows of texts where `sample_format` is None.
    `lasts_s` is what a sample stands for from its stamp on: it cannot be known, and is not sent,
    before. Samples whose stamp is no finite number have no place in time and are not sent:
    `samples` counts the others, from the first instant to the last `first_s` to `last_s`.
    """

    info: StreamInfo
    type: str
    source_id: str
    sample_format: SampleFormat | None
    stamps: F64
    values: NDArray[Any] | Texts
    lasts_s: float = 0.0
    samples: int = field(init=False)
    first_s: float = field(init=False)
    last_s: float = field(init=False)

    def __post_init__(self) -> None:
        samples, first_s, last_s = 0, np.inf, -np.inf
        for _, part in parts_of(self.stamps):
            known = part[np.isfinite(part)]
            if len(known):
                samples += len(known)
                first_s, last_s = min(first_s, float(known.min())), max(last_s, float(known.max()))
        for name, value in (("samples", samples), ("first_s", first_s), ("last_s", last_s)):
            object.__setattr__(self, name, value)

    @property
    def left_out(self) -> int:
        """Samples that have no place in time."""
        return len(self.stamps) - self.samples

    @property
    def interval_s(self) -> float:
        """From one sample to the next, on average where the stream is irregular."""
        if self.info.sample_rate_hz > 0:
            return 1 / self.info.sample_rate_hz
        return (self.last_s - self.first_s) / max(self.samples - 1, 1)

    def within(self, start_s: float, stop_s: float) -> "Track":
        """What came with a stamp from `start_s` on, up to the first from `stop_s` on."""
        first, last = self._first_from(start_s), self._first_from(stop_s)
        return replace(self, stamps=self.stamps[first:last], values=self.values[first:last])

    def _first_from(self, start_s: float) -> int:
        for begin, part in parts_of(self.stamps):
            there = np.flatnonzero(part >= start_s)
            if len(there):
                return begin + int(there[0])
        return len(self.stamps)


def parts_of(stamps: F64) -> Iterator[tuple[int, F64]]:
    """A part of the stamps after the other, and where it begins."""
    for begin in range(0, len(stamps), PART):
        yield begin, stamps[begin : begin + PART]


def read_tracks(path: Path, selection: Selection, signal_type: str = SIGNAL_TYPE) -> list[Track]:
    """Labels and markers first, then signals: all streams of an XDF file where none is selected.

    `signal_type` is for a file that does not say what its signal is. Raises RecordingError for
    what cannot be read, or holds nothing to send.
    """
    if path.suffix.lower() == ".xdf" and selection == Selection() and path.is_file():
        with errors_of(path, "cannot be read as XDF"):
            streams = [one for one in open_streams(path, exact=True) if one.samples > 0]
            tracks = [_of_stream(path.stem, one) for one in streams]
    else:
        tracks = _of_recording(read_recording(path, selection), signal_type)
    tracks = [track for track in tracks if track.samples]
    if not tracks:
        raise RecordingError(f"{path} holds no samples that have a place in time: nothing to play")
    return sorted(_told_apart(tracks), key=lambda track: track.lasts_s)


def _told_apart(tracks: Sequence[Track]) -> list[Track]:
    """Namesakes by a number behind their source id, in the order of the file."""
    known: set[str] = set()
    apart = []
    for track in tracks:
        source_id, number = track.source_id, 1
        while source_id in known:
            number += 1
            source_id = f"{track.source_id}-{number}"
        known.add(source_id)
        apart.append(replace(track, source_id=source_id))
    return apart


def _of_recording(recording: Recording, signal_type: str) -> list[Track]:
    tracks = [_of_series(recording.name, recording.signal, signal_type)]
    if recording.labels is not None:
        tracks.append(_of_series(recording.name, recording.labels, "Labels"))
    if recording.markers is not None:
        info = StreamInfo("markers", 1, 0.0)
        stamps, texts = recording.markers.stamps, recording.markers.texts
        tracks.append(_track(recording.name, info, "Markers", stamps, [(one,) for one in texts]))
    return tracks


def _of_series(recording: str, series: Series, type: str) -> Track:
    return _track(recording, series.info, type, series.stamps, series.values, "float32")


def _of_stream(recording: str, stream: XdfStream) -> Track:
    named = None if stream.is_text else cast(SampleFormat, stream.format)
    return _track(recording, stream.info, stream.type, *stream.read(), named)


def _track(
    recording: str,
    info: StreamInfo,
    type: str,
    stamps: F64,
    values: NDArray[Any] | Texts,
    sample_format: SampleFormat | None = None,
) -> Track:
    # A label is of an instant; a sample of a signal, such as a count, is known at its end.
    is_signal = sample_format is not None and type.casefold() not in LABEL_TYPES
    rate_hz = info.sample_rate_hz
    return Track(
        info=info,
        type=type,
        source_id=f"eprop-rt-play-{recording}-{info.name}",
        sample_format=sample_format,
        stamps=stamps,
        values=values,
        lasts_s=1 / rate_hz if is_signal and rate_hz > 0 else 0.0,
    )
