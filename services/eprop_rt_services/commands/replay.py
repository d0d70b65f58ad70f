"""`eprop-rt replay`: recorded sessions through the live loop."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from eprop_rt.errors import ConfigError
from eprop_rt_services.checkpoint import Checkpoint, read_checkpoint
from eprop_rt_services.commands.options import (
    FromOption,
    JsonOption,
    OverrideOption,
    PrintConfigOption,
    ReportOption,
    as_typed,
    as_yaml,
    print_config,
    write_json,
)
from eprop_rt_services.commands.replay_figures import across_figures
from eprop_rt_services.commands.replay_journal import reproduce, segments_of
from eprop_rt_services.commands.replay_options import (
    AcrossDaysOption,
    CacheOption,
    ColumnsOption,
    CompareGradientsOption,
    CompareOption,
    FreezeAtOption,
    LabelDelayOption,
    LabelShareOption,
    PerturbOption,
    RecordingsArgument,
    ReplayConfigOption,
    SeedOption,
)
from eprop_rt_services.commands.replay_passage import Looking, Passage, line_up
from eprop_rt_services.config import Config, load_config
from eprop_rt_services.gradients import GradientWatch
from eprop_rt_services.observing import SessionWatch
from eprop_rt_services.replay import compared
from eprop_rt_services.replay.across_days import ROWS, Transition
from eprop_rt_services.replay.cache import ResultCache, cache_folder
from eprop_rt_services.replay.comparable import check_names
from eprop_rt_services.replay.conditions import Condition, split, swept
from eprop_rt_services.replay.contestant import Setting
from eprop_rt_services.report import Chapter, check_place, making, write_page

COLUMNS = ("neurobench",)


def command(
    recordings: RecordingsArgument,
    config: ReplayConfigOption = None,
    compare: CompareOption = "",
    start: FromOption = None,
    compare_gradients: CompareGradientsOption = None,
    label_delay: LabelDelayOption = "",
    label_share: LabelShareOption = "",
    perturb: PerturbOption = "",
    seed: SeedOption = 0,
    freeze_at: FreezeAtOption = "",
    across_days: AcrossDaysOption = False,
    columns: ColumnsOption = "",
    cache: CacheOption = True,
    report: ReportOption = None,
    override: OverrideOption = None,
    json: JsonOption = None,
    show_config: PrintConfigOption = False,
) -> None:
    """Run recorded sessions through the live loop.

    Every bin is decoded before its label is used. Several recordings run in the order given, with
    the weights carried over from one to the next.

    A journal without --config is run again as it was, to the bit: orders, guard, crashes and all.
    With --config it is a recording like any other.
    """
    segments = segments_of(recordings) if config is None else None
    if segments is not None:
        figures = reproduce(segments)
        write_json(json, figures)
        raise typer.Exit(not figures["identical"])
    settings = load_config(config or "preset:reaching", override or ())
    if show_config:
        print_config(settings)
        return
    begun, settings = begun_from(start, settings)
    looking = looking_at(settings, compare_gradients, report)
    check_names("--columns", split(columns), COLUMNS)
    conditions = swept(label_delay, label_share, perturb, seed, freeze_at)
    if across_days:
        check_across(recordings, conditions, compare)
        compare = f"rls,{compare}"
    results = ResultCache(cache_folder() if cache else None)
    entered = compared(compare, settings.decoder)
    classes = () if settings.classes is None else settings.classes.labels
    lanes = [
        line_up(
            entered,
            Setting(settings.inputs, each, results, settings.guard, classes),
            begun,
            watches,
        )
        for each, watches in zip(conditions, looking.at(conditions), strict=True)
    ]
    passage = Passage(settings, lanes, looking, across_days=across_days, columns=bool(columns))
    for path in recordings:
        passage.go_through(path)
    write_json(json, all_figures(passage.figures, passage.nights))
    if report is not None:
        write_report(report, passage.chapters, settings, columns=bool(columns))


def begun_from(start: Path | None, settings: Config) -> tuple[Checkpoint | None, Config]:
    """The checkpoint to start from, if any, and the settings that it was learned with."""
    if start is None:
        return None, settings
    begun = read_checkpoint(start)
    decoder = begun.fitting(settings.decoder, settings.inputs)
    return begun, settings.model_copy(update={"decoder": decoder})


def looking_at(settings: Config, every_s: float | None, report: Path | None) -> Looking:
    """What looks on for --compare-gradients and --report; raises ConfigError where it cannot."""
    if every_s is not None and settings.decoder.kind != "eprop":
        raise ConfigError(
            f"--compare-gradients came with decoder.kind {settings.decoder.kind}: set it to eprop"
        )
    if report is not None:
        check_place(report)
    return Looking(
        None if every_s is None else GradientWatch(every_s),
        None if report is None else SessionWatch(),
    )


def check_across(recordings: list[Path], conditions: list[Condition], compare: str) -> None:
    """Raise ConfigError where --across-days has nothing to compare, or too much."""
    if len(recordings) < 2:
        raise ConfigError("--across-days came with one recording: give at least two, in order")
    if len(conditions) > 1:
        raise ConfigError(
            "--across-days came with --label-delay, --label-share, --perturb or --freeze-at: run "
            "them apart"
        )
    taken = [name for name in split(compare) if name in ROWS]
    if taken:
        raise ConfigError(
            f"--compare {taken[0]} came with --across-days, which has a row of that name: "
            "leave one of them out"
        )


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

    write_page(path, page(chapters, making(as_typed(), as_yaml(settings)), columns=columns))
    Console().print(f"report: {path} ({path.stat().st_size / 1e6:.1f} MB)", highlight=False)
