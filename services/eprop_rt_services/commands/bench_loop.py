"""`eprop-rt bench loop`: what the whole loop costs over a bare relay."""

from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from eprop_rt_services.bench.loop.course import CHANNELS, RATE_HZ, Measured, Plan, measure
from eprop_rt_services.bench.loop.figures import Bar, Way, bars
from eprop_rt_services.commands.options import JsonOption, OverrideOption, write_json
from eprop_rt_services.config import Config, load_config

PRESET = "preset:demo"
# Of the preset, but for bins of 10 ms, twice the neurons, and four times the rehearsal.
SETTINGS = (
    "bins.bin_s=0.01",
    "decoder.network.neurons=256",
    "decoder.rehearsal.steps_per_bin=480",
)


def loop(
    seconds: Annotated[float, typer.Option(min=2, help="of measurement, without the start")] = 60.0,
    chunk: Annotated[int, typer.Option(min=1, max=64, help="samples a push of the sender")] = 1,
    journal: Annotated[
        bool, typer.Option("--journal/--no-journal", help="whether the daemon writes its journal")
    ] = True,
    monitor: Annotated[
        bool, typer.Option("--monitor", help="as long again with a page that follows the daemon")
    ] = False,
    override: OverrideOption = None,
    json: JsonOption = None,
) -> None:
    """Time the way of a bin, from the push of its newest sample to the hands of a reader.

    A sender (96 channels at 1 kHz over LSL, labels beside), the daemon (`eprop-rt run`, 256
    neurons, 10 ms bins, journal on), a bare relay of the same stream, and a reader of each over
    ZeroMQ, all real processes. The relay waits for samples as the daemon does and sends a message
    as long as a command for every 10 ms of them, without decoding. The daemon learns and rehearses
    or is frozen in turns of 2 s; relay and sender always run, so noise of the machine hits all
    alike, and `-o realtime...` asks the machine the same for all of them. The relay's bins end in
    the middle of the daemon's, so that neither is in the way of the other at its instant; its
    figure is of the turns in which the daemon is frozen, when rehearsal does not slow it down.
    With --monitor a page follows the daemon for as long again, in the middle of the measurement,
    and somebody takes all that it sends. Missed is a bin whose message came more than a bin late,
    or not at all.
    """
    config = load_config(PRESET, [*SETTINGS, *(override or ())])
    plan = Plan(seconds=seconds, chunk=chunk, journal=journal, monitor=monitor)
    with Console(stderr=True).status("starting") as status:
        measured = measure(config, plan, status.update)
    show(measured, config, plan)
    write_json(json, figures(measured))


def figures(measured: Measured) -> dict[str, Any]:
    """The contract of `--json`."""
    relay, off, on = measured.relay, measured.learning_off, measured.learning_on
    return {
        "relay": relay.figures(),
        "relay_while_learning": measured.relay_beside.figures(),
        "learning_off": off.figures(),
        "learning_on": on.figures(),
        "bins": off.bins + on.bins,
        "missed": off.missed + on.missed,
        "overhead_p50_us": on.us(0.5) - relay.us(0.5),
        "p99_ratio": on.us(0.99) / relay.us(0.99),
        "learning_cost_p50_us": on.us(0.5) - off.us(0.5),
        "stages_ms": {
            stage: told.model_dump(exclude={"counts"})
            for stage, told in measured.status.latency_ms.items()
        },
        "standstills": measured.standstills.count,
        "longest_standstill_ms": 1e3 * measured.standstills.longest_s,
        "stolen_ms": 1e3 * measured.stolen_s,
        "events": measured.status.events,
        "followed": None if measured.followed is None else measured.followed.figures(),
        "bars": {bar.name: bar.holds for bar in bars(relay, off, on)},
    }


def show(measured: Measured, config: Config, plan: Plan) -> None:
    """Tables, and a line that says which bars hold."""
    console = Console(highlight=False)
    neurons = config.decoder.network.neurons if config.decoder.kind == "eprop" else 0
    console.print(
        f"{CHANNELS} channels at {RATE_HZ:g} Hz, {plan.chunk} sample(s) a push; bins of "
        f"{config.bins.bin_s * 1e3:g} ms; {config.decoder.kind}, {neurons} neurons; journal "
        f"{'on' if plan.journal else 'off'}; {plan.seconds:g} s"
    )
    ways = {
        "bare relay": measured.relay,
        "bare relay while the daemon learns": measured.relay_beside,
        "daemon, frozen": measured.learning_off,
        "daemon, learning and rehearsing": measured.learning_on,
    }
    if measured.followed is not None:
        ways["the same, followed by a page"] = measured.followed
    console.print(ways_table(ways))
    console.print(stages_table(measured))
    stood = measured.standstills
    console.print(
        f"the sender, which only sends, stood still for more than half a bin {stood.count} times, "
        f"the longest time for {1e3 * stood.longest_s:.1f} ms; the host of this machine gave "
        f"{1e3 * measured.stolen_s:.0f} ms of its cores' time to others",
        soft_wrap=True,
    )
    found = bars(measured.relay, measured.learning_off, measured.learning_on)
    console.print("; ".join(map(verdict, found)), soft_wrap=True)


def ways_table(ways: dict[str, Way]) -> Table:
    """One line each."""
    columns = "push to reader, us", "p50", "p99", "p99.9", "max", "bins", "missed"
    shown = Table(*columns, box=box.SIMPLE, pad_edge=False)
    for name, way in ways.items():
        told = (way.us(0.5), way.us(0.99), way.us(0.999), 1e6 * way.took.max_s)
        shown.add_row(name, *(f"{us:.0f}" for us in told), str(way.bins), str(way.missed))
    return shown


def stages_table(measured: Measured) -> Table:
    """The daemon's own account, all its bins together."""
    columns = "stage of the daemon, us", "p50", "p99", "p99.9", "max"
    shown = Table(*columns, box=box.SIMPLE, pad_edge=False)
    for stage, ms in measured.status.latency_ms.items():
        shown.add_row(stage, *(f"{1e3 * t:.0f}" for t in (ms.p50, ms.p99, ms.p999, ms.max)))
    return shown


def verdict(bar: Bar) -> str:
    """One bar."""
    word = "holds" if bar.holds else "MISSED"
    return f"{bar.name}: {bar.found:.3g} (at most {bar.limit:g}) {word}"
