"""`eprop-rt train`: the same network, offline, on recordings."""

import math
import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from eprop_rt.bptt import Epoch
from eprop_rt.series import F64
from eprop_rt_services.checkpoint import (
    Checkpoint,
    check_writable,
    read_checkpoint,
    write_checkpoint,
)
from eprop_rt_services.classes import with_classes
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
from eprop_rt_services.recordings import read_recording
from eprop_rt_services.training import Part, Trained, Watch, parts_of, tested, train

INTERRUPTED = 130


def command(
    recordings: Annotated[
        list[Path], typer.Argument(metavar="RECORDING...", help="NWB or XDF files, in order")
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="CHECKPOINT", help="the file to write the best to")
    ],
    config: ConfigOption = "preset:reaching",
    method: Annotated[
        str | None, typer.Option(metavar="bptt|eprop", help="instead of training.method")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="at most; instead of training.epochs")
    ] = None,
    start: FromOption = None,
    override: OverrideOption = None,
    json: JsonOption = None,
    show_config: PrintConfigOption = False,
) -> None:
    """Train the network offline, by backpropagation through time or e-prop.

    On the first 80 % of each recording, of which the end decides when to stop, and tested on the
    last 20 %. The checkpoint starts `eprop-rt run` and `replay`, which go on learning online.
    Ctrl-C ends the training and keeps the best so far.
    """
    given = [] if method is None else [f"training.method={method}"]
    given += [] if epochs is None else [f"training.epochs={epochs}"]
    settings = load_config(config, [*(override or ()), *given])
    if show_config:
        print_config(settings)
        return
    check_writable(out)
    begun = None if start is None else read_checkpoint(start)
    if begun is not None:
        decoder = begun.fitting(settings.decoder, settings.inputs)
        settings = settings.model_copy(update={"decoder": decoder})
    read = [read_recording(path, settings.recording) for path in recordings]
    labelled = [with_classes(one, settings.classes, settings.bins.bin_s) for one in read]
    parts = [parts_of(one, settings) for one in labelled]
    trained, scores = run(settings, parts, begun, out)
    show(parts, trained, scores, out)
    write_json(json, to_json(settings, parts, trained, scores))
    if trained.stopped:
        raise typer.Exit(INTERRUPTED)


def run(
    settings: Config, parts: list[Part], start: Checkpoint | None, out: Path
) -> tuple[Trained, list[F64]]:
    """Train with a bar on a terminal, write the checkpoint, then test."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[told]}"),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bars:
        task = bars.add_task("training", total=1.0, told="compiling or loading kernels")
        trained, engine = train(settings, parts, start, watching(bars, task))
        write_checkpoint(out, trained.checkpoint)
        bars.update(task, told="testing")
        return trained, [tested(engine, part) for part in parts]


def watching(bars: Progress, task: TaskID) -> Watch:
    """What moves the bar."""

    def watch(share: float, epoch: Epoch | None) -> None:
        if epoch is None:
            bars.update(task, completed=share)
        else:
            told = f"loss {epoch.loss:.4f}, validation {epoch.validation:.4f}"
            bars.update(task, completed=share, told=told)

    return watch


def show(parts: list[Part], trained: Trained, scores: list[F64], out: Path) -> None:
    """What people read."""
    console = Console()
    epochs, count = trained.epochs, len(trained.epochs)
    why = "stopped by you" if trained.stopped else "done"
    losses = f", loss {epochs[0].loss:.4f} to {epochs[-1].loss:.4f}" if epochs else ""
    console.print(
        f"{why}: {count} epochs in {trained.seconds:.0f} s{losses}; wrote epoch "
        f"{trained.best_epoch}, the best so far, to {out}",
        highlight=False,
        soft_wrap=True,
    )
    for part, score in zip(parts, scores, strict=True):
        told = " ".join("-" if math.isnan(v) else f"{v:.3f}" for v in score[:8].tolist())
        console.print(f"{part.name}: R2 on the last 20 %: {told}", highlight=False)
    sys.stdout.flush()


def to_json(
    settings: Config, parts: list[Part], trained: Trained, scores: list[F64]
) -> dict[str, Any]:
    """The contract of `--json`; r2_test is the mean over recordings."""
    return {
        "method": settings.training.method,
        "epochs": len(trained.epochs),
        "best_epoch": trained.best_epoch,
        "seconds": trained.seconds,
        "stopped": trained.stopped,
        "r2_test": np.mean(scores, axis=0).tolist(),
        "loss": [epoch.loss for epoch in trained.epochs],
        "validation": [epoch.validation for epoch in trained.epochs],
        "updates_refused": sum(epoch.updates_refused for epoch in trained.epochs),
        "recordings": [
            {"recording": part.name, "r2_test": score.tolist()}
            for part, score in zip(parts, scores, strict=True)
        ],
    }
