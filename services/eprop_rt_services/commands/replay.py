"""`eprop-rt replay`: recorded sessions through the live loop."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from eprop_rt.errors import ConfigError
from eprop_rt_services.checkpoint import Checkpoint, read_checkpoint
from eprop_rt_services.commands.options import (
    ConfigOption,
    FromOption,
    JsonOption,
    OverrideOption,
    PrintConfigOption,
    print_config,
    write_json,
)
from eprop_rt_services.config import Config, load_config
from eprop_rt_services.gradients import GradientWatch, summary
from eprop_rt_services.recordings import Recording, read_recording
from eprop_rt_services.replay import COMPARABLE, Contestant, Replayed


def replay(
    recordings: Annotated[
        list[Path], typer.Argument(metavar="RECORDING...", help="NWB or XDF files, in order")
    ],
    config: ConfigOption = "preset:reaching",
    compare: Annotated[
        str,
        typer.Option(metavar="NAME,...", help=f"decoders beside it: {', '.join(COMPARABLE)}"),
    ] = "",
    start: FromOption = None,
    compare_gradients: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            metavar="SECONDS",
            help="every so often in the session, e-prop's gradient beside BPTT's, for --json",
        ),
    ] = None,
    override: OverrideOption = None,
    json: JsonOption = None,
    show_config: PrintConfigOption = False,
) -> None:
    """Run recorded sessions through the live loop.

    Every bin is decoded before its label is used. Several recordings run in the order given, with
    the weights carried over from one to the next.
    """
    settings = load_config(config, override or ())
    if show_config:
        print_config(settings)
        return
    begun = None if start is None else read_checkpoint(start)
    if begun is not None:
        decoder = begun.fitting(settings.decoder, settings.bins)
        settings = settings.model_copy(update={"decoder": decoder})
    if compare_gradients is not None and settings.decoder.kind != "eprop":
        raise ConfigError(
            f"--compare-gradients came with decoder.kind {settings.decoder.kind}: set it to eprop"
        )
    watch = None if compare_gradients is None else GradientWatch(compare_gradients)
    contestants = line_up(settings, compare, begun, watch)
    figures = []
    for path in recordings:
        recording = read_recording(path, settings.recording)
        results = run(recording, contestants)
        show(recording, settings, results)
        figures.append(to_json(recording, settings, results))
        if watch is not None:
            figures[-1]["gradients"] = watch.take()
            Console().print(summary(figures[-1]["gradients"]), highlight=False)
    write_json(json, figures[0] if len(figures) == 1 else {"recordings": figures})


def line_up(
    settings: Config, compare: str, start: Checkpoint | None, watch: GradientWatch | None
) -> list[Contestant]:
    """The configured decoder first, as `start` left it, then those to compare with."""
    names = [name.strip() for name in compare.split(",") if name.strip()]
    unknown = [name for name in names if name not in COMPARABLE]
    if unknown:
        raise ConfigError(
            f"--compare {unknown[0]}: no such decoder, take some of {', '.join(COMPARABLE)}"
        )
    main = settings.decoder.kind
    beside = [name for name in dict.fromkeys(names) if name != main]
    return [Contestant(main, settings.decoder, settings.bins, start, watch)] + [
        Contestant(name, COMPARABLE[name], settings.bins) for name in beside
    ]


def run(recording: Recording, contestants: list[Contestant]) -> list[Replayed]:
    """One pass a decoder, with a bar for each."""
    samples = len(recording.signal.stamps)
    columns = TextColumn("{task.description:>8}"), BarColumn(), TimeRemainingColumn()
    results = []
    console = Console(stderr=True)
    quiet = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=quiet) as bars:
        for contestant in contestants:
            task = bars.add_task(contestant.name, total=samples)
            results.append(contestant.replay(recording, advance(bars, task)))
    return results


def advance(bars: Progress, task: Any) -> Callable[[int], None]:
    """A tick for one bar."""
    return lambda samples: bars.advance(task, samples)


def to_json(recording: Recording, settings: Config, results: list[Replayed]) -> dict[str, Any]:
    """The contract of `--json`."""
    main = results[0]
    return {
        "recording": recording.name,
        "channels": recording.signal.info.channels,
        "bins": main.bins,
        "bin_s": settings.bins.bin_s,
        "realtime_factor": main.bins * settings.bins.bin_s / main.seconds,
        "digest": main.digest,
        "decoders": {result.decoder: scores(result) for result in results},
    }


def scores(result: Replayed) -> dict[str, Any]:
    """One decoder's figures."""
    return {
        "r2": result.score.r2.tolist(),
        "r": result.score.r.tolist(),
        "r2_last20": result.score.r2_last20.tolist(),
        "r_last20": result.score.r_last20.tolist(),
        "r2_eighths": [eighth.tolist() for eighth in result.score.r2_eighths],
        "seconds": result.seconds,
        "events": dict(result.events),
    }


def show(recording: Recording, settings: Config, results: list[Replayed]) -> None:
    """The table that people read."""
    console = Console()
    main = results[0]
    minutes = main.bins * settings.bins.bin_s / 60
    labels = "no labels" if recording.labels is None else recording.labels.info.name
    console.print(
        f"{recording.name}: {recording.signal.info.channels} channels, {main.bins} bins of "
        f"{settings.bins.bin_s * 1e3:g} ms ({minutes:.1f} min), labels: {labels}",
        highlight=False,
    )
    table = Table("decoder", "R2 last 20 %", "mean", "r", "R2 by eighths", box=box.SIMPLE)
    for result in results:
        last = result.score.r2_last20
        table.add_row(
            result.decoder,
            " ".join(number(v) for v in last[:4].tolist()) + (" ..." if len(last) > 4 else ""),
            number(float(last.mean())),
            number(float(result.score.r_last20.mean())),
            " ".join(number(float(e.mean()), 2) for e in result.score.r2_eighths),
        )
    console.print(table)
    if any(result.decoder == "wiener" for result in results):
        console.print("wiener is fitted offline on the first 80 %: only its last 20 % is a test")
    factor = main.bins * settings.bins.bin_s / main.seconds
    console.print(
        f"{main.decoder}: {factor:.0f} times real time, "
        f"{main.seconds / max(main.bins, 1) * 1e3:.2f} ms a bin, digest {main.digest[:16]}",
        highlight=False,
    )
    for result in results:
        for line in result.said:
            console.print(f"{result.decoder}: {line}", highlight=False)
        if result.events:
            told = ", ".join(f"{name} {count}" for name, count in sorted(result.events.items()))
            console.print(f"{result.decoder} events: {told}", highlight=False)


def number(value: float, digits: int = 3) -> str:
    """Without the zero before the point; a dash where there is nothing to score."""
    if math.isnan(value):
        return "-"
    rounded = round(value, digits)
    return ("-" if rounded < 0 else "") + f"{abs(rounded):.{digits}f}".removeprefix("0")
