"""`eprop-rt bench`: what a step costs, and the whole loop."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from eprop_rt.errors import ConfigError
from eprop_rt_services.bench import peer_runs
from eprop_rt_services.bench.peer_runs import PeerSkipped, installed_modules, run_peers
from eprop_rt_services.bench.peers.workload import Figures, Work
from eprop_rt_services.bench.step import (
    RATE,
    VARIANTS,
    Case,
    Variant,
    measure,
    on_one_core,
    ready_s,
    triad_gb_s,
    us_a_call,
    variant_of,
)
from eprop_rt_services.commands.bench_loop import loop
from eprop_rt_services.commands.bench_memory import memory
from eprop_rt_services.commands.options import JsonOption, write_json

app = typer.Typer(
    name="bench",
    help="What a step and the whole loop cost on this machine.",
    epilog="Example: eprop-rt bench loop --seconds 60",
)

SIZES = "96x256,1024x1024"
PEER_STEPS = 2000
DENSE_BYTES = 16  # a float32 synapse of the dense pass: trace and weight, read and written


@app.callback()
def program() -> None:
    """What a step and the whole loop cost on this machine."""


app.command(epilog="Example: eprop-rt bench loop --seconds 60 --json loop.json")(loop)
app.command(epilog="Example: eprop-rt bench memory --hours 10")(memory)


@app.command(epilog="Example: eprop-rt bench step --sizes 96x256,256x512 --json step.json")
def step(
    sizes: Annotated[
        str, typer.Option(metavar="INPUTSxNEURONS,...", help="networks to measure")
    ] = SIZES,
    schedules: Annotated[
        str, typer.Option(metavar="NAME,...", help="only these; dense always stands beside them")
    ] = "",
    rounds: Annotated[int, typer.Option(min=2, help="rounds of 512 steps, schedules in turn")] = 20,
    peers: Annotated[
        bool, typer.Option("--peers", help="also PyTorch, braintrace, snnTorch, NEST; first size")
    ] = False,
    peers_python: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="which has them; else that of make peers"),
    ] = None,
    json: JsonOption = None,
) -> None:
    """Time every schedule of the synapse pass, learning at every step, in one run on one core.

    LIF neurons, float32, 2 % spikes, two outputs; microseconds a whole step. `worst` is the slowest
    step where each counts by its fastest of five passes over the very same work. Peers do the same
    work in processes of their own; their ratio is to the fastest exact schedule here.
    """
    networks, chosen = parsed(sizes), variants(schedules)
    python = peers_python or peer_runs.peers_python()
    if peers:  # told now, not after minutes of measuring
        installed_modules(python)
    console = Console()
    with on_one_core() as core, Console(stderr=True).status("warming up") as status:
        bandwidth, ready = triad_gb_s(), ready_s()
        cases: list[Case] = []
        for inputs, neurons in networks:
            status.update(f"{inputs} x {neurons}")
            cases += measure(inputs, neurons, rounds, chosen)
        ours = fastest([c for c in cases if (c.inputs, c.neurons) == networks[0]])
        rivals: list[Figures | PeerSkipped] = []
        by_call = math.nan
        if peers:
            status.update("peers: each compiles first, this takes a minute or two")
            work = Work(*networks[0], steps=PEER_STEPS, rate=RATE, seed=0)
            rivals = run_peers(work, python)
            by_call = us_a_call(*networks[0], variant_of(ours))
    console.print(
        f"core {core}; memory {bandwidth:.1f} GB/s (triad, same run): where no cache helps, dense "
        f"cannot go below {DENSE_BYTES / bandwidth:.2f} ns a synapse",
        highlight=False,
    )
    console.print(f"first call to ready, compile cache warm: {ready:.2f} s", highlight=False)
    for inputs, neurons in networks:
        own = [c for c in cases if (c.inputs, c.neurons) == (inputs, neurons)]
        console.print(f"\n{inputs} inputs, {neurons} neurons", highlight=False)
        console.print(table(own))
    if peers:
        console.print(f"peers, {ours.inputs} inputs, {ours.neurons} neurons", highlight=False)
        console.print(peer_table(rivals, ours, by_call))
    write_json(
        json,
        {
            "triad_gb_s": bandwidth,
            "ready_s": ready,
            "cases": [asdict(c) for c in cases],
            "us_a_call_from_python": by_call,
            "peers": [peer_figures(r, ours) for r in rivals],
        },
    )


def parsed(sizes: str) -> list[tuple[int, int]]:
    """The networks to measure; raises ConfigError on what is none."""
    came = []
    for size in sizes.split(","):
        inputs, _, neurons = size.strip().partition("x")
        if not (inputs.isdecimal() and neurons.isdecimal() and int(inputs) and int(neurons)):
            raise ConfigError(f"--sizes {size}: give inputs x neurons, as in 96x256")
        came.append((int(inputs), int(neurons)))
    return came


def variants(schedules: str) -> list[Variant]:
    """Those to measure, dense first; raises ConfigError on a schedule that there is not."""
    asked = {name.strip() for name in schedules.split(",") if name.strip()}
    known = {variant.schedule for variant in VARIANTS}
    if asked - known:
        raise ConfigError(
            f"--schedules {min(asked - known)}: no such schedule, take some of "
            f"{', '.join(sorted(known))}"
        )
    return [v for v in VARIANTS if not asked or v == VARIANTS[0] or v.schedule in asked]


def fastest(cases: list[Case]) -> Case:
    """The exact schedule that learns at every step in the least time."""
    return min((c for c in cases if c.exact), key=lambda c: c.us_median)


def table(cases: list[Case]) -> Table:
    """One size; the last column says how many times faster than dense."""
    columns = ("schedule", "rule", "us", "p99", "p99.9", "worst", "ns/syn", "B/syn", "x")
    shown = Table(*columns, box=box.SIMPLE, pad_edge=False)
    for c in cases:
        shown.add_row(
            c.schedule,
            c.optimiser,
            *(f"{us:.1f}" for us in (c.us_median, c.us_p99, c.us_p999, c.us_worst)),
            f"{c.ns_per_synapse:.3f}",
            f"{c.bytes_per_synapse:.0f}",
            f"{cases[0].us_median / c.us_median:.2f}",
        )
    return shown


def peer_table(rivals: list[Figures | PeerSkipped], ours: Case, by_call: float) -> Table:
    """The peers, and how many times longer than ours they take."""
    shown = Table("peer", "us", "x", "note", box=box.SIMPLE, pad_edge=False)
    shown.add_row(f"ours, {ours.schedule}", f"{ours.us_median:.1f}", "1.0", "a compiled loop")
    ratio = by_call / ours.us_median
    shown.add_row(
        "ours, step by step", f"{by_call:.1f}", f"{ratio:.1f}", "a call from Python a step"
    )
    for r in rivals:
        if isinstance(r, PeerSkipped):
            shown.add_row(r.name, "-", "-", f"skipped: {r.reason}")
        else:
            ratio = r.us_median / ours.us_median
            shown.add_row(f"{r.name} {r.version}", f"{r.us_median:.1f}", f"{ratio:.1f}", r.note)
    return shown


def peer_figures(rival: Figures | PeerSkipped, ours: Case) -> dict[str, Any]:
    """The contract of `--json`."""
    if isinstance(rival, PeerSkipped):
        return {"name": rival.name, "skipped": rival.reason}
    return asdict(rival) | {"ratio": rival.us_median / ours.us_median}
