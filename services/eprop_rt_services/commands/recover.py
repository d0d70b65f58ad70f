"""`eprop-rt recover`: which linear decoder drove a recorded closed loop."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from eprop_rt.recovery import LinearDecoder, recover
from eprop_rt.series import F64
from eprop_rt_services.commands.options import JsonOption, write_json
from eprop_rt_services.recordings import Selection, read_recording
from eprop_rt_services.recovery import (
    ClosedLoopBins,
    Stretch,
    chosen,
    closed_loop_bins,
    free_running,
    range_of,
)


def command(
    recording: Annotated[Path, typer.Argument(metavar="RECORDING", help="an NWB or XDF file")],
    signal: Annotated[
        str | None, typer.Option(metavar="NAME", help="the series that the decoder was given")
    ] = None,
    output: Annotated[
        str | None, typer.Option(metavar="NAME", help="the series that it put out; else velocity")
    ] = None,
    block: Annotated[
        str | None, typer.Option(metavar="NAME", help="fit on trials of this block; else on any")
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="fit on that many, the first; else on four of five")
    ] = None,
    bin_s: Annotated[
        float | None, typer.Option(min=1e-4, help="the decoder's; else the signal's interval")
    ] = None,
    json: JsonOption = None,
) -> None:
    """Recover the linear decoder that drove a recorded closed loop.

    It is fitted by least squares, then runs freely through the whole recording, fed with the
    signal and its own past only, beside what was driven.
    """
    read = read_recording(recording, Selection(signal=signal, labels=output))
    bins = closed_loop_bins(read, bin_s)
    used = chosen(bins, block, trials)
    span = range_of(bins, used)
    decoder = recover(bins.x, bins.v, bins.begins, used)
    stretches = free_running(decoder, bins, used)
    show(bins, decoder, span, stretches)
    write_json(json, to_json(bins, decoder, span, stretches))


def show(bins: ClosedLoopBins, decoder: LinearDecoder, span: F64, stretches: list[Stretch]) -> None:
    """What people read."""
    console = Console()
    start = decoder.start
    begins = "it runs on from trial to trial"
    if start is not None:
        begins = f"every trial starts from {numbers(start, '.3f')}"
    rows = "; ".join(numbers(row, ".4f") for row in decoder.state)
    console.print(
        f"{bins.name}: v(t) = A v(t-1) + B x(t) + c in bins of {bins.bin_s * 1e3:g} ms\n"
        f"A {rows}; B has {decoder.in_use.sum()} of {len(decoder.in_use)} inputs in use; c "
        f"{numbers(decoder.offset, '.3f')}; {begins}\n"
        f"free-running error, as a share of the fitted range {numbers(span, '.1f')}:",
        highlight=False,
        soft_wrap=True,
    )
    table = Table("block", "", "trials", "bins", "max", "rms", box=box.SIMPLE)
    for part in stretches:
        table.add_row(
            part.block or "-",
            "fitted" if part.fitted else "held out",
            str(part.trials) if bins.has_trials else "-",
            str(part.bins),
            f"{part.max_error:.1e}",
            f"{part.rms_error:.1e}",
        )
    console.print(table)


def numbers(values: F64, form: str) -> str:
    """In one line."""
    return "(" + ", ".join(format(value, form) for value in values.tolist()) + ")"


def to_json(
    bins: ClosedLoopBins, decoder: LinearDecoder, span: F64, stretches: list[Stretch]
) -> dict[str, Any]:
    """The contract of `--json`; `gain` has a row an output, `start` is null where it runs on."""
    start = decoder.start
    return {
        "recording": bins.name,
        "bin_s": bins.bin_s,
        "range": span.tolist(),
        "state": decoder.state.tolist(),
        "gain": decoder.gain.tolist(),
        "offset": decoder.offset.tolist(),
        "start": None if start is None else start.tolist(),
        "inputs_in_use": int(decoder.in_use.sum()),
        "stretches": [asdict(part) for part in stretches],
    }
