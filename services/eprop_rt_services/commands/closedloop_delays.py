"""The table of `closedloop --label-delay`."""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from eprop_rt_services.rooms.config import RoomConfig


def show_delays(settings: RoomConfig, figures: Sequence[dict[str, Any]]) -> None:
    """A table a condition: decoders by delay, handled and not."""
    console = Console()
    room = settings.room
    console.print(
        f"{room.population.units} {room.population.kind} units, {room.task.kind}; "
        f"{settings.simulations} simulations, {settings.course.probe_trials} frozen trials after "
        f"{figures[0]['k']} learning trials; time to target, failures as the time limit; x: times "
        "that without delay in the same simulations, [..]: 95 %, t over simulations",
        highlight=False,
        soft_wrap=True,
    )
    for condition in dict.fromkeys(each["condition"] for each in figures):
        console.print(_table([each for each in figures if each["condition"] == condition]))
    dead = max(each["dead_array_success_rate"] for each in figures)
    console.print(f"dead array: success of at most {100 * dead:.1f} %", highlight=False)


def _table(figures: Sequence[dict[str, Any]]) -> Table:
    delays = sorted({each["delay_s"] for each in figures})
    head = ("decoder", "labels", *(f"{delay:g} s late" for delay in delays))
    title = figures[0]["condition"]
    table = Table(*head, title=title, title_justify="left", box=box.SIMPLE)
    for name in dict.fromkeys(each["decoder"] for each in figures):
        for handled, meant in ((True, "with\nthe ring"), (False, "without")):
            cells = {
                each["delay_s"]: _cell(each)
                for each in figures
                if each["decoder"] == name and each["handled"] == handled
            }
            table.add_row(name, meant, *(cells.get(delay, "") for delay in delays))
    return table


def _cell(figure: dict[str, Any]) -> str:
    low, high = figure["ratio_interval"]
    told = f"{figure['time_to_target_s']:.3f} s\n{100 * figure['success_rate']:.0f} %"
    if figure["delay_s"] == 0:
        return told
    return f"{told}\nx {figure['ratio']:.3f}\n[{low:.2f} {high:.2f}]"
