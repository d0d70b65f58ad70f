"""`eprop-rt run`: the daemon."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from eprop_rt.errors import ConfigError, EpropError
from eprop_rt.warmup import warm_up
from eprop_rt_protocols.errors import ProtocolError
from eprop_rt_services.checkpoint import read_checkpoint
from eprop_rt_services.commands.options import (
    FromOption,
    OverrideOption,
    PrintConfigOption,
    print_config,
)
from eprop_rt_services.config import Config, load_config
from eprop_rt_services.daemon import Daemon, GuardExitError
from eprop_rt_services.logs import formatter_for, logging_to
from eprop_rt_services.realtime import apply
from eprop_rt_services.standby import MISTAKE, Standby

log = logging.getLogger("eprop_rt")

AGAIN = 3  # a supervisor starts it anew


def run(
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
    if settings.journal.folder is None or not settings.restart.again:
        raise typer.Exit(serve(settings, start, resume))
    with logging_to_stderr(settings):
        warm_up(settings.inputs, settings.decoder)
        standby = Standby(
            lambda first: serve(awaiting(settings, first), start, resume or not first, warm=True),
            settings.restart,
        )
        raise typer.Exit(standby.run())


@contextmanager
def logging_to_stderr(settings: Config) -> Iterator[None]:
    """Inside this block this thread writes what is logged; a process without threads can fork."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter_for(settings.log, sys.stderr))
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(settings.log.level.upper())
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def awaiting(settings: Config, first: bool) -> Config:
    """Who was there before waits for the streams as long as it takes."""
    if first:
        return settings
    return settings.model_copy(update={"lsl": settings.lsl.model_copy(update={"wait_s": None})})


def serve(settings: Config, start: Path | None, resume: bool, *, warm: bool = False) -> int:
    """Run one daemon until it is stopped; what a user can mend is one line. The exit status.

    `warm`: the kernels are loaded.
    """
    for handler in logging.getLogger().handlers[:]:  # of a parent
        logging.getLogger().removeHandler(handler)
    told = apply(settings.realtime)
    with logging_to(settings.log):
        try:
            begun = None if start is None else read_checkpoint(start)
            daemon = Daemon(settings, begun, resume=resume, warm=warm)
            log.info(told[0])  # not before: a user's mistake is one line
            for line in told[1:]:
                log.warning(line)
            daemon.serve()
        except GuardExitError as error:
            log.error("%s", error)
            return AGAIN
        except (EpropError, ProtocolError) as error:
            failed = " ".join(str(error).split())
        else:
            return 0
    sys.stderr.write(f"eprop-rt: {failed}\n")
    return MISTAKE
