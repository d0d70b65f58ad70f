"""`eprop-rt bench memory`: whether a day costs memory."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from eprop_rt_services.bench.memory import CHANNELS, RATE_HZ, Hour, run
from eprop_rt_services.commands.options import JsonOption, OverrideOption, write_json
from eprop_rt_services.config import load_config

PRESET = "preset:demo"
# Of the preset, but small and with hardly any rehearsal, so that an hour passes in a minute.
SETTINGS = (
    "bins.bin_s=0.02",
    "decoder.network.neurons=64",
    "decoder.rehearsal.steps_per_bin=10",
    "decoder.rehearsal.memory_s=60",
)


def memory(
    hours: Annotated[int, typer.Option(min=2, help="of stream, replayed at speed")] = 10,
    most_mib: Annotated[
        float, typer.Option(min=0, help="growth after the first hour; more is exit status 1")
    ] = 8.0,
    override: OverrideOption = None,
    json: JsonOption = None,
) -> None:
    """Run hours of a simulated stream through the daemon as fast as it takes them.

    Data path, guard, journal, checkpoints, control and commands are those of `eprop-rt run`; an
    operator gives orders all the time, and samples are lost, repeated, late and no numbers. Prints
    the resident memory after every hour; it must not grow after the first.
    """
    config = load_config(PRESET, [*SETTINGS, *(override or ())])
    console, seen = Console(), list[Hour]()
    console.print(f"{CHANNELS} channels at {RATE_HZ:g} Hz, bins of {config.bins.bin_s * 1e3:g} ms")

    def told(hour: Hour) -> None:
        seen.append(hour)
        console.print(
            f"{hour.hours:3} h: {hour.resident_mib:7.1f} MiB resident, {hour.bins} bins, "
            f"{hour.speed:.0f} times real time",
            highlight=False,
        )

    run(config, hours, told)
    grown_mib = seen[-1].resident_mib - seen[0].resident_mib
    console.print(
        f"grown by {grown_mib:+.1f} MiB between hour 1 and hour {seen[-1].hours}", highlight=False
    )
    write_json(json, {"hours": [asdict(hour) for hour in seen], "grown_mib": grown_mib})
    if grown_mib > most_mib:
        raise typer.Exit(1)
