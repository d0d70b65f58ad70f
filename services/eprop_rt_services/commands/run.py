"""`eprop-rt run`: the daemon."""

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from eprop_rt.errors import ConfigError, EpropError
from eprop_rt.warmup import warm_up
from eprop_rt_services.checkpoint import read_checkpoint
from eprop_rt_services.commands.options import (
    FromOption,
    OverrideOption,
    PrintConfigOption,
    print_config,
)
from eprop_rt_services.config import Config, load_config
from eprop_rt_services.daemon import Daemon
from eprop_rt_services.standby import MISTAKE, Standby


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
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    if resume and settings.journal.folder is None:
        raise ConfigError("--resume needs journal.folder: it is resumed from what is in there")
    if settings.journal.folder is not None and settings.restart.again:
        warm_up(settings.bins, settings.decoder)
        status = Standby(
            lambda first: served(settings, start, resume or not first), settings.restart
        )
        raise typer.Exit(status.run())
    serve(settings, start, resume)


def serve(settings: Config, start: Path | None, resume: bool) -> None:
    """Run one daemon until it is stopped."""
    Daemon(settings, None if start is None else read_checkpoint(start), resume=resume).serve()


def served(settings: Config, start: Path | None, resume: bool) -> int:
    """The same; what a user can mend is one line and an exit status."""
    try:
        serve(settings, start, resume)
    except EpropError as error:
        sys.stderr.write(f"eprop-rt: {' '.join(str(error).split())}\n")
        return MISTAKE
    return 0
