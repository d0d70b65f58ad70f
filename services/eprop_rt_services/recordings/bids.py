"""Names and side files of the Brain Imaging Data Structure (BIDS) around an NWB file.

Source: https://bids-specification.readthedocs.io 1.11. BIDS takes NWB files for iEEG, and other
formats for EEG and EMG.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from eprop_rt.errors import RecordingError
from eprop_rt_services.recordings.origin import Origin, Subject
from eprop_rt_services.recordings.recording import Recording, Series

Modality = Literal["ieeg", "eeg", "emg"]
Electrodes = Literal["ECOG", "SEEG", "DBS", "OTHER"]

VERSION = "1.11.0"
LETTERS = re.compile("[A-Za-z0-9]+")
REFERENCE = {"ieeg": "iEEGReference", "eeg": "EEGReference", "emg": "EMGReference"}
UNITS = {"volts": "V", "microvolts": "uV", "count": "n/a"}  # as the units of BIDS are written
GAP_INTERVALS = 10.0  # stamps of a network jitter by some
NOT_SAID = "n/a"
WHERE = "not known"


@dataclass(frozen=True, slots=True)
class BidsName:
    """sub-S_ses-T_task-X_modality; raises RecordingError where a part is not letters and digits."""

    subject: str
    session: str | None
    task: str
    modality: Modality

    def __post_init__(self) -> None:
        for part, said in (("subject", self.subject), ("session", self.session),
                           ("task", self.task)):  # fmt: skip
            if said is not None and LETTERS.fullmatch(said) is None:
                raise RecordingError(
                    f"the {part} is {said!r}: BIDS takes letters and digits, as in --{part} 01"
                )

    @classmethod
    def of(cls, origin: Origin, task: str, modality: Modality) -> "BidsName":
        """The name of a session, of which the subject is known."""
        return cls(origin.subject.subject_id or "", origin.session_id or None, task, modality)

    @property
    def is_valid(self) -> bool:
        """Whether BIDS takes an NWB file of that modality."""
        return self.modality == "ieeg"

    @property
    def _who(self) -> list[str]:
        session = [] if self.session is None else [f"ses-{self.session}"]
        return [f"sub-{self.subject}", *session]

    def folder(self, root: Path) -> Path:
        """Where its files stand."""
        return root.joinpath(*self._who, self.modality)

    def file(self, root: Path, ending: str) -> Path:
        """One of them; `ending` is what comes after the task."""
        return self.folder(root) / "_".join([*self._who, f"task-{self.task}", ending])

    def of_session(self, root: Path, ending: str) -> Path:
        """One that is of all tasks of the session."""
        return self.folder(root) / "_".join([*self._who, ending])

    def data(self, root: Path) -> Path:
        """The recording itself."""
        return self.file(root, f"{self.modality}.nwb")


@dataclass(frozen=True, slots=True)
class Beside:
    """What a recording does not say: who it is of, the mains, and what its channels are of."""

    subject: Subject
    line_hz: float | None
    electrodes: Electrodes


def check_rate(recording: Recording) -> None:
    """Raise RecordingError where the signal has no rate, which BIDS insists on."""
    info = recording.signal.info
    if info.sample_rate_hz <= 0:
        raise RecordingError(
            f"its signal {info.name!r} has no rate, BIDS wants one: export it to a file OUT.nwb"
        )


def write_beside(root: Path, name: BidsName, recording: Recording, beside: Beside) -> None:
    """Write what BIDS wants beside the data: of the set, the electrodes, the channels, the events.

    What is of the whole set or session stays as it is where it is there.
    """
    _json(root / "dataset_description.json", {
        "Name": root.name, "BIDSVersion": VERSION, "DatasetType": "raw",
        "GeneratedBy": [{"Name": "eprop-rt"}],
    }, keep=True)  # fmt: skip
    readme = root / "README.md"
    if not readme.exists():
        readme.write_text(f"# {root.name}\n\nSessions exported by eprop-rt.\n", encoding="utf-8")
    _participant(root / "participants.tsv", name, beside.subject)
    _json(name.file(root, f"{name.modality}.json"), _sidecar(name, recording, beside.line_hz))
    channels = _channels(name, recording.signal, beside.electrodes)
    head = ("name", "type", "units", "low_cutoff", "high_cutoff")
    _table(name.file(root, "channels.tsv"), head, channels)
    if name.is_valid:
        _electrodes(root, name, [row[0] for row in channels if row[1] != "MISC"])
    else:
        _ignore(root / ".bidsignore", f"**/{name.modality}/")
    events = _events(recording)
    if events:
        columns = ("onset", "duration", "trial_type", "value")
        _table(name.file(root, "events.tsv"), columns, events)
        _json(name.file(root, "events.json"), {
            "trial_type": {"Description": "trial, or marker"},
            "value": {"Description": "the part of the session, or the text of the marker"},
        })  # fmt: skip


def _sidecar(name: BidsName, recording: Recording, line_hz: float | None) -> dict[str, object]:
    signal = recording.signal
    steps = np.diff(signal.stamps[np.isfinite(signal.stamps)])
    gaps = bool(np.any(steps > GAP_INTERVALS / signal.info.sample_rate_hz))
    said = {
        "TaskName": name.task,
        REFERENCE[name.modality]: NOT_SAID,
        "SamplingFrequency": signal.info.sample_rate_hz,
        "PowerLineFrequency": line_hz or NOT_SAID,
        "SoftwareFilters": NOT_SAID,
        "RecordingDuration": recording.duration_s,
        "RecordingType": "discontinuous" if gaps else "continuous",
    }
    if name.modality == "emg":
        said |= {"EMGPlacementScheme": "Other", "EMGPlacementSchemeDescription": WHERE}
    return said


def _channels(name: BidsName, signal: Series, electrodes: Electrodes) -> list[tuple[str, ...]]:
    info = signal.info
    names = info.channel_names or tuple(f"ch{at}" for at in range(info.channels))
    units = info.units or ("",) * info.channels
    kind = electrodes if name.modality == "ieeg" else name.modality.upper()
    return [
        (_cell(each), "MISC" if unit == "count" else kind, _cell(UNITS.get(unit, unit)),
         NOT_SAID, NOT_SAID)
        for each, unit in zip(names, units, strict=True)
    ]  # fmt: skip


def _electrodes(root: Path, name: BidsName, names: Sequence[str]) -> None:
    """BIDS insists on a place for every electrode: nobody said one, and somebody may fill it in."""
    table = name.of_session(root, "electrodes.tsv")
    if not table.exists():
        columns = ("name", "x", "y", "z", "size")
        _table(table, columns, [(each, *[NOT_SAID] * 4) for each in names])
    _json(name.of_session(root, "coordsystem.json"), {
        "iEEGCoordinateSystem": "Other",
        "iEEGCoordinateSystemDescription": WHERE,
        "iEEGCoordinateUnits": NOT_SAID,
    }, keep=True)  # fmt: skip


def _ignore(path: Path, pattern: str) -> None:
    there = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    if pattern not in there:
        path.write_text("\n".join([*there, pattern]) + "\n", encoding="utf-8")


def _events(recording: Recording) -> list[tuple[str, ...]]:
    found: list[tuple[float, float | None, str, str]] = []
    if recording.trials is not None:
        trials = recording.trials
        found += [
            (start, stop - start, "trial", block)
            for start, stop, block in zip(
                trials.start_s.tolist(), trials.stop_s.tolist(), trials.block, strict=True
            )
        ]
    if recording.markers is not None:
        markers = recording.markers
        found += [
            (stamp, 0.0, "marker", text)
            for stamp, text in zip(markers.stamps.tolist(), markers.texts, strict=True)
        ]
    return [
        (f"{onset:.6f}", f"{duration:.6f}" if duration is not None and duration < 1e9 else "n/a",
         kind, _cell(value))
        for onset, duration, kind, value in sorted(found)
    ]  # fmt: skip


def _cell(text: str) -> str:
    return " ".join(text.split()) or "n/a"


def _table(path: Path, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = ["\t".join(row) for row in (head, *rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _json(path: Path, said: dict[str, object], *, keep: bool = False) -> None:
    if not (keep and path.exists()):
        path.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")


def _participant(path: Path, name: BidsName, who: Subject) -> None:
    """A row in the columns that are there: without a species a reader takes it for human."""
    said = {
        "participant_id": f"sub-{name.subject}",
        "species": (who.species or NOT_SAID).lower(),
        "sex": NOT_SAID if who.sex in (None, "U") else str(who.sex),
    }
    there = path.read_text(encoding="utf-8") if path.exists() else "\t".join(said) + "\n"
    rows = [line.split("\t") for line in there.splitlines()]
    if all(row[0] != said["participant_id"] for row in rows):
        new = "\t".join(said.get(column, NOT_SAID) for column in rows[0])
        path.write_text(there + new + "\n", encoding="utf-8")
