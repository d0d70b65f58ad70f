"""European Data Format and BioSemi's 24-bit form of it (EDF, EDF+, BDF, BDF+), through MNE.

Annotations are markers, as are the numbers of a trigger channel. Second 0 is the first sample. MNE
brings channels to one rate where a file has several, each part of it by itself: channels of one
rate are therefore read alone.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from eprop_rt.errors import RecordingError
from eprop_rt.series import F64, StreamInfo
from eprop_rt_services.recordings import scratch
from eprop_rt_services.recordings.absent import marker_names, refuse_labels
from eprop_rt_services.recordings.edf_head import Head
from eprop_rt_services.recordings.edf_notes import Notes, notes_of, stamps_of
from eprop_rt_services.recordings.foreign import errors_of, optional_extra
from eprop_rt_services.recordings.markers import Markers
from eprop_rt_services.recordings.recording import Recording, Selection, Series

if TYPE_CHECKING:
    from mne.io import BaseRaw

PART_SAMPLES = 1 << 16
TYPES = ("eeg", "emg", "seeg", "ecog", "eog", "ecg", "misc")
TRIGGERS = "stim"
NOTES = "annotations"  # the name of their markers


def read_edf(path: Path, selection: Selection) -> Recording:
    """Read the channels that are named ("C3, C4"), are of a type ("emg"), or else all, in volts.

    There are no labels. Raises RecordingError for a file that is none, or is cut, and where those
    channels have several rates.
    """
    with optional_extra("mne", "eeg"):
        import mne  # noqa: F401, PLC0415  (an optional extra, and a second to import)
    with errors_of(path, "cannot be read as EDF or BDF"), warnings.catch_warnings():
        refuse_labels(selection, "EDF and BDF hold signals only")
        head = Head.of(path)
        notes = notes_of(path, head, head.records_in(path))
        warnings.simplefilter("ignore")  # what matters of it is checked here and is an error
        with _opened(path) as raw:
            file = _File(path, head, notes, raw)
            signal = _signal(file, _chosen(file, selection))
            return Recording(path.stem, signal, None, None, _markers(file, selection))


@dataclass(frozen=True, slots=True)
class _File:
    """One that is open; `raw` has its channels of numbers in their order."""

    path: Path
    head: Head
    notes: Notes
    raw: "BaseRaw"

    @property
    def kinds(self) -> dict[str, str]:
        """The type of each channel."""
        return dict(zip(self.raw.ch_names, self.raw.get_channel_types(), strict=True))

    def counts(self, names: Sequence[str]) -> list[int]:
        """How many samples a record has of each."""
        numbers = self.head.numbers
        return [self.head.counts[numbers[self.raw.ch_names.index(name)]] for name in names]

    @contextmanager
    def only(self, names: Sequence[str]) -> Iterator["BaseRaw"]:
        """Those channels, which have one rate, as they were recorded."""
        if len(set(self.counts(self.raw.ch_names))) == 1:
            yield self.raw
            return
        with _opened(self.path, names) as alone:
            yield alone

    def stamps(self, count: int) -> F64:
        """When each sample of a channel was taken that has so many in a record."""
        return stamps_of(self.notes, self.head, count)


@contextmanager
def _opened(path: Path, include: Sequence[str] | None = None) -> Iterator["BaseRaw"]:
    import mne  # noqa: PLC0415

    read = mne.io.read_raw_bdf if path.suffix.lower() == ".bdf" else mne.io.read_raw_edf
    with read(
        path,
        preload=False,
        infer_types=True,
        include=include,
        exclude_after_unique=True,
        verbose="CRITICAL",
    ) as raw:
        yield raw


def _chosen(file: _File, selection: Selection) -> list[str]:
    kinds, name = file.kinds, selection.signal
    data = [each for each, kind in kinds.items() if kind != TRIGGERS]
    if name is None:
        chosen = data
    elif name.casefold() in TYPES:
        chosen = [each for each in data if kinds[each] == name.casefold()]
    else:
        chosen = [part.strip() for part in name.split(",")]
        missing = [part for part in chosen if part not in kinds]
        if missing:
            raise RecordingError(
                f"it has no channel {missing[0]!r}: name channels of {', '.join(kinds)}"
            )
    if not chosen:
        raise RecordingError(
            f"it has no signal {name or 'by default'!r}: its channels are {', '.join(kinds)}"
        )
    return chosen


def _signal(file: _File, names: Sequence[str]) -> Series:
    counts = file.counts(names)
    if len(set(counts)) > 1:
        raise RecordingError(
            f"its channels have several rates ({file.head.rates(names, counts)}): name those of "
            "one rate by recording.signal"
        )
    stamps = file.stamps(counts[0])
    values = scratch.empty((len(stamps), len(names)), np.float32, "reading its samples")
    with file.only(names) as raw:
        rate_hz, picks = float(raw.info["sfreq"]), [raw.ch_names.index(name) for name in names]
        if not (np.isfinite(rate_hz) and rate_hz > 0) or raw.n_times != len(stamps):
            raise RecordingError(
                f"it has {raw.n_times} samples at {rate_hz} Hz: expected {len(stamps)}, and a rate"
            )
        for begin in range(0, len(stamps), PART_SAMPLES):
            part = slice(begin, min(begin + PART_SAMPLES, len(stamps)))
            values[part] = raw.get_data(picks, part.start, part.stop, verbose="CRITICAL").T
    info = StreamInfo("edf", len(names), rate_hz, tuple(names), ("V",) * len(names))
    return Series(info, stamps, values)


def _markers(file: _File, selection: Selection) -> Markers | None:
    """Annotations, and the numbers of trigger channels."""
    triggers = [name for name, kind in file.kinds.items() if kind == TRIGGERS]
    notes = [NOTES] if file.notes.texts else []
    stamps, texts = [np.empty(0)], list[str]()
    for name in marker_names(selection, [*notes, *triggers]):
        stamps_of_it, texts_of_it = (
            (file.notes.stamps, file.notes.texts) if name == NOTES else _triggers(file, name)
        )
        stamps.append(stamps_of_it)
        texts += texts_of_it
    return Markers.ordered(np.concatenate(stamps), texts)


def _triggers(file: _File, name: str) -> tuple[F64, Sequence[str]]:
    import mne  # noqa: PLC0415

    with file.only((name,)) as raw:
        found = mne.find_events(raw, name, shortest_event=1, verbose="CRITICAL")
    stamps = file.stamps(*file.counts((name,)))[found[:, 0]]
    return stamps, [str(code) for code in found[:, 2].tolist()]
