"""Who was recorded and when, as far as a file says it: nothing is made up."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

from eprop_rt_services.recordings.brainflow_table import EPOCH_S
from eprop_rt_services.recordings.edf_head import Head
from eprop_rt_services.recordings.foreign import errors_of, optional_extra
from eprop_rt_services.recordings.xdf_chunks import MAGIC, Tag, decode_chunk

LONGEST_HEADER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Subject:
    """Who was recorded: `species` in Latin, `sex` M, F, O or U, `age` as in P30Y (ISO 8601)."""

    subject_id: str | None = None
    species: str | None = None
    sex: str | None = None
    age: str | None = None
    date_of_birth: datetime | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """What a file says of its session; None where it does not. `started`: the first sample's."""

    started: datetime | None = None
    session_id: str | None = None
    description: str | None = None
    subject: Subject = Subject()


def origin_of(path: Path, first_s: float) -> Origin:
    """What is known of a recording that reads, whose first sample has that stamp."""
    known = _KNOWN.get(path.suffix.lower())
    with errors_of(path, "cannot be read"):
        return Origin() if known is None else known(path, first_s)


def with_zone(time: datetime) -> datetime:
    """A time without a zone is one of this machine's."""
    return time if time.tzinfo is not None else time.astimezone()


def _of_nwb(path: Path, first_s: float) -> Origin:
    with optional_extra("pynwb"):
        import pynwb  # noqa: PLC0415  (an optional extra, and half a second to import)
    with pynwb.NWBHDF5IO(path, mode="r") as source:
        file = source.read()
        who = file.subject
        second_0: datetime = file.timestamps_reference_time
        return Origin(
            started=with_zone(second_0) + timedelta(seconds=first_s),
            session_id=file.session_id,
            description=file.session_description,
            subject=Subject()
            if who is None
            else Subject(who.subject_id, who.species, who.sex, who.age, who.date_of_birth),
        )


def _of_xdf(path: Path, _: float) -> Origin:
    """When the recorder began: to the second, and samples may have come a little later."""
    with path.open("rb") as file:
        head = memoryview(file.read(LONGEST_HEADER_BYTES))
    chunk = decode_chunk(head, len(MAGIC))
    if chunk is None or chunk.tag != Tag.FILE_HEADER:
        return Origin()
    try:
        header = ElementTree.fromstring(bytes(chunk.content).decode("utf-8", "replace"))
        return Origin(started=with_zone(datetime.fromisoformat(header.findtext("datetime", ""))))
    except (ElementTree.ParseError, ValueError):
        return Origin()


def _of_edf(path: Path, _: float) -> Origin:
    started = Head.of(path).started
    return Origin(started=None if started is None else with_zone(started))


def _of_table(_: Path, first_s: float) -> Origin:
    """BrainFlow's stamps are times of day."""
    within = EPOCH_S[0] < first_s < EPOCH_S[1]
    return Origin(started=datetime.fromtimestamp(first_s, UTC) if within else None)


_KNOWN: dict[str, Callable[[Path, float], Origin]] = {
    ".nwb": _of_nwb,
    ".xdf": _of_xdf,
    ".edf": _of_edf,
    ".bdf": _of_edf,
    ".csv": _of_table,
}
