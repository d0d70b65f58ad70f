"""The tables of `closedloop` that people read."""

import math
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from eprop_rt_services.rooms.config import RoomConfig


def show(settings: RoomConfig, figures: dict[str, Any]) -> None:
    """A table a condition, and what it is made of."""
    console = Console()
    room = settings.room
    console.print(
        f"{room.population.units} {room.population.kind} units, {room.task.kind}, bins of "
        f"{room.bin_s * 1e3:g} ms; {settings.simulations} simulations, "
        f"{settings.course.probe_trials} frozen trials a probe after k learning trials; failures "
        "count as the time limit; [..]: 95 %, t over simulations",
        highlight=False,
        soft_wrap=True,
    )
    for condition in figures["conditions"]:
        console.print(table_of(condition))
    for name, figure in figures["decoders"].items():
        console.print(
            f"{name}: {figure['trials_per_minute']:.0f} trials a minute of one processor",
            highlight=False,
        )


def table_of(condition: dict[str, Any]) -> Table:
    """Time to target and success by k, and the dead array."""
    ks = next(iter(condition["decoders"].values()))["probe"]["k"]
    head = ("decoder", *(f"k {k}" for k in ks), "90 % of\nplateau", "dead\narray")
    table = Table(*head, title=condition["name"], title_justify="left", box=box.SIMPLE)
    for name, figure in condition["decoders"].items():
        probe = figure["probe"]
        cells = [
            f"{seconds(t)} s\n{interval(i)}\n{100 * s:.0f} %"
            for t, i, s in zip(
                probe["time_to_target_s"],
                probe["time_to_target_s_interval"],
                probe["success_rate"],
                strict=True,
            )
        ]
        plateau = figure["plateau_90_s"]["mean"]
        dead = f"{100 * figure['dead_array_success_rate']:.1f} %"
        table.add_row(name, *cells, f"{plateau:.0f} s" if math.isfinite(plateau) else "-", dead)
    return table


def seconds(value: float) -> str:
    """Three digits."""
    return f"{value:.3f}" if math.isfinite(value) else "-"


def interval(bounds: tuple[float, float]) -> str:
    """In brackets; nothing where it is not known."""
    low, high = bounds
    return f"[{low:.2f} {high:.2f}]" if math.isfinite(low) else ""
