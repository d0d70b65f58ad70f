"""A recording as the streams that it was, ready to be sent again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from eprop_rt.errors import RecordingError
from eprop_rt.series import F64, StreamInfo
from eprop_rt_services.lsl_link import SampleFormat
from eprop_rt_services.recordings import Recording, Selection, Series, read_recording
from eprop_rt_services.recordings.foreign import errors_of
from eprop_rt_services.recordings.xdf import LABEL_TYPES
from eprop_rt_services.recordings.xdf_chunks import NUMBER_TYPES
from eprop_rt_services.recordings.xdf_streams import XdfStream, load_streams

SIGNAL_TYPE = "Spikes"


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One stream of a recording: stamps (n,) in seconds that do not go back, values (n, channels).

    Values are texts, one a stamp, where `sample_format` is None. `lasts_s` is what a sample stands
    for from its stamp on: it cannot be known, and is not sent, before. `left_out` counts samples
    that have no place in time.
    """

    info: StreamInfo
    type: str
    source_id: str
    sample_format: SampleFormat | None
    stamps: F64
    values: NDArray[Any] | tuple[str, ...]
    lasts_s: float = 0.0
    left_out: int = 0

    def within(self, start_s: float, stop_s: float) -> "Track":
        """What is stamped from `start_s` on and before `stop_s`."""
        first, last = np.searchsorted(self.stamps, [start_s, stop_s]).tolist()
        return replace(self, stamps=self.stamps[first:last], values=self.values[first:last])


def read_tracks(path: Path, selection: Selection, signal_type: str = SIGNAL_TYPE) -> list[Track]:
    """Labels and markers first, then signals: all streams of an XDF file where none is selected.

    `signal_type` is for a file that does not say what its signal is. Raises RecordingError for
    what cannot be read, or holds nothing to send.
    """
    if path.suffix.lower() == ".xdf" and selection == Selection() and path.is_file():
        with errors_of(path, "cannot be read as XDF"):
            streams = [one for one in load_streams(path) if one.samples > 0]
            tracks = [track for one in streams if (track := _of_stream(path.stem, one))]
    else:
        tracks = _of_recording(read_recording(path, selection), signal_type)
    tracks = [track for track in tracks if len(track.stamps)]
    if not tracks:
        raise RecordingError(f"{path} holds no samples that have a place in time: nothing to play")
    return sorted(tracks, key=lambda track: track.lasts_s)


def _of_recording(recording: Recording, signal_type: str) -> list[Track]:
    tracks = [_of_series(recording.name, recording.signal, signal_type)]
    if recording.labels is not None:
        tracks.append(_of_series(recording.name, recording.labels, "Labels"))
    if recording.markers is not None:
        info = StreamInfo("markers", 1, 0.0)
        markers = recording.markers
        tracks.append(_track(recording.name, info, "Markers", markers.stamps, markers.texts))
    return tracks


def _of_series(recording: str, series: Series, type: str) -> Track:
    return _track(recording, series.info, type, series.stamps, series.values, "float32")


def _of_stream(recording: str, stream: XdfStream) -> Track | None:
    stamps, values = stream.read()
    if stream.is_text:
        texts = tuple(str(row[0]) for row in cast(Sequence[Sequence[str]], values))
        return _track(recording, stream.info, stream.type, stamps, texts)
    named = cast(SampleFormat, stream.format)
    numbers = np.asarray(values, NUMBER_TYPES[named])
    return _track(recording, stream.info, stream.type, stamps, numbers, named)


def _track(
    recording: str,
    info: StreamInfo,
    type: str,
    stamps: F64,
    values: NDArray[Any] | tuple[str, ...],
    sample_format: SampleFormat | None = None,
) -> Track:
    finite = np.isfinite(stamps)
    order = np.argsort(np.where(finite, stamps, np.inf), kind="stable")[: int(finite.sum())]
    # A label is of an instant; a sample of a signal, such as a count, is known at its end.
    is_signal = sample_format is not None and type.casefold() not in LABEL_TYPES
    rate_hz = info.sample_rate_hz
    return Track(
        info=info,
        type=type,
        source_id=f"eprop-rt-play-{recording}-{info.name}",
        sample_format=sample_format,
        stamps=stamps[order],
        values=tuple(values[at] for at in order.tolist())
        if isinstance(values, tuple)
        else values[order],
        lasts_s=1 / rate_hz if is_signal and rate_hz > 0 else 0.0,
        left_out=len(stamps) - len(order),
    )
