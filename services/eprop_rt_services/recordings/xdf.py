"""Recordings in Extensible Data Format (XDF) files, as LabRecorder writes them, through pyxdf.

A stream is named by its name, its type (both in any case), or its number in the file ("#2").
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from eprop_rt.errors import RecordingError
from eprop_rt.series import F64, StreamInfo
from eprop_rt_services.recordings.foreign import errors_of
from eprop_rt_services.recordings.markers import Markers, texts_of_numbers
from eprop_rt_services.recordings.recording import Recording, Selection, Series
from eprop_rt_services.recordings.xdf_chunks import TEXT_FORMAT
from eprop_rt_services.recordings.xdf_large import large_streams
from eprop_rt_services.recordings.xdf_streams import XdfStream, load_streams
from eprop_rt_services.recordings.xdf_writer import XdfWriter

SIGNAL_TYPES = frozenset({"eeg", "emg", "ecog", "ieeg", "seeg", "lfp", "meg", "spikes"})
LABEL_TYPES = frozenset({"kinematics", "labels"})
LABEL_WORDS = ("label", "velocity")
WRITTEN_BLOCK_SAMPLES = 1024
IN_MEMORY_BYTES = 256 << 20  # larger files are read by ourselves, a chunk at a time
JOURNAL_EVENTS = "eprop-rt events"  # what a journal says of itself, in JSON


def read_xdf(path: Path, selection: Selection) -> Recording:
    """Read the signal and the labels of an XDF file, on the recorder's clock.

    Labels default to the one numeric stream of type Kinematics or Labels, failing that the one
    whose name contains "label" or "velocity", failing that none. The signal defaults, among the
    other numeric streams, to one of an electrophysiological type before any other, then a regular
    one before an irregular one, then the one with the most values. Stamps are synchronised by the
    file's clock offsets, clock resets included, and not smoothed. Streams of text, or of single
    numbers, are markers where they are of a type for markers, or named.

    Raises RecordingError for a file that is no XDF, or lacks a stream that is asked for.
    """
    with errors_of(path, "cannot be read as XDF"):
        streams = open_streams(path)
        labels = None
        if selection.wants_labels:
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
            markers=_markers(streams, (signal, labels), selection),
            other_texts=_other_texts(streams),
        )


def read_stream(path: Path, name: str) -> Series | None:
    """One numeric stream by its name; None where there is none, or no sample in it."""
    with errors_of(path, "cannot be read as XDF"):
        found = [one for one in open_streams(path) if one.is_usable and one.answers_to(name)]
        return _series(found[0]) if found else None


def open_streams(path: Path, *, exact: bool = False) -> list[XdfStream]:
    """All streams of a file, by pyxdf unless it is large: numbers are single then, or `exact`.

    Raises RecordingError for a file that is no XDF.
    """
    large = path.stat().st_size > IN_MEMORY_BYTES
    return large_streams(path, exact) if large else load_streams(path)


def write_xdf(path: Path, recording: Recording, description: str) -> None:
    """Write a recording as a new XDF file: streams of type Signal, Labels and Markers."""
    with XdfWriter(path, description) as writer:
        streams = [
            (writer.add_stream(series.info, kind, f"{recording.name}-{kind.lower()}"), series)
            for kind, series in (("Signal", recording.signal), ("Labels", recording.labels))
            if series is not None
        ]
        markers = recording.markers
        if markers is not None:
            info = StreamInfo("markers", 1, 0.0)
            number = writer.add_stream(info, "Markers", f"{recording.name}-markers", "string")
            writer.write(number, markers.stamps, [[text] for text in markers.texts])
        longest = max(len(series.stamps) for _, series in streams)
        blocks = -(-longest // WRITTEN_BLOCK_SAMPLES)
        for block in range(blocks):  # the streams interleaved, each in its own pace
            for stream, series in streams:
                samples = len(series.stamps)
                rows = slice(block * samples // blocks, (block + 1) * samples // blocks)
                writer.write(stream, series.stamps[rows], series.values[rows])


def _is_named_signal(stream: XdfStream, selection: Selection) -> bool:
    return selection.signal is not None and stream.answers_to(selection.signal)


def _default_labels(streams: Iterable[XdfStream]) -> XdfStream | None:
    usable = [stream for stream in streams if stream.is_usable]
    by_type = [stream for stream in usable if stream.type.casefold() in LABEL_TYPES]
    by_name = [
        stream
        for stream in usable
        if any(word in stream.info.name.casefold() for word in LABEL_WORDS)
    ]
    found = by_type or by_name
    return found[0] if len(found) == 1 else None


def _default_signal(streams: Sequence[XdfStream], labels: XdfStream | None) -> XdfStream:
    others = [stream for stream in streams if stream.is_usable and stream is not labels]
    usable = [stream for stream in others if not stream.is_made_to_mark] or others
    if not usable:
        raise RecordingError(
            "it has no signal: expected a numeric stream with samples (beside the labels); "
            f"it holds {_listed(streams)}"
        )
    return max(usable, key=_signal_rank)  # of equals the first


def _signal_rank(stream: XdfStream) -> tuple[bool, bool, int]:
    return (
        stream.type.casefold() in SIGNAL_TYPES,
        stream.info.sample_rate_hz > 0,
        stream.samples * stream.info.channels,
    )


def _pick(streams: Sequence[XdfStream], name: str, role: str) -> XdfStream:
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
            f"{role} {name!r} is text, stream {found[0]}: expected a numeric stream (text is read "
            "as markers: recording.markers names the stream)"
        )
    raise RecordingError(f"{role} {name!r} is empty, stream {found[0]}: name another")


def _listed(streams: Iterable[XdfStream]) -> str:
    return ", ".join(map(str, streams)) or "(no streams)"


def _series(stream: XdfStream) -> Series:
    stamps, values = stream.read()
    with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold becomes inf
        return Series(stream.info, stamps, np.ascontiguousarray(values, dtype=np.float32))


def _markers(
    streams: Sequence[XdfStream], taken: Sequence[XdfStream | None], selection: Selection
) -> Markers | None:
    """Those of the stream that is named, else of all that are of a type for markers."""
    if not selection.wants_markers:
        return None
    able = [stream for stream in streams if stream.may_mark]
    if selection.markers is None:
        made = [stream for stream in able if stream.is_made_to_mark and stream not in taken]
        chosen = [stream for stream in made if stream.info.name != JOURNAL_EVENTS]
    else:
        chosen = [stream for stream in able if stream.answers_to(selection.markers)]
        if not chosen:
            raise RecordingError(
                f"it has no markers {selection.markers!r}: name a stream of text or of single "
                f"numbers, one of {_listed(able)}"
            )
    read = [_read_as_text(stream) for stream in chosen]
    stamps = np.concatenate([np.empty(0), *(stamps for stamps, _ in read)])
    return Markers.ordered(stamps, [text for _, texts in read for text in texts])


def _read_as_text(stream: XdfStream) -> tuple[F64, Sequence[str]]:
    stamps, values = stream.read()
    if stream.is_text:
        return stamps, [" ".join(filter(None, map(str, row))) for row in values]
    return stamps, texts_of_numbers(np.asarray(values, np.float32)[:, 0])


def _other_texts(streams: Iterable[XdfStream]) -> tuple[str, ...]:
    return tuple(str(one) for one in streams if one.is_text and not one.is_made_to_mark)
