"""`eprop-rt ctl`: talk to a running daemon."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from eprop_rt.errors import StreamError
from eprop_rt_services.commands.options import JsonOption, write_json
from eprop_rt_services.config import ControlSettings
from eprop_rt_services.zmq_link import ControlClient


class Order(StrEnum):
    """What a daemon can be told."""

    status = "status"
    freeze = "freeze"
    thaw = "thaw"
    checkpoint = "checkpoint"
    stop = "stop"


def ctl(
    order: Annotated[Order, typer.Argument(help="stop always wins")],
    endpoint: Annotated[
        str, typer.Option(metavar="ENDPOINT", help="the daemon's control.endpoint")
    ] = ControlSettings().endpoint,
    timeout_s: Annotated[float, typer.Option("--timeout", help="seconds")] = 2.0,
    json: JsonOption = None,
) -> None:
    """Ask a running daemon how it does, freeze or thaw its learning, or stop it.

    checkpoint: it writes what it has learned to its checkpoint.file, and answers once that is on
    the disk. `run`, `train` and `replay` go on from there (--from).
    """
    with ControlClient(endpoint) as client:
        reply = client.ask(order.value, timeout_s)
    if not reply.ok or reply.status is None:
        raise StreamError(f"the daemon refused {order.value}: {reply.error}")
    status = reply.status.model_dump(mode="json")
    write_json(json, status)
    if json != Path("-"):
        told = (f"{key}: {value}" for key, value in status.items())
        sys.stdout.write("\n".join(told) + "\n")
