"""`eprop-rt bench`: what a step costs."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from eprop_rt.errors import ConfigError
from eprop_rt_services.bench.step import Case, measure, on_one_core, triad_gb_s
from eprop_rt_services.commands.options import JsonOption, write_json

app = typer.Typer(name="bench", no_args_is_help=True, help="What a step costs on this machine.")

SIZES = "96x256,1024x1024"
DENSE_BYTES = 16  # a float32 synapse of the dense pass: trace and weight, read and written


@app.command(epilog="Example: eprop-rt bench step --sizes 96x256,256x512 --json step.json")
def step(
    sizes: Annotated[
        str, typer.Option(metavar="INPUTSxNEURONS,...", help="networks to measure")
    ] = SIZES,
    rounds: Annotated[int, typer.Option(min=2, help="rounds of 512 steps, schedules in turn")] = 20,
    json: JsonOption = None,
) -> None:
    """Time every schedule of the synapse pass, learning at every step, in one run on one core.

    LIF neurons, float32, 2 % spikes, two outputs; microseconds a whole step. `worst` is the slowest
    step where each counts by its fastest of five passes over the very same work.
    """
    console, progress = Console(), Console(stderr=True)
    cases: list[Case] = []
    with on_one_core() as core, progress.status("warming up") as status:
        bandwidth = triad_gb_s()
        for inputs, neurons in parsed(sizes):
            status.update(f"{inputs} x {neurons}")
            cases += measure(inputs, neurons, rounds)
    console.print(
        f"core {core}, memory {bandwidth:.1f} GB/s (triad, same run): where no cache helps, dense "
        f"cannot go below {DENSE_BYTES / bandwidth:.2f} ns a synapse and step",
        highlight=False,
    )
    for size in dict.fromkeys((c.inputs, c.neurons) for c in cases):
        console.print(table([c for c in cases if (c.inputs, c.neurons) == size]))
    write_json(json, {"triad_gb_s": bandwidth, "cases": [asdict(c) for c in cases], "peers": []})


def parsed(sizes: str) -> list[tuple[int, int]]:
    """The networks to measure; raises ConfigError on what is none."""
    came = []
    for size in sizes.split(","):
        inputs, _, neurons = size.strip().partition("x")
        if not (inputs.isdecimal() and neurons.isdecimal() and int(inputs) and int(neurons)):
            raise ConfigError(f"--sizes {size}: give inputs x neurons, as in 96x256")
        came.append((int(inputs), int(neurons)))
    return came


def table(cases: list[Case]) -> Table:
    """One size."""
    first = cases[0]
    columns = ("schedule", "optimiser", "us", "p99", "p99.9", "worst", "ns/synapse", "bytes", "x")
    shown = Table(*columns, box=box.SIMPLE, title=f"{first.inputs} inputs, {first.neurons} neurons")
    for c in cases:
        shown.add_row(
            c.schedule,
            c.optimiser,
            *(f"{us:.1f}" for us in (c.us_median, c.us_p99, c.us_p999, c.us_worst)),
            f"{c.ns_per_synapse:.3f}",
            f"{c.bytes_per_synapse:.1f}",
            f"{first.us_median / c.us_median:.2f}",
        )
    return shown
