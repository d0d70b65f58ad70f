"""`eprop-rt doctor`: what this machine lacks for real-time work, and how to mend it."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from eprop_rt_services.commands.options import JsonOption, OverrideOption, write_json
from eprop_rt_services.config import load_config
from eprop_rt_services.doctor import NEEDED, Check, Patient, examine


def command(
    config: Annotated[
        str, typer.Argument(metavar="FILE|preset:NAME", help="what is to run here")
    ] = "preset:cursor",
    override: OverrideOption = None,
    folder: Annotated[
        Path | None,
        typer.Option("--folder", metavar="FOLDER", help="where journals go, if not journal.folder"),
    ] = None,
    json: JsonOption = None,
) -> None:
    """Look at kernel, limits, libraries, clock and disk, and say what to do where one is wanting.

    Exit status 1 where no sample could come in (no liblsl), 0 otherwise: all else costs time only.
    """
    settings = load_config(config, override or ())
    checks = examine(Patient(settings, folder or settings.journal.folder or Path()))
    write_json(json, {"checks": [asdict(check) for check in checks]})
    if json != Path("-"):
        show(checks)
    if any(check.name in NEEDED and not check.ok for check in checks):
        raise typer.Exit(1)


def show(checks: list[Check]) -> None:
    """A table, and what to do below what was found."""
    table = Table("", "check", box=box.SIMPLE)
    table.add_column("found, and what to do", overflow="fold")
    for check in checks:
        told = Text(check.found)
        if check.advice:
            told.append(f"\n-> {check.advice}", style="bold")
        table.add_row("ok" if check.ok else "--", check.name.replace("_", " "), told)
    console = Console()
    console.print(table)
    wanting = sum(not check.ok for check in checks)
    console.print(f"{len(checks) - wanting} of {len(checks)} are as they should be", style="bold")
