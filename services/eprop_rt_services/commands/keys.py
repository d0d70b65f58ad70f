"""`eprop-rt keys`: who may connect from another machine."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from eprop_rt_services.zmq_link import make_keys


def command(
    folder: Annotated[Path, typer.Argument(help="on the daemon's machine")],
    client: Annotated[
        str | None, typer.Option(metavar="NAME", help="only a key for one more client")
    ] = None,
) -> None:
    """Make a daemon's key and that of a first client, without which only this machine may connect.

    The daemon reads FOLDER (-o security.keys=FOLDER); who has the key of a client reads commands
    and gives orders. Remove FOLDER/clients/NAME.pub to shut one out.
    """
    file = make_keys(folder, client)
    sys.stdout.write(
        f"wrote {file}: move it to the client's machine, for `eprop-rt ctl --keys {file.name}`\n"
    )
    if client is None:
        sys.stdout.write(f"start the daemon with -o security.keys={folder}\n")
