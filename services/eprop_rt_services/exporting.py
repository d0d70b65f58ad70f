"""What an export is made of: the parts of a session, who and when, and where it may be written."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from eprop_rt.errors import ConfigError
from eprop_rt_services.journal.folder import JournalFolder
from eprop_rt_services.journal.reader import has_signal, is_journal
from eprop_rt_services.journal.segment import BESIDE, COMMANDS
from eprop_rt_services.recordings import Recording, Selection, Series, read_recording
from eprop_rt_services.recordings.joined import joined, joined_series
from eprop_rt_services.recordings.nwb_writer import About, write_session
from eprop_rt_services.recordings.origin import Origin
from eprop_rt_services.recordings.recording import earlier
from eprop_rt_services.recordings.whole_file import whole_file
from eprop_rt_services.recordings.xdf import read_stream


def parts_of(recording: Path) -> list[Path]:
    """The files of it: of a folder the segments of a journal in which samples came."""
    if not recording.is_dir():
        return [recording]
    segments = [path for path in JournalFolder(recording).segments() if has_signal(path)]
    if not segments:
        raise ConfigError(
            f"{recording} is a folder without a journal of samples: give a recording, or the "
            "folder of a journal"
        )
    return segments


def joined_from(paths: Sequence[Path], selection: Selection, name: str) -> Recording:
    """One recording of all the files; raises RecordingError where they do not go together."""
    read = [read_recording(path, selection) for path in paths]
    return read[0] if len(read) == 1 else joined(read, name)


def merged(told: Origin, known: Origin) -> Origin:
    """What was told, and for the rest what a file knows."""
    who, of_file = told.subject, known.subject
    return Origin(
        started=told.started or known.started,
        session_id=told.session_id or known.session_id,
        description=told.description or known.description,
        subject=replace(
            who,
            subject_id=who.subject_id or of_file.subject_id,
            species=who.species or of_file.species,
            sex=who.sex or of_file.sex or "U",
            age=who.age or of_file.age,
            date_of_birth=of_file.date_of_birth,
        ),
    )


def begun(recording: Path, origin: Origin, task: str | None) -> datetime:
    """When its first sample was; ConfigError with all that is not known and has to be.

    `task` is None where none is needed.
    """
    who, started = origin.subject, origin.started
    told = {
        "--subject": who.subject_id,
        "--species": who.species,
        "--age": who.age or who.date_of_birth,
        "--started": started,
        "--task": task is None or task,
    }
    missing = [option for option, said in told.items() if not said]
    if missing or started is None:
        raise ConfigError(
            f"{recording} does not say all that archives want to know: give "
            f"{', '.join(missing)} (--age may be unknown)"
        )
    return started


def check_free(path: Path, sources: Sequence[Path], *, force: bool) -> None:
    """Raise ConfigError where something is there that must not be written over."""
    if not path.exists():
        return
    if any(path.samefile(source) for source in sources):
        raise ConfigError(f"{path} is the recording itself: export it to another file")
    if not force:
        raise ConfigError(f"{path} exists already: export to another file, or give --force")


def commands_of(paths: Sequence[Path], first_s: float) -> Series | None:
    """What the daemon published, where the files are of its journal and hold commands."""
    found = [(path.name, each) for path in paths if (each := _published_in(path)) is not None]
    return earlier(joined_series(found), first_s) if found else None


def _published_in(path: Path) -> Series | None:
    found = read_stream(path, COMMANDS) if is_journal(path) else None
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
    return Series(said, found.stamps, found.values[:, :outputs].copy())


def write_whole(path: Path, recording: Recording, about: About) -> None:
    """Write it whole or not at all."""
    with whole_file(path) as unfinished:
        write_session(unfinished, recording, about)
