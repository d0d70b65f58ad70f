"""`eprop-rt closedloop`: decoders in simulated closed loops, faster than real time."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from eprop_rt.closed_loop.perturbation import parse_perturbation
from eprop_rt.errors import ConfigError
from eprop_rt_services.commands.closedloop_delays import show_delays
from eprop_rt_services.commands.closedloop_tables import facts, show
from eprop_rt_services.commands.options import (
    JsonOption,
    OverrideOption,
    PrintConfigOption,
    ReportOption,
    as_typed,
    as_yaml,
    print_config,
    write_json,
)
from eprop_rt_services.rooms.config import PRESETS, RoomConfig, entered, load_room_config
from eprop_rt_services.rooms.figures import figures_of
from eprop_rt_services.rooms.label_delays import Lateness, delay_figures, latenesses
from eprop_rt_services.rooms.running import Ran, run_simulations

KNOWN = ", ".join(sorted(p.name.removesuffix(".yaml") for p in PRESETS.iterdir()))


def command(
    config: Annotated[
        str, typer.Argument(metavar="FILE|preset:NAME", help=f"a room and its decoders: {KNOWN}")
    ] = "preset:literature",
    decoders: Annotated[
        str, typer.Option(metavar="NAME,...", help="only these of the configuration")
    ] = "",
    perturb: Annotated[
        str,
        typer.Option(
            metavar="KIND:SHARE,...", help="instead of the configured ones, as in shift:0.6,zero"
        ),
    ] = "",
    label_delay: Annotated[
        str,
        typer.Option(
            metavar="S,...",
            help="again with labels so late, learned from as what they are and as though of now",
        ),
    ] = "",
    simulations: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="instead of the configured number")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**31 - 1, help="of all of them")] = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, max=1024, help="processes at once  [default: one a core]"),
    ] = None,
    report: ReportOption = None,
    override: OverrideOption = None,
    json: JsonOption = None,
    show_config: PrintConfigOption = False,
) -> None:
    """Learn, be perturbed, learn again, and be probed frozen on the way.

    Every figure is of frozen probes with draws of their own, and a dead array stands beside it,
    on which every decoder must fail. All decoders meet the same people, perturbations and targets.
    """
    settings = chosen(config, override or [], decoders, perturb)
    given = {"simulations": simulations, "seed": seed}
    settings = settings.model_copy(update={k: v for k, v in given.items() if v is not None})
    if show_config:
        print_config(settings)
        return
    if report is not None:
        from eprop_rt_services.report import check_place  # noqa: PLC0415  (only where asked for)

        check_place(report)
    jobs = jobs or os.cpu_count() or 1
    if label_delay:
        delays = late_labels(settings, latenesses(label_delay), jobs)
        write_json(json, delays)
        if report is not None:
            write_report(report, settings, delays)
        return
    ran = run_with_progress(settings, jobs)
    figures = figures_of(settings, ran)
    show(settings, figures)
    write_json(json, figures)
    if report is not None:
        write_report(report, settings, figures)


def chosen(config: str, override: list[str], decoders: str, perturb: str) -> RoomConfig:
    """The configuration, with the decoders and perturbations that are asked for."""
    settings = entered(load_room_config(config, override), decoders)
    if perturb:
        wanted = tuple(parse_perturbation(each.strip()) for each in perturb.split(","))
        names = [each.name for each in wanted]
        if len(set(names)) < len(names):
            raise ConfigError(f"--perturb {perturb}: one of them came twice, leave it out")
        settings = settings.model_copy(update={"perturbations": wanted})
    return settings


def late_labels(settings: RoomConfig, wanted: Sequence[Lateness], jobs: int) -> dict[str, object]:
    """All of it for every lateness: the table, and what `--json` writes."""
    lanes = [(each, run_with_progress(each.within(settings), jobs)) for each in wanted]
    figures = delay_figures(settings, lanes)
    show_delays(settings, figures)
    return {
        "simulations": settings.simulations,
        "seed": settings.seed,
        "interval": "95 %, Student's t over simulations, of paired differences",
        "time_to_target": "failures count as the time limit",
        "label_delay": figures,
    }


def run_with_progress(settings: RoomConfig, jobs: int) -> list[Ran]:
    """All of it, with a bar on stderr."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    console = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        total = len(settings.decoders) * settings.simulations
        task = bar.add_task("simulations", total=total)

        def done(ran: Ran) -> None:
            bar.update(task, advance=1, description=f"{ran.decoder}, simulation {ran.simulation}")

        return run_simulations(settings, jobs, done)


def write_report(path: Path, settings: RoomConfig, figures: dict[str, Any]) -> None:
    """The page, and a line that says where it is."""
    # Bokeh takes most of a second.
    from eprop_rt_services.report import making, write_page  # noqa: PLC0415
    from eprop_rt_services.report.closed_loop import closed_loop_page  # noqa: PLC0415
    from eprop_rt_services.report.label_delays import delay_page  # noqa: PLC0415

    made = making(as_typed(), as_yaml(settings))
    title = f"{settings.room.population.kind}, {settings.room.task.kind}"
    page = delay_page if "label_delay" in figures else closed_loop_page
    write_page(path, page(figures, title, facts(settings), made))
    Console().print(f"report: {path} ({path.stat().st_size / 1e6:.1f} MB)", highlight=False)
