"""What the head of an EDF or BDF file says: its signals, their rates, how long its records are.

A file is a head, then records of equal length; each holds so many samples of every signal in turn.
Source: https://www.edfplus.info/specs
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from eprop_rt.errors import RecordingError

VERSIONS = {".edf": (b"0       ", 2), ".bdf": (b"\xffBIOSEMI", 3)}  # how it begins, bytes a value
FIXED_BYTES = SIGNAL_BYTES = 256
LABEL_BYTES, COUNT_BYTES = 16, 8
COUNTS_AT = 216  # of what a head says of each signal: before it stand so many bytes
NOTES = ("EDF Annotations", "BDF Annotations")  # a signal of texts
BROKEN_OFF = ("EDF+D", "BDF+D")  # records do not follow each other without gaps
MOST_NAMED = 4
LEFT_OUT = datetime(1985, 1, 1)  # the date of a file that is to say none


@dataclass(frozen=True, slots=True)
class Head:
    """Signals in the order of the file: `labels`, and the `counts` of their samples in a record.

    `started` is a time of the laboratory's zone, None where it was left out.
    """

    kind: str
    head_bytes: int
    records: int
    record_s: float
    value_bytes: int
    labels: tuple[str, ...]
    counts: tuple[int, ...]
    started: datetime | None

    @classmethod
    def of(cls, path: Path) -> "Head":
        """Read it; raises RecordingError where it is none, or is of no sound file."""
        begins, value_bytes = VERSIONS[path.suffix.lower()]
        with path.open("rb") as file:
            fixed = file.read(FIXED_BYTES)
            if not fixed.startswith(begins):
                raise RecordingError(f"it begins with {fixed[:8]!r}, expected {begins!r}")
            signals = _integer(fixed[252:256], "signals")
            each = file.read(signals * SIGNAL_BYTES) if 0 < signals <= 10000 else b""
        if not each or len(each) < signals * SIGNAL_BYTES:
            raise RecordingError(f"it ends inside its head, which is of {signals} signals")
        counts = [
            _integer(each[at : at + COUNT_BYTES], "samples")
            for at in range(signals * COUNTS_AT, signals * (COUNTS_AT + COUNT_BYTES), COUNT_BYTES)
        ]
        if min(counts) < 0 or sum(counts) == 0:
            raise RecordingError(f"its records are of {sum(counts)} samples: expected some")
        labels = [
            each[at : at + LABEL_BYTES].decode("latin-1").strip()
            for at in range(0, signals * LABEL_BYTES, LABEL_BYTES)
        ]
        return cls(
            kind=fixed[192:236].decode("latin-1").strip(),
            head_bytes=_integer(fixed[184:192], "bytes"),
            records=_integer(fixed[236:244], "records"),
            record_s=_seconds(fixed[244:252]),
            value_bytes=value_bytes,
            labels=tuple(labels),
            counts=tuple(counts),
            started=_started(fixed[88:168], fixed[168:184]),
        )

    @property
    def record_bytes(self) -> int:
        """Of one record, all signals together."""
        return sum(self.counts) * self.value_bytes

    @property
    def is_broken_off(self) -> bool:
        """Whether there may be time between one record and the next."""
        return self.kind.startswith(BROKEN_OFF)

    @property
    def notes(self) -> tuple[int, ...]:
        """Which signals are texts."""
        return tuple(at for at, label in enumerate(self.labels) if label in NOTES)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Which signals are numbers."""
        return tuple(at for at, label in enumerate(self.labels) if label not in NOTES)

    def bytes_of(self, signal: int) -> slice:
        """Where a record holds it."""
        before = sum(self.counts[:signal])
        return slice(before * self.value_bytes, (before + self.counts[signal]) * self.value_bytes)

    def records_in(self, path: Path) -> int:
        """How many whole ones there are, or RecordingError where that is less than announced.

        -1 records were announced where nobody counted them: whatever is there.
        """
        there = (path.stat().st_size - self.head_bytes) // self.record_bytes
        if there < max(self.records, 1) or self.records < -1 or self.head_bytes <= 0:
            raise RecordingError(
                f"it announces {self.records} records and holds {max(there, 0)}: it was cut, or "
                "its head is damaged"
            )
        return there

    def rates(self, names: Sequence[str], counts: Sequence[int]) -> str:
        """Which channels come at which rate, for a message."""
        by_rate: dict[int, list[str]] = {}
        for name, count in zip(names, counts, strict=True):
            by_rate.setdefault(count, []).append(name)
        return "; ".join(
            f"{_shortened(each)} at {count / self.record_s:g} Hz" for count, each in by_rate.items()
        )


def _shortened(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _integer(field: bytes, what: str) -> int:
    try:
        return int(field.decode("ascii"))
    except ValueError:
        raise RecordingError(f"its head says {field!r} of its {what}: expected a number") from None


def _seconds(field: bytes) -> float:
    """How long a record is; files of nothing but texts may say 0, which is then of no use."""
    try:
        found = float(field.decode("ascii"))
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise RecordingError(f"its head says records of {field!r} s: expected a length")
    return found or 1.0


def _started(recording: bytes, date_and_time: bytes) -> datetime | None:
    """The date of EDF+ has four digits of the year; that of EDF has two, from 1985 on."""
    said = date_and_time.decode("latin-1")
    plus = recording.decode("latin-1").split()
    found: datetime | None = None
    with suppress(ValueError):
        found = datetime.strptime(said, "%d.%m.%y%H.%M.%S")
        if found.year < LEFT_OUT.year:
            found = found.replace(year=found.year + 100)
    if found is not None and plus[:1] == ["Startdate"] and len(plus) > 1:
        with suppress(ValueError):
            date = datetime.strptime(plus[1], "%d-%b-%Y")
            found = datetime.combine(date, found.time())
    return None if found is None or found.date() == LEFT_OUT.date() else found
