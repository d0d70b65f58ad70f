"""Options of `eprop-rt replay`."""

from pathlib import Path
from typing import Annotated

import typer

from eprop_rt_services.replay import COMPARABLE

RecordingsArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="RECORDING...", help="NWB or XDF files, in order; or the folder of a journal"
    ),
]
ReplayConfigOption = Annotated[
    str | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE|preset:NAME",
        help="what to decode, and how  [default: preset:reaching; a journal's own]",
    ),
]
CompareOption = Annotated[
    str, typer.Option(metavar="NAME,...", help=f"decoders beside it: {', '.join(COMPARABLE)}")
]
CompareGradientsOption = Annotated[
    float | None,
    typer.Option(
        min=0.001,
        metavar="SECONDS",
        help="every so often in the session, e-prop's gradient beside BPTT's, for --json and "
        "--report",
    ),
]
LabelDelayOption = Annotated[
    str, typer.Option(metavar="S,...", help="again with labels so late, as in 0.5,1,2")
]
LabelShareOption = Annotated[
    str, typer.Option(metavar="X,...", help="again with labels in that share of the bins")
]
PerturbOption = Annotated[
    str,
    typer.Option(
        metavar="WHAT:X@Y,...",
        help="again with a loss or shuffle of the share X of the channels from the share Y of "
        "the recording on, as in loss:0.3@0.5",
    ),
]
SeedOption = Annotated[int, typer.Option(min=0, help="of what they draw")]
FreezeAtOption = Annotated[
    str,
    typer.Option(
        metavar="X,...",
        help="again with learning frozen from the share X of the recording on, as in 0.8",
    ),
]
AcrossDaysOption = Annotated[
    bool,
    typer.Option(
        "--across-days",
        help="each recording after the first beside static, recentred and refitted decoders",
    ),
]
ColumnsOption = Annotated[
    str, typer.Option(metavar="NAME", help="neurobench: footprint, sparsity and operations")
]
CacheOption = Annotated[
    bool, typer.Option("--cache/--no-cache", help="earlier runs of what it is compared with")
]
