"""The tables of `closedloop` that people read."""

import math
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from eprop_rt_services.rooms.config import RoomConfig
from eprop_rt_services.wording import number

CONTROLS = ("silenced_after_learning", "learned_while_dead")


def show(settings: RoomConfig, figures: dict[str, Any]) -> None:
    """A table a condition, and what it is made of."""
    console = Console()
    console.print(facts(settings), highlight=False)
    console.print(
        "time to target in s, and success, of frozen probes after k learning trials; failures "
        "count as the time limit; intervals in --json and --report",
        highlight=False,
    )
    for condition in figures["conditions"]:
        console.print(table_of(condition))
        for line in slower(condition):
            console.print(line, highlight=False)
    for name, figure in figures["decoders"].items():
        console.print(
            f"{name}: {figure['trials_per_minute']:.0f} trials a minute of one processor",
            highlight=False,
        )


def facts(settings: RoomConfig) -> str:
    """What is simulated, in a line."""
    room, course = settings.room, settings.course
    return (
        f"{room.population.units} {room.population.kind} units, {room.task.kind}, bins of "
        f"{room.bin_s * 1e3:g} ms; {settings.simulations} simulations, {course.learning_trials} "
        f"learning trials before the perturbation, {course.probe_trials} trials a probe"
    )


def slower(condition: dict[str, Any]) -> list[str]:
    """How much longer the others take than the first decoder, in pairs of simulations."""
    first, *_ = condition["decoders"]
    ks = condition["decoders"][first]["probe"]["k"]
    lines = []
    for name, figure in condition["slower_than_first"].items():
        pairs = zip(ks, figure["difference_s"], figure["difference_s_interval"], strict=True)
        cells = [
            f"k {k} {mean:+.3f}" + (f" [{low:+.3f} {high:+.3f}]" if math.isfinite(low) else "")
            for k, mean, (low, high) in pairs
        ]
        lines.append(f"{name} takes longer than {first}, s: {', '.join(cells)}")
    return lines


def table_of(condition: dict[str, Any]) -> Table:
    """Time to target and success by k, the plateau, and the dead array."""
    ks = next(iter(condition["decoders"].values()))["probe"]["k"]
    table = Table(
        title=condition["name"],
        title_justify="left",
        box=box.SIMPLE,
        padding=(0, 1),
        pad_edge=False,
        collapse_padding=True,
    )
    for head in (
        "decoder",
        *(f"k {k}" for k in ks),
        "90 % of\nplateau",
        "dead: silenced,\nlearned while",
    ):
        table.add_column(head, no_wrap=True)
    for name, figure in condition["decoders"].items():
        probe = figure["probe"]
        cells = [
            f"{number(t)}\n{100 * s:.0f} %"
            for t, s in zip(probe["time_to_target_s"], probe["success_rate"], strict=True)
        ]
        plateau = figure["plateau_90_s"]["mean"]
        parts = (figure["dead_array"][part] for part in CONTROLS)
        dead = "\n".join(f"{100 * part:.1f} %" for part in parts)
        table.add_row(name, *cells, f"{plateau:.0f} s" if math.isfinite(plateau) else "-", dead)
    return table
