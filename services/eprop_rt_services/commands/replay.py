"""`eprop-rt replay`: recorded sessions through the live loop."""

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from eprop_rt.config import DecoderSettings
from eprop_rt.errors import ConfigError
from eprop_rt_services.checkpoint import Checkpoint, read_checkpoint
from eprop_rt_services.commands.options import (
    ConfigOption,
    FromOption,
    JsonOption,
    OverrideOption,
    PrintConfigOption,
    as_yaml,
    print_config,
    write_json,
)
from eprop_rt_services.commands.replay_figures import across_figures, recording_figures
from eprop_rt_services.commands.replay_tables import show, show_across, show_conditions, show_costs
from eprop_rt_services.config import Config, load_config
from eprop_rt_services.gradients import GradientWatch, summary
from eprop_rt_services.observing import SessionWatch
from eprop_rt_services.recordings import Recording, read_recording
from eprop_rt_services.replay import COMPARABLE, Contestant, Replayed, compared
from eprop_rt_services.replay.across_days import ROWS, DayBreak, Transition
from eprop_rt_services.replay.cache import ResultCache, cache_folder
from eprop_rt_services.replay.comparable import check_names
from eprop_rt_services.replay.conditions import Condition, split, swept
from eprop_rt_services.replay.contestant import NO_CACHE, Setting, Watch
from eprop_rt_services.report import Chapter, check_place, making, sha256_of, write_page

COLUMNS = ("neurobench",)


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
            help="every so often in the session, e-prop's gradient beside BPTT's, for --json and "
            "--report",
        ),
    ] = None,
    label_delay: Annotated[
        str, typer.Option(metavar="S,...", help="again with labels so late, as in 0.5,1,2")
    ] = "",
    label_share: Annotated[
        str, typer.Option(metavar="X,...", help="again with labels in that share of the bins")
    ] = "",
    perturb: Annotated[
        str,
        typer.Option(
            metavar="WHAT:X@Y,...",
            help="again with a loss or shuffle of the share X of the channels from the share Y of "
            "the recording on, as in loss:0.3@0.5",
        ),
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="of what these three draw")] = 0,
    across_days: Annotated[
        bool,
        typer.Option(
            "--across-days",
            help="each recording after the first beside static, recentred and refitted decoders",
        ),
    ] = False,
    columns: Annotated[
        str, typer.Option(metavar="NAME", help="neurobench: footprint, sparsity and operations")
    ] = "",
    cache: Annotated[
        bool,
        typer.Option("--cache/--no-cache", help="earlier runs of what it is compared with"),
    ] = True,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="a page of figures and tables that stands alone"),
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
    if report is not None:
        check_place(report)
    looking = Looking(
        None if compare_gradients is None else GradientWatch(compare_gradients),
        None if report is None else SessionWatch(),
    )
    check_names("--columns", split(columns), COLUMNS)
    conditions = swept(label_delay, label_share, perturb, seed)
    if across_days:
        check_across(recordings, conditions, compare)
        compare = f"rls,{compare}"
    results = ResultCache(cache_folder() if cache else None)
    entered = compared(compare, settings.decoder)
    lanes = [
        line_up(entered, Setting(settings.bins, each, results), begun, watches)
        for each, watches in zip(conditions, looking.at(conditions), strict=True)
    ]
    figures, nights, chapters = [], [], []
    before: Recording | None = None
    for path in recordings:
        recording = read_recording(path, settings.recording)
        night = None
        if across_days and before is not None:
            night = DayBreak(lanes[0].contestants[0], before, recording)
        outcomes = [(lane.condition, run(recording, lane)) for lane in lanes]
        show(recording, settings, outcomes[0][1])
        show_conditions(outcomes)
        if columns:
            show_costs(outcomes[0][1])
        figures.append(recording_figures(recording, settings, outcomes))
        gradients = None if looking.gradients is None else looking.gradients.take()
        if gradients is not None:
            figures[-1]["gradients"] = gradients
            Console().print(summary(gradients), highlight=False)
        if night is not None:
            nights.append(night.compare(outcomes[0][1]))
            show_across(nights[-1])
        if looking.session is not None:
            chapters.append(
                Chapter(
                    recording,
                    sha256_of(path),
                    settings.bins,
                    outcomes,
                    looking.session.take(),
                    gradients,
                    nights[-1] if night is not None else None,
                )
            )
        before = recording
    write_json(json, all_figures(figures, nights))
    if report is not None:
        write_report(report, chapters, settings, columns=bool(columns))


@dataclass(frozen=True, slots=True)
class Looking:
    """What looks at the configured decoder as it goes through the recordings as they are."""

    gradients: GradientWatch | None
    session: SessionWatch | None

    def at(self, conditions: Sequence[Condition]) -> list[list[Watch]]:
        """Those that there are, for the first condition; for the others none."""
        watches: list[Watch] = [one for one in (self.gradients, self.session) if one is not None]
        return [watches, *([] for _ in conditions[1:])]


@dataclass(frozen=True, slots=True)
class Lane:
    """The decoders that go through all recordings under one condition."""

    condition: Condition
    contestants: list[Contestant]


def line_up(
    entered: dict[str, DecoderSettings],
    setting: Setting,
    start: Checkpoint | None,
    watches: Sequence[Watch],
) -> Lane:
    """The configured decoder first, as `start` left it, then those to compare with.

    It is always replayed; what it is compared with may come out of the cache.
    """
    (name, settings), *others = entered.items()
    fresh = replace(setting, cache=NO_CACHE)
    beside = [Contestant(other, given, setting) for other, given in others]
    return Lane(setting.condition, [Contestant(name, settings, fresh, start, watches), *beside])


def check_across(recordings: list[Path], conditions: list[Condition], compare: str) -> None:
    """Raise ConfigError where --across-days has nothing to compare, or too much."""
    if len(recordings) < 2:
        raise ConfigError("--across-days came with one recording: give at least two, in order")
    if len(conditions) > 1:
        raise ConfigError(
            "--across-days came with --label-delay, --label-share or --perturb: run them apart"
        )
    taken = [name for name in split(compare) if name in ROWS]
    if taken:
        raise ConfigError(
            f"--compare {taken[0]} came with --across-days, which has a row of that name: "
            "leave one of them out"
        )


def run(recording: Recording, lane: Lane) -> list[Replayed]:
    """One pass a decoder, with a bar for each."""
    samples = len(recording.signal.stamps)
    columns = TextColumn("{task.description:>16}"), BarColumn(), TimeRemainingColumn()
    results = []
    console = Console(stderr=True)
    quiet = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=quiet) as bars:
        for contestant in lane.contestants:
            task = bars.add_task(contestant.name, total=samples)
            results.append(contestant.replay(recording, advance(bars, task)))
    return results


def advance(bars: Progress, task: Any) -> Callable[[int], None]:
    """A tick for one bar."""
    return lambda samples: bars.advance(task, samples)


def all_figures(figures: list[dict[str, Any]], nights: list[Transition]) -> dict[str, Any]:
    """One recording's figures as they are, several in a list."""
    if len(figures) == 1:
        return figures[0]
    across = {"across_days": [across_figures(night) for night in nights]} if nights else {}
    return {"recordings": figures, **across}


def write_report(
    path: Path, chapters: Sequence[Chapter], settings: Config, *, columns: bool
) -> None:
    """The page, and a line that says where it is."""
    from eprop_rt_services.report.page import page  # noqa: PLC0415  (Bokeh takes most of a second)

    words = (shlex.quote(word) for word in sys.argv[1:])
    command = " ".join(["eprop-rt", *(f"\\\n  {w}" if w[0] == "-" else w for w in words)])
    write_page(path, page(chapters, making(command, as_yaml(settings)), columns=columns))
    Console().print(f"report: {path} ({path.stat().st_size / 1e6:.1f} MB)", highlight=False)
