"""`eprop-rt export`: a session as the archives take it, NWB with or without BIDS around it."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from eprop_rt.errors import ConfigError
from eprop_rt_services.journal.reader import is_journal
from eprop_rt_services.journal.segment import BESIDE, COMMANDS
from eprop_rt_services.recordings import Recording, Selection, Series, read_recording
from eprop_rt_services.recordings.bids import BidsName, Modality, write_beside
from eprop_rt_services.recordings.foreign import errors_of
from eprop_rt_services.recordings.nwb_writer import About, Subject, write_session
from eprop_rt_services.recordings.recording import earlier, from_zero


def command(
    recording: Annotated[
        Path, typer.Argument(metavar="RECORDING", help="a recording or a journal")
    ],
    out: Annotated[
        Path, typer.Argument(metavar="OUT.nwb|FOLDER", help="a file, or the folder of a BIDS set")
    ],
    signal: Annotated[str | None, typer.Option(metavar="NAME", help="the series to export")] = None,
    labels: Annotated[str | None, typer.Option(metavar="NAME", help="and its labels")] = None,
    board: Annotated[int | None, typer.Option(help="the id of a BrainFlow table's board")] = None,
    description: Annotated[str, typer.Option(help="what was done in the session")] = "",
    started: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="ISO 8601, of the first sample; else the file's time"),
    ] = None,
    subject: Annotated[str, typer.Option(metavar="ID", help="who was recorded")] = "01",
    species: Annotated[str, typer.Option(help="in Latin")] = "Homo sapiens",
    sex: Annotated[str, typer.Option(help="M, F, O or U (unknown)")] = "U",
    age: Annotated[str, typer.Option(help="ISO 8601, as in P30Y; a range ends in /")] = "P0D/",
    session: Annotated[str, typer.Option(metavar="ID", help="which session")] = "01",
    task: Annotated[str, typer.Option(metavar="NAME", help="what it was, for BIDS")] = "decoding",
    modality: Annotated[Modality, typer.Option(help="of the signal, for BIDS")] = "ieeg",
    line_hz: Annotated[float | None, typer.Option(min=1, help="of the mains, for BIDS")] = None,
) -> None:
    """Export a session: signal, labels, markers, trials, and the commands of a journal.

    All stamps begin at the first sample of the signal; how much was taken off stands in the notes.
    """
    read = read_recording(recording, Selection(signal=signal, labels=labels, board=board))
    moved, first_s = from_zero(read)
    about = About(
        description=description or f"exported from {recording.name}",
        started=begun_at(started, recording),
        session_id=session,
        notes=f"second 0 is {first_s!r} s on the clock of {recording.name}" if first_s else "",
        subject=Subject(subject, species, sex, age),
        commands=commands_of(recording, first_s),
    )
    name = None if out.suffix.lower() == ".nwb" else BidsName(subject, session, task, modality)
    path = out if name is None else name.data(out)
    with errors_of(path, "cannot be written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, moved, about)
        if name is not None:
            write_beside(out, name, moved, line_hz)
    Console().print(f"wrote {path}: {contents(moved, about)}", highlight=False, soft_wrap=True)


def begun_at(said: str | None, recording: Path) -> datetime:
    """When the session began; raises ConfigError where that is no time."""
    if said is None:
        return datetime.fromtimestamp(recording.stat().st_mtime, UTC)
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        raise ConfigError(
            f"--started is {said!r}: expected a time, as in 2026-11-22T10:30:00+01:00"
        ) from None
    return found if found.tzinfo is not None else found.astimezone()


def commands_of(recording: Path, first_s: float) -> Series | None:
    """What the daemon published, where the recording is a journal of it that holds commands."""
    if not is_journal(recording):
        return None
    every = Selection(labels=COMMANDS, markers="none")
    found = read_recording(recording, every).labels
    if found is None:
        return None
    info = found.info
    outputs = info.channels - len(BESIDE)
    said = replace(
        info,
        name="commands",
        channels=outputs,
        channel_names=info.channel_names[:outputs],
        units=info.units[:outputs],
    )
    return earlier(Series(said, found.stamps, found.values[:, :outputs].copy()), first_s)


def write_whole(path: Path, recording: Recording, about: About) -> None:
    """Write it whole or not at all."""
    unfinished = path.with_name(f".{path.stem}.{os.getpid()}.unfinished{path.suffix}")
    try:
        unfinished.unlink(missing_ok=True)
        write_session(unfinished, recording, about)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


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
