"""`eprop-rt export`: a session as the archives take it, NWB with or without BIDS around it."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from eprop_rt.errors import ConfigError
from eprop_rt_services.exporting import (
    begun,
    check_free,
    commands_of,
    joined_from,
    merged,
    parts_of,
    write_whole,
)
from eprop_rt_services.recordings import Recording, Selection
from eprop_rt_services.recordings.bids import (
    Beside,
    BidsName,
    Electrodes,
    Modality,
    check_rate,
    write_beside,
)
from eprop_rt_services.recordings.foreign import errors_of
from eprop_rt_services.recordings.nwb_writer import About
from eprop_rt_services.recordings.origin import Origin, Subject, origin_of, with_zone
from eprop_rt_services.recordings.recording import from_zero

UNKNOWN = "unknown"
ANY_AGE = "P0D/"  # from birth on, without an end: how archives write an age that nobody knows


def command(
    recording: Annotated[
        Path, typer.Argument(metavar="RECORDING", help="a recording, a journal or its folder")
    ],
    out: Annotated[
        Path, typer.Argument(metavar="OUT.nwb|FOLDER", help="a file, or the folder of a BIDS set")
    ],
    signal: Annotated[str | None, typer.Option(metavar="NAME", help="the series to export")] = None,
    labels: Annotated[str | None, typer.Option(metavar="NAME", help="and its labels")] = None,
    board: Annotated[int | None, typer.Option(help="the id of a BrainFlow table's board")] = None,
    description: Annotated[str | None, typer.Option(help="what was done in the session")] = None,
    started: Annotated[
        str | None, typer.Option(metavar="TIME", help="ISO 8601, of the first sample")
    ] = None,
    subject: Annotated[str | None, typer.Option(metavar="ID", help="who was recorded")] = None,
    species: Annotated[str | None, typer.Option(help="in Latin, as in 'Macaca mulatta'")] = None,
    sex: Annotated[str | None, typer.Option(help="M, F, O or U (unknown)")] = None,
    age: Annotated[
        str | None, typer.Option(help="ISO 8601, as in P30Y; a range has a /; or unknown")
    ] = None,
    session: Annotated[str | None, typer.Option(metavar="ID", help="which session")] = None,
    task: Annotated[str, typer.Option(metavar="NAME", help="what it was, for BIDS")] = "",
    modality: Annotated[Modality, typer.Option(help="of the signal, for BIDS")] = "ieeg",
    electrodes: Annotated[
        Electrodes, typer.Option(help="what ieeg channels are of, for BIDS")
    ] = "OTHER",
    line_hz: Annotated[float | None, typer.Option(min=1, help="of the mains, for BIDS")] = None,
    force: Annotated[bool, typer.Option("--force", help="write over what is there")] = False,
) -> None:
    """Export a session: signal, labels, markers, trials, and the commands of a journal.

    Who was recorded and when is what the recording says, and options say the rest. All stamps begin
    at the first sample of the signal; how much was taken off stands in the notes.
    """
    told = Origin(
        started=None if started is None else begun_at(started),
        session_id=session,
        description=description,
        subject=Subject(subject, species, sex, ANY_AGE if age == UNKNOWN else age),
    )
    paths = parts_of(recording)
    chosen = Selection(signal=signal, labels=labels, board=board)
    moved, first_s = from_zero(joined_from(paths, chosen, recording.stem))
    origin = merged(told, origin_of(paths[0], first_s))
    as_bids = out.suffix.lower() != ".nwb"
    about = About(
        description=origin.description or f"exported from {recording.name}",
        started=begun(recording, origin, task if as_bids else None),
        session_id=origin.session_id or "",
        notes=f"second 0 is {first_s!r} s on the clock of {recording.name}" if first_s else "",
        subject=origin.subject,
        commands=commands_of(paths, first_s),
    )
    name = BidsName.of(origin, task, modality) if as_bids else None
    path = out if name is None else name.data(out)
    check_free(path, paths, force=force)
    with errors_of(path, "cannot be written"):
        if name is not None:
            check_rate(moved)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, moved, about)
        if name is not None:
            write_beside(out, name, moved, Beside(origin.subject, line_hz, electrodes))
    say(path, moved, about, name)


def begun_at(said: str) -> datetime:
    """When the session began; raises ConfigError where that is no time."""
    try:
        return with_zone(datetime.fromisoformat(said))
    except ValueError:
        raise ConfigError(
            f"--started is {said!r}: expected a time, as in 2026-11-22T10:30:00+01:00"
        ) from None


def say(path: Path, recording: Recording, about: About, name: BidsName | None) -> None:
    """What people read."""
    said = [f"wrote {path}: {contents(recording, about)}"]
    if name is not None and not name.is_valid:
        said.append(
            f"BIDS takes no NWB for {name.modality}: .bidsignore keeps validators from the folder "
            f"{name.modality}, convert the file before you share it as BIDS"
        )
    for line in said:
        Console().print(line, highlight=False, soft_wrap=True)


def contents(recording: Recording, about: About) -> str:
    """What is in it, in one line."""
    signal, labels = recording.signal, recording.labels
    parts = [f"{signal.info.name} ({len(signal.stamps)} x {signal.info.channels})"]
    if labels is not None:
        parts.append(f"labels {labels.info.name} ({len(labels.stamps)} x {labels.info.channels})")
    if about.commands is not None:
        parts.append(f"{len(about.commands.stamps)} commands")
    if recording.trials is not None:
        parts.append(f"{len(recording.trials.block)} trials")
    if recording.markers is not None:
        parts.append(f"{len(recording.markers.texts)} markers")
    return ", ".join(parts)
