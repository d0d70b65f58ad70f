"""Recordings in Extensible Data Format (XDF) files, as LabRecorder writes them, through pyxdf.

A stream is named by its name, its type (both in any case), or its number in the file ("#2").
"""

import io
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eprop_rt.errors import RecordingError
from eprop_rt.series import F64, StreamInfo
from eprop_rt_services.recordings.foreign import errors_of, optional_extra
from eprop_rt_services.recordings.recording import Recording, Selection, Series, channel_names
from eprop_rt_services.recordings.xdf_chunks import MAGIC, TEXT_FORMAT
from eprop_rt_services.recordings.xdf_salvage import salvage
from eprop_rt_services.recordings.xdf_writer import XdfWriter

SIGNAL_TYPES = frozenset({"eeg", "emg", "ecog", "ieeg", "seeg", "lfp", "meg", "spikes"})
LABEL_TYPES = frozenset({"kinematics", "labels"})
LABEL_WORDS = ("label", "velocity")
WRITTEN_BLOCK_SAMPLES = 1024

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Stream:
    """A stream as pyxdf gives it: values (n, channels) of the stream's own type, or texts."""

    number: int
    type: str
    format: str
    info: StreamInfo
    stamps: F64
    values: NDArray[Any] | Sequence[Sequence[str]]

    @property
    def is_usable(self) -> bool:
        return self.format != TEXT_FORMAT and len(self.stamps) > 0

    def answers_to(self, name: str) -> bool:
        names = (self.info.name, self.type, f"#{self.number}")
        return name.casefold() in {known.casefold() for known in names}

    def __str__(self) -> str:
        return (
            f"#{self.number} {self.info.name!r} (type {self.type or 'unknown'}, "
            f"{self.info.channels} x {self.format}, {len(self.stamps)} samples)"
        )


def read_xdf(path: Path, selection: Selection) -> Recording:
    """Read the signal and the labels of an XDF file, on the recorder's clock.

    Labels default to the one numeric stream of type Kinematics or Labels, failing that the one
    whose name contains "label" or "velocity", failing that none; none too, whatever name was
    given, where the signal is the only numeric stream. The signal defaults, among the
    other numeric streams, to one of an electrophysiological type before any other, then a regular
    one before an irregular one, then the one with the most values. Stamps are synchronised by the
    file's clock offsets, clock resets included, and not smoothed.

    Raises RecordingError for a file that is no XDF, or lacks a stream that is asked for.
    """
    with errors_of(path, "cannot be read as XDF"):
        streams = _load_streams(path)
        labels = None
        if selection.wants_labels and not _has_signal_only(streams, selection):
            others = [stream for stream in streams if not _is_named_signal(stream, selection)]
            labels = (
                _default_labels(others)
                if selection.labels is None
                else _pick(streams, selection.labels, "labels")
            )
        signal = (
            _default_signal(streams, labels)
            if selection.signal is None
            else _pick(streams, selection.signal, "signal")
        )
        return Recording(
            name=path.stem,
            signal=_series(signal),
            labels=None if labels is None else _series(labels),
        )


def write_xdf(path: Path, recording: Recording, description: str) -> None:
    """Write a recording as a new XDF file: a stream of type Signal, and one of type Labels."""
    with XdfWriter(path, description) as writer:
        streams = [
            (writer.add_stream(series.info, kind, f"{recording.name}-{kind.lower()}"), series)
            for kind, series in (("Signal", recording.signal), ("Labels", recording.labels))
            if series is not None
        ]
        longest = max(len(series.stamps) for _, series in streams)
        blocks = -(-longest // WRITTEN_BLOCK_SAMPLES)
        for block in range(blocks):  # the streams interleaved, each in its own pace
            for stream, series in streams:
                samples = len(series.stamps)
                rows = slice(block * samples // blocks, (block + 1) * samples // blocks)
                writer.write(stream, series.stamps[rows], series.values[rows])


def _load_streams(path: Path) -> list[_Stream]:
    with optional_extra("pyxdf"):
        import pyxdf  # noqa: PLC0415  (an optional extra)
    data = path.read_bytes()
    if not data.startswith(MAGIC):
        raise RecordingError(f"it is no XDF file: begins with {data[:4]!r}, expected {MAGIC!r}")
    whole = salvage(data)
    if whole.damaged_bytes:
        _LOG.warning("%s: left out %d damaged bytes", path, whole.damaged_bytes)
    if whole.cut_bytes:
        _LOG.info("%s: ends inside a chunk, left out %d bytes", path, whole.cut_bytes)
    # A stream that lasts no time has no effective rate: pyxdf divides by 0 for it.
    with _quiet_pyxdf(), np.errstate(all="ignore"):
        streams, _ = pyxdf.load_xdf(
            io.BytesIO(whole.data), synchronize_clocks=True, dejitter_timestamps=False
        )
    return [_stream(stream) for stream in streams]


@contextmanager
def _quiet_pyxdf() -> Iterator[None]:
    """Pass pyxdf's warnings on at level INFO; its errors stay errors."""

    def passes(record: logging.LogRecord) -> bool:
        if record.levelno == logging.WARNING:
            _LOG.info("pyxdf: %s", record.getMessage())
        return record.levelno > logging.WARNING

    logger = logging.getLogger("pyxdf.pyxdf")
    logger.addFilter(passes)
    try:
        yield
    finally:
        logger.removeFilter(passes)


def _stream(raw: Mapping[str, Any]) -> _Stream:
    info = raw["info"]
    channels = int(_text(info, "channel_count"))
    rate_hz = float(_text(info, "nominal_srate"))
    units = _of_channels(info, "unit")
    return _Stream(
        number=info["stream_id"],
        type=_text(info, "type"),
        format=_text(info, "channel_format"),
        info=StreamInfo(
            name=_text(info, "name"),
            channels=channels,
            sample_rate_hz=rate_hz if np.isfinite(rate_hz) and rate_hz > 0 else 0.0,
            channel_names=channel_names(_of_channels(info, "label"), channels),
            units=tuple(units) if len(units) == channels and any(units) else (),
        ),
        stamps=np.ascontiguousarray(raw["time_stamps"], dtype=np.float64),
        values=raw["time_series"],
    )


def _child(parent: object, tag: str) -> object:
    """Return the first child of that tag; pyxdf gives an element as a dict of lists, or text."""
    children = parent.get(tag) if isinstance(parent, Mapping) else None
    return children[0] if children else None


def _text(parent: object, tag: str) -> str:
    found = _child(parent, tag)
    return found if isinstance(found, str) else ""


def _of_channels(info: object, tag: str) -> list[str]:
    channels = _child(_child(info, "desc"), "channels")
    if not isinstance(channels, Mapping):
        return []
    return [_text(channel, tag) for channel in channels.get("channel", ())]


def _has_signal_only(streams: Sequence[_Stream], selection: Selection) -> bool:
    """Whether labels are asked for by name, and one numeric stream is all there is."""
    name = selection.labels
    if name is None or any(stream.answers_to(name) for stream in streams):
        return False
    return sum(stream.is_usable for stream in streams) == 1


def _is_named_signal(stream: _Stream, selection: Selection) -> bool:
    return selection.signal is not None and stream.answers_to(selection.signal)


def _default_labels(streams: Iterable[_Stream]) -> _Stream | None:
    usable = [stream for stream in streams if stream.is_usable]
    by_type = [stream for stream in usable if stream.type.casefold() in LABEL_TYPES]
    by_name = [
        stream
        for stream in usable
        if any(word in stream.info.name.casefold() for word in LABEL_WORDS)
    ]
    found = by_type or by_name
    return found[0] if len(found) == 1 else None


def _default_signal(streams: Sequence[_Stream], labels: _Stream | None) -> _Stream:
    usable = [stream for stream in streams if stream.is_usable and stream is not labels]
    if not usable:
        raise RecordingError(
            "it has no signal: expected a numeric stream with samples (beside the labels); "
            f"it holds {_listed(streams)}"
        )
    return max(usable, key=_signal_rank)  # of equals the first


def _signal_rank(stream: _Stream) -> tuple[bool, bool, int]:
    return (
        stream.type.casefold() in SIGNAL_TYPES,
        stream.info.sample_rate_hz > 0,
        len(stream.stamps) * stream.info.channels,
    )


def _pick(streams: Sequence[_Stream], name: str, role: str) -> _Stream:
    """Return the stream that is meant; among namesakes, the only usable one."""
    found = [stream for stream in streams if stream.answers_to(name)]
    usable = [stream for stream in found if stream.is_usable]
    if len(usable) == 1:
        return usable[0]
    if len(usable) > 1:
        raise RecordingError(
            f'{role} {name!r} may be any of {_listed(usable)}: name one by its number, as "#1"'
        )
    if not found:
        raise RecordingError(f"it has no {role} {name!r}: name one of {_listed(streams)}")
    if found[0].format == TEXT_FORMAT:
        raise RecordingError(
            f"{role} {name!r} is text, stream {found[0]}: expected a numeric stream (text markers "
            "cannot be used yet)"
        )
    raise RecordingError(f"{role} {name!r} is empty, stream {found[0]}: name another")


def _listed(streams: Iterable[_Stream]) -> str:
    return ", ".join(map(str, streams)) or "(no streams)"


def _series(stream: _Stream) -> Series:
    with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold becomes inf
        values = np.ascontiguousarray(stream.values, dtype=np.float32)
    return Series(stream.info, stream.stamps, values)
