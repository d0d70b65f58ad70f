"""`eprop-rt streams`: what is in sight on Lab Streaming Layer."""

import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from eprop_rt_services.commands.options import JsonOption, write_json
from eprop_rt_services.lsl_link import list_streams
from eprop_rt_services.proposal import propose


def command(
    wait_s: Annotated[float, typer.Option("--wait", help="seconds to look")] = 1.0,
    proposing: Annotated[
        bool, typer.Option("--propose", help="print a configuration to begin with, as YAML")
    ] = False,
    signal: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="for --propose: name, type or source_id of the signal"),
    ] = None,
    json: JsonOption = None,
) -> None:
    """List the live streams in sight, with what a configuration calls them by.

    With --propose, print a configuration for them: eprop-rt streams --propose > my.yaml
    """
    found = list_streams(wait_s)
    if proposing:
        sys.stdout.write(propose(found, signal).text())
        return
    table = Table("name", "type", "channels", "Hz", "source_id", "host", box=box.SIMPLE)
    for stream in found:
        rate = f"{stream.sample_rate_hz:g}" if stream.sample_rate_hz > 0 else "irregular"
        table.add_row(
            stream.name, stream.type, str(stream.channels), rate, stream.source_id, stream.host
        )
    Console().print(table if found else "no stream in sight: is the sender running, on this LAN?")
    write_json(json, {"streams": [asdict(stream) for stream in found]})
