"""`eprop-rt run`: the daemon.

0   stopped as it was told to; what was learned is kept, where there is a place for it
2   a mistake that a user can mend, at the first start; one line
3   it failed, or the guard gave up: a supervisor starts it anew
4   stopped as it was told to, but what was learned last is not on the disk
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from eprop_rt.errors import ConfigError, EpropError, RestoreError
from eprop_rt.warmup import warm_up
from eprop_rt_protocols.errors import ProtocolError
from eprop_rt_services.checkpoint import Checkpoint, read_checkpoint
from eprop_rt_services.commands.options import (
    FromOption,
    OverrideOption,
    PrintConfigOption,
    print_config,
)
from eprop_rt_services.config import Config, load_config
from eprop_rt_services.daemon import Daemon, GuardExitError, NotKeptError, Resume
from eprop_rt_services.journal.folder import JournalFolder, Standing
from eprop_rt_services.journal.lock import held
from eprop_rt_services.logs import handler_for, logging_to
from eprop_rt_services.realtime import apply
from eprop_rt_services.sources.live import TooOldError
from eprop_rt_services.standby import AGAIN, MISTAKE, NOT_KEPT, Standby

log = logging.getLogger("eprop_rt")

WRITE_S = 1.0  # who watches a daemon waits no longer for a reader of its log


def command(
    config: Annotated[str, typer.Argument(metavar="FILE|preset:NAME", help="what to decode")],
    start: FromOption = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="start with the newest checkpoint in journal.folder, if there is one"
        ),
    ] = False,
    override: OverrideOption = None,
    show_config: PrintConfigOption = False,
) -> None:
    """Decode a live stream: samples in over LSL, commands out over ZeroMQ, until stopped.

    `eprop-rt ctl stop`, Ctrl-C or SIGTERM ends it after the bin in hand. With a journal
    (-o journal.folder=FOLDER) everything is written down, `eprop-rt replay FOLDER` runs it again
    to the bit, and after a crash it goes on from its newest checkpoint.
    """
    settings = load_config(config, override or ())
    if show_config:
        print_config(settings)
        return
    if resume and settings.journal.folder is None:
        raise ConfigError("--resume needs journal.folder: it is resumed from what is in there")
    begun = None if start is None else sound(start)
    if settings.journal.folder is None:
        raise typer.Exit(serve(settings, begun))
    folder = JournalFolder(settings.journal.folder)
    folder.make()
    with held(folder.path, settings.control.endpoint):
        if not settings.restart.again:
            raise typer.Exit(serve(settings, begun, Resume() if resume else None))
        raise typer.Exit(stand_by(settings, begun, resume=resume))


def sound(path: Path) -> Checkpoint:
    """The checkpoint in a file; raises CheckpointError or RestoreError where it is of no use."""
    checkpoint = read_checkpoint(path)
    try:
        checkpoint.check_finite()
    except RestoreError as error:
        raise RestoreError(f"{path}: {error}") from None
    return checkpoint


def stand_by(settings: Config, start: Checkpoint | None, *, resume: bool) -> int:
    """Run daemons one after the other, each from where the one before it was; the exit status.

    Those after the first go on from what was learned since this began, and from nothing that
    other sessions left in the folder before, unless the first one did.
    """
    folder = JournalFolder(settings.journal.folder or Path())
    since = 0 if resume else folder.next_number()
    if not resume:  # before there is a daemon that could die and leave it to the next
        folder.leave(Standing())
    again = Resume(since, required=False)
    warm = False

    def run_one(first: bool) -> int:
        if first:
            return serve(settings, start, Resume() if resume else None)
        return serve(awaiting(settings), start, again, warm=warm)

    def load() -> None:
        nonlocal warm
        warm_up(settings.inputs, settings.decoder)
        warm = True

    with logging_to_stderr(settings):
        return Standby(run_one, settings.restart, load).run()


@contextmanager
def logging_to_stderr(settings: Config) -> Iterator[None]:
    """Inside this block this thread writes what is logged; a process without threads can fork."""
    handler = handler_for(settings.log, sys.stderr, WRITE_S)
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(settings.log.level.upper())
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def awaiting(settings: Config) -> Config:
    """Who was there before waits for the streams as long as it takes."""
    return settings.model_copy(update={"lsl": settings.lsl.model_copy(update={"wait_s": None})})


def serve(
    settings: Config,
    start: Checkpoint | None = None,
    resume: Resume | None = None,
    *,
    warm: bool = False,
) -> int:
    """Run one daemon until it is stopped; what a user can mend is one line. The exit status.

    `warm`: the kernels are loaded.
    """
    for handler in logging.getLogger().handlers[:]:  # of a parent
        logging.getLogger().removeHandler(handler)
    told = apply(settings.realtime)
    daemon: Daemon | None = None
    with logging_to(settings.log):
        try:
            daemon = Daemon(settings, start, resume=resume, warm=warm)
            log.info(told[0], extra={"event": "realtime"})  # not before: a mistake is one line
            for line in told[1:]:
                log.warning(line, extra={"event": "realtime_refused"})
            daemon.serve()
        except NotKeptError as error:
            log.error("%s", error, extra={"event": "learned_lost"})
            return NOT_KEPT
        except GuardExitError as error:
            log.error("%s", error, extra={"event": "guard_exit"})
            return AGAIN
        except (EpropError, ProtocolError) as error:
            failed = " ".join(str(error).split())
            begun = daemon is not None and daemon.was_ready
            again = resume is not None and not resume.required
            if (begun or again) and not isinstance(error, TooOldError):
                # Nobody typed anything wrong: it worked.
                log.error("%s", failed, extra={"event": "failed"})
                return AGAIN
            if settings.log.format == "json":
                log.error("%s", failed, extra={"event": "mistake"})
                return MISTAKE
        else:
            return 0
    sys.stderr.write(f"eprop-rt: {failed}\n")
    return MISTAKE
