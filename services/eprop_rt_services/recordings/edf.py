"""European Data Format and BioSemi's 24-bit form of it (EDF, EDF+, BDF, BDF+), through MNE.

Annotations are markers, as are the numbers of a trigger channel.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from eprop_rt.errors import RecordingError
from eprop_rt.series import StreamInfo
from eprop_rt_services.recordings import scratch
from eprop_rt_services.recordings.foreign import errors_of, optional_extra
from eprop_rt_services.recordings.markers import Markers
from eprop_rt_services.recordings.recording import Recording, Selection, Series

if TYPE_CHECKING:
    from mne.io import BaseRaw

VERSIONS = {".edf": (b"0       ", 2), ".bdf": (b"\xffBIOSEMI", 3)}  # how it begins, bytes a value
FIXED_BYTES = SIGNAL_BYTES = 256
SAMPLES_AT = 216  # of what a header says of each signal: before it stand so many bytes
PART_SAMPLES = 1 << 16
TYPES = ("eeg", "emg", "seeg", "ecog", "eog", "ecg", "misc")


def read_edf(path: Path, selection: Selection) -> Recording:
    """Read the channels that are named ("C3, C4"), are of a type ("emg"), or else all, in volts.

    There are no labels. Raises RecordingError for a file that is none, or is cut.
    """
    with optional_extra("mne", "eeg"):
        import mne  # noqa: PLC0415  (an optional extra, and a second to import)
    with errors_of(path, "cannot be read as EDF or BDF"), warnings.catch_warnings():
        _Header.of(path).check(path)
        warnings.simplefilter("ignore")  # what matters of it is checked here and is an error
        read = mne.io.read_raw_bdf if path.suffix.lower() == ".bdf" else mne.io.read_raw_edf
        with read(path, preload=False, infer_types=True, verbose="CRITICAL") as raw:
            picks = _picks(raw, selection)
            return Recording(path.stem, _load(raw, picks), None, None, _markers(raw, selection))


@dataclass(frozen=True, slots=True)
class _Header:
    """What the head of a file says of its size."""

    head_bytes: int
    records: int
    record_bytes: int

    @classmethod
    def of(cls, path: Path) -> "_Header":
        begins, value_bytes = VERSIONS[path.suffix.lower()]
        with path.open("rb") as file:
            fixed = file.read(FIXED_BYTES)
            if not fixed.startswith(begins):
                raise RecordingError(f"it begins with {fixed[:8]!r}, expected {begins!r}")
            signals = _integer(fixed[252:256], "signals")
            each = file.read(signals * SIGNAL_BYTES) if 0 < signals <= 10000 else b""
        if not each or len(each) < signals * SIGNAL_BYTES:
            raise RecordingError(f"it ends inside its head, which is of {signals} signals")
        samples = each[signals * SAMPLES_AT : signals * (SAMPLES_AT + 8)]
        counts = [_integer(samples[8 * at : 8 * at + 8], "samples") for at in range(signals)]
        if min(counts) < 0 or sum(counts) == 0:
            raise RecordingError(f"its records are of {sum(counts)} samples: expected some")
        records = _integer(fixed[236:244], "records")
        return cls(_integer(fixed[184:192], "bytes"), records, sum(counts) * value_bytes)

    def check(self, path: Path) -> None:
        """Raise RecordingError where less follows than was announced; -1 records: whatever is."""
        there = (path.stat().st_size - self.head_bytes) // self.record_bytes
        if there < max(self.records, 1) or self.records < -1 or self.head_bytes <= 0:
            raise RecordingError(
                f"it announces {self.records} records and holds {max(there, 0)}: it was cut, or "
                "its head is damaged"
            )


def _integer(field: bytes, what: str) -> int:
    try:
        return int(field.decode("ascii"))
    except ValueError:
        raise RecordingError(f"its head says {field!r} of its {what}: expected a number") from None


def _picks(raw: "BaseRaw", selection: Selection) -> list[int]:
    kinds = raw.get_channel_types()
    data = [at for at, kind in enumerate(kinds) if kind != "stim"]
    name = selection.signal
    if name is None:
        chosen = data
    elif name.casefold() in TYPES:
        chosen = [at for at in data if kinds[at] == name.casefold()]
    else:
        wanted = [part.strip() for part in name.split(",")]
        missing = [part for part in wanted if part not in raw.ch_names]
        if missing:
            raise RecordingError(
                f"it has no channel {missing[0]!r}: name channels of {', '.join(raw.ch_names)}"
            )
        chosen = [raw.ch_names.index(part) for part in wanted]
    if not chosen:
        raise RecordingError(
            f"it has no signal {name or 'by default'!r}: its channels are {', '.join(raw.ch_names)}"
        )
    return chosen


def _load(raw: "BaseRaw", picks: list[int]) -> Series:
    rate_hz, samples, channels = float(raw.info["sfreq"]), raw.n_times, len(picks)
    if not (np.isfinite(rate_hz) and rate_hz > 0):
        raise RecordingError(f"it has a rate of {rate_hz} Hz: expected more than 0")
    values = scratch.empty((samples, channels), np.float32, "reading its samples")
    for begin in range(0, samples, PART_SAMPLES):
        part = slice(begin, min(begin + PART_SAMPLES, samples))
        with np.errstate(over="ignore", invalid="ignore"):
            values[part] = raw.get_data(picks, part.start, part.stop, verbose="CRITICAL").T
    names = tuple(raw.ch_names[at] for at in picks)
    info = StreamInfo("edf", channels, rate_hz, names, ("V",) * channels)
    return Series(info, np.arange(samples) / rate_hz, values)


def _markers(raw: "BaseRaw", selection: Selection) -> Markers | None:
    if not selection.wants_markers:
        return None
    import mne  # noqa: PLC0415

    notes = raw.annotations
    stamps, texts = list(notes.onset), list(notes.description)
    if "stim" in raw.get_channel_types():
        found = mne.find_events(raw, shortest_event=1, verbose="CRITICAL")
        stamps += [sample / float(raw.info["sfreq"]) for sample in found[:, 0].tolist()]
        texts += [str(code) for code in found[:, 2].tolist()]
    return Markers.ordered(np.asarray(stamps, np.float64), texts)
