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
        "count as the time limit; intervals in --json and --report; 90 % of plateau: how soon, and "
        "in how many simulations; dead array: success when silenced after learning, and when "
        "learned while dead",
        highlight=False,
    )
    for condition in figures["conditions"]:
        console.print(table_of(condition))
        for line in (*slower(condition), *bitrates(condition, figures["bitrate"])):
            console.print(line, highlight=False)
    console.print(
        f"elsewhere, minutes to proficiency: {anchors(figures['anchors_min'])}", highlight=False
    )
    for name, figure in figures["decoders"].items():
        console.print(
            f"{name}: {figure['trials_per_minute']:.0f} trials a minute of one processor, "
            f"{figure['learning_trials_per_minute']:.0f} of those that are learned from",
            highlight=False,
        )


def facts(settings: RoomConfig) -> str:
    """What is simulated, in a line."""
    room, course = settings.room, settings.course
    form = "" if room.form.kind == "counts" else f" as {room.form.kind}"
    return (
        f"{room.population.units} {room.population.kind} units{form}, {room.task.kind}, bins of "
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


def bitrates(condition: dict[str, Any], formula: str | None) -> list[str]:
    """Of a grid, at the last probe, with its formula and N."""
    if formula is None:
        return []
    told = []
    for name, figure in condition["decoders"].items():
        mean = figure["probe"]["bitrate_bits_s"][-1]
        low, high = figure["probe"]["bitrate_bits_s_interval"][-1]
        within = f" [{low:.2f} {high:.2f}]" if math.isfinite(low) else ""
        told.append(f"{name} {mean:.2f}{within}")
    return [f"bit/s at the last probe, {formula}: {', '.join(told)}"]


def anchors(known: dict[str, tuple[float, float]]) -> str:
    """What others took, in minutes."""
    return ", ".join(f"{name} {minutes(*span)}" for name, span in known.items())


def minutes(first: float, last: float) -> str:
    """A span, or a point where it begins at the start or where it ends."""
    return f"{last:g}" if first in (0, last) else f"{first:g} to {last:g}"


def plateau_of(figure: dict[str, Any]) -> tuple[str, str]:
    """How soon, over the simulations that reached it, and in how many."""
    told = figure["plateau_90_s"]
    soon = f"{told['mean']:.0f} s" if math.isfinite(told["mean"]) else "-"
    return soon, f"{told['reached']} of {told['simulations']}"


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
    for head in ("decoder", *(f"k {k}" for k in ks), "90 % of\nplateau", "dead\narray"):
        table.add_column(head, no_wrap=True)
    for name, figure in condition["decoders"].items():
        probe = figure["probe"]
        cells = [
            f"{number(t)}\n{100 * s:.0f} %"
            for t, s in zip(probe["time_to_target_s"], probe["success_rate"], strict=True)
        ]
        parts = (figure["dead_array"][part] for part in CONTROLS)
        dead = "\n".join(f"{100 * part:.1f} %" for part in parts)
        table.add_row(name, *cells, "\n".join(plateau_of(figure)), dead)
    return table
