"""Names and side files of the Brain Imaging Data Structure (BIDS) around an NWB file.

Source: https://bids-specification.readthedocs.io (iEEG; BIDS takes NWB files for iEEG, and other
formats for EEG and EMG).
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from eprop_rt.errors import RecordingError
from eprop_rt_services.recordings.recording import Recording

Modality = Literal["ieeg", "eeg", "emg"]

VERSION = "1.10.0"
LETTERS = re.compile("[A-Za-z0-9]+")
CHANNEL_TYPES = {"eeg": "EEG", "emg": "EMG", "ieeg": "SEEG"}
REFERENCE = {"ieeg": "iEEGReference", "eeg": "EEGReference", "emg": "EMGReference"}


@dataclass(frozen=True, slots=True)
class BidsName:
    """sub-S_ses-T_task-X_modality; raises RecordingError where a part is not letters and digits."""

    subject: str
    session: str
    task: str
    modality: Modality

    def __post_init__(self) -> None:
        for part, said in (("subject", self.subject), ("session", self.session),
                           ("task", self.task)):  # fmt: skip
            if LETTERS.fullmatch(said) is None:
                raise RecordingError(
                    f"the {part} is {said!r}: BIDS takes letters and digits, as in --{part} 01"
                )

    def folder(self, root: Path) -> Path:
        """Where its files stand."""
        return root / f"sub-{self.subject}" / f"ses-{self.session}" / self.modality

    def file(self, root: Path, ending: str) -> Path:
        """One of them; `ending` is what comes after the task."""
        stem = f"sub-{self.subject}_ses-{self.session}_task-{self.task}"
        return self.folder(root) / f"{stem}_{ending}"

    def data(self, root: Path) -> Path:
        """The recording itself."""
        return self.file(root, f"{self.modality}.nwb")


def write_beside(root: Path, name: BidsName, recording: Recording, line_hz: float | None) -> None:
    """Write what BIDS wants beside the data: of the set, the channels and the events."""
    _json(root / "dataset_description.json", {
        "Name": root.name, "BIDSVersion": VERSION, "DatasetType": "raw",
        "GeneratedBy": [{"Name": "eprop-rt"}],
    }, keep=True)  # fmt: skip
    readme = root / "README.md"
    if not readme.exists():
        readme.write_text(f"# {root.name}\n\nSessions exported by eprop-rt.\n", encoding="utf-8")
    _participant(root / "participants.tsv", f"sub-{name.subject}")
    signal = recording.signal.info
    _json(name.file(root, f"{name.modality}.json"), {
        "TaskName": name.task,
        REFERENCE[name.modality]: "n/a",
        "SamplingFrequency": signal.sample_rate_hz or "n/a",
        "PowerLineFrequency": line_hz or "n/a",
        "SoftwareFilters": "n/a",
        "RecordingDuration": recording.duration_s,
    })  # fmt: skip
    names = signal.channel_names or tuple(f"ch{at}" for at in range(signal.channels))
    units = signal.units or ("n/a",) * signal.channels
    kinds = ["MISC" if unit == "count" else CHANNEL_TYPES[name.modality] for unit in units]
    rows = [
        (_cell(each), kind, _cell(unit), "n/a", "n/a")
        for each, kind, unit in zip(names, kinds, units, strict=True)
    ]
    head = ("name", "type", "units", "low_cutoff", "high_cutoff")
    _table(name.file(root, "channels.tsv"), head, rows)
    events = _events(recording)
    if events:
        columns = ("onset", "duration", "trial_type", "value")
        _table(name.file(root, "events.tsv"), columns, events)


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


def _participant(path: Path, subject: str) -> None:
    there = path.read_text(encoding="utf-8") if path.exists() else "participant_id\n"
    if not any(line.split("\t")[0] == subject for line in there.splitlines()):
        columns = there.splitlines()[0].count("\t")
        path.write_text(there + "\t".join([subject, *["n/a"] * columns]) + "\n", encoding="utf-8")
