"""`eprop-rt run`: the daemon."""

import logging
import sys
from typing import Annotated

import typer

from eprop_rt_services.checkpoint import read_checkpoint
from eprop_rt_services.commands.options import (
    FromOption,
    OverrideOption,
    PrintConfigOption,
    print_config,
)
from eprop_rt_services.config import load_config
from eprop_rt_services.daemon import Daemon


def run(
    config: Annotated[str, typer.Argument(metavar="FILE|preset:NAME", help="what to decode")],
    start: FromOption = None,
    override: OverrideOption = None,
    show_config: PrintConfigOption = False,
) -> None:
    """Decode a live stream: samples in over LSL, commands out over ZeroMQ, until stopped.

    `eprop-rt ctl stop`, Ctrl-C or SIGTERM ends it after the bin in hand.
    """
    settings = load_config(config, override or ())
    if show_config:
        print_config(settings)
        return
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    Daemon(settings, None if start is None else read_checkpoint(start)).serve()
