"""The page of `closedloop`: probes by learning trials with their intervals, and the dead array."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, CustomJSTickFormatter, Range1d
from bokeh.models.renderers import DataRenderer
from bokeh.plotting import figure

from eprop_rt.series import F64
from eprop_rt_services.report.blocks import Block, Row, Switch, Table
from eprop_rt_services.report.chapter import Making
from eprop_rt_services.report.drawing import COLOURS, SOFT, fix_ticks, plot, stacked
from eprop_rt_services.report.page import Again, Section, render
from eprop_rt_services.wording import number

SPARE = ("#cc79a7", "#e69f00", "#999933", "#882255", "#56b4e9")  # of names that have no colour
PROBES = (
    "Frozen probes after k learning trials: learning off, targets and noise of their own, no trace "
    "left. A failure counts as the time limit. Bars and brackets: 95 % interval of the mean over "
    "simulations, Student's t. All decoders meet the same people, perturbations and targets."
)
DEAD = (
    "Nothing is heard on any channel. Silenced: the decoder that has learned, probed frozen. "
    "Learned while dead: from zero weights with a dead array, then probed frozen. Both must fail. "
    "While learning is what leaks through the labels, and why only frozen probes are figures."
)
MORE = (
    "After the last learning trial. Throughput: mean over successes of log2(D / W + 1) / time. "
    "Bitrate of a grid: log2(N - 1) max(0, right - wrong) / time. Plateau: seconds of use until 90 "
    "% of the plateau's 1 / time. Trials a minute: of one processor."
)


def closed_loop_page(figures: dict[str, Any], title: str, facts: str, making: Making) -> str:
    """All conditions, a section each."""
    sections = [
        section(condition, f"c{at}", facts, figures["simulations"])
        for at, condition in enumerate(figures["conditions"])
    ]
    again = Again(
        command="closedloop",
        title=title,
        sections="conditions",
        note="The same configuration and versions on the same kind of processor give the same "
        "figures, however many processes run.",
        tables=(),
    )
    return render(sections, making, again)


def section(condition: dict[str, Any], key: str, facts: str, simulations: int) -> Section:
    """One condition."""
    decoders = condition["decoders"]
    blocks = (
        Block(
            f"{key}-probes",
            "Frozen probes",
            (PROBES,),
            probes(decoders, f"{key}-probes"),
            tuple(switches(decoders)),
            (probe_table(decoders),),
        ),
        Block(f"{key}-dead", "Dead array", (DEAD,), tables=(dead_table(decoders),)),
        Block(f"{key}-more", "At the end", (MORE,), tables=(more_table(decoders),)),
    )
    return Section(key, condition["name"], (headline(decoders), facts), blocks)


def headline(decoders: dict[str, Any]) -> str:
    """The quickest at the end, and by how much."""
    last = {name: one["probe"]["time_to_target_s"][-1] for name, one in decoders.items()}
    order = sorted(last, key=lambda name: last[name])
    k = next(iter(decoders.values()))["probe"]["k"][-1]
    told = ", ".join(f"{name} {last[name]:.3f} s" for name in order)
    return f"Time to target after {k} learning trials: {told}."


def switches(decoders: dict[str, Any]) -> list[Switch]:
    """In the colours of the lines."""
    return [Switch(name, name, colour(name, decoders), False) for name in decoders]


def colour(name: str, decoders: Sequence[str] | dict[str, Any]) -> str:
    """Of its own, or the next that is free."""
    others = [each for each in decoders if each not in COLOURS]
    if name in COLOURS:
        return COLOURS[name]
    at = others.index(name)
    return SPARE[at] if at < len(SPARE) else SOFT


def probes(decoders: dict[str, Any], key: str) -> Any:
    """Time and success by k, a place a probe, with whiskers."""
    k = next(iter(decoders.values()))["probe"]["k"]
    made = []
    for name, label, height in (
        ("time_to_target_s", "time to target, s", 280),
        ("success_rate", "success", 180),
    ):
        limits = {"y_range": Range1d(start=-0.03, end=1.05)} if name == "success_rate" else {}
        into = plot(height, "learning trials after the perturbation", label, **limits)
        place = np.arange(len(k), dtype=np.float64)
        for at, (decoder, one) in enumerate(decoders.items()):
            x = place + 0.06 * (at - (len(decoders) - 1) / 2)
            add_line(into, f"{key}:{decoder}", x, one["probe"], name, colour(decoder, decoders))
        fix_ticks(into.xaxis[0], place.tolist())
        into.xaxis[0].formatter = CustomJSTickFormatter(code=f"return {list(k)}[Math.round(tick)]")
        made.append(into)
    return stacked(made)


def add_line(into: figure, key: str, x: F64, probe: dict[str, Any], name: str, colour: str) -> None:
    """A line through the means, and the interval at each; hidden together by its switch."""
    y = np.array(probe[name], np.float64)
    low, high = np.array(probe[f"{name}_interval"], np.float64).T
    low, high = (np.where(np.isfinite(bound), bound, y) for bound in (low, high))
    source = ColumnDataSource({"x": x, "y": y, "low": low, "high": high})
    drawn: list[DataRenderer] = [
        into.line("x", "y", source=source, color=colour, line_width=2),
        into.scatter("x", "y", source=source, color=colour, size=6),
        into.segment("x", "low", "x", "high", source=source, color=colour, line_width=1.2),
    ]
    for each in drawn:
        each.name = key


def probe_table(decoders: dict[str, Any]) -> Table:
    """Mean, interval and success, a row a probe."""
    ks = next(iter(decoders.values()))["probe"]["k"]
    rows = []
    for at, k in enumerate(ks):
        probes = [one["probe"] for one in decoders.values()]
        cells = [
            f"{number(p['time_to_target_s'][at])} s {bounds(p['time_to_target_s_interval'][at])}, "
            f"{100 * p['success_rate'][at]:.0f} %"
            for p in probes
        ]
        rows.append(Row((str(k), *cells)))
    return Table(("k", *decoders), tuple(rows))


def dead_table(decoders: dict[str, Any]) -> Table:
    """Success with nothing heard."""
    head = (
        "decoder", "silenced", "learned while dead", "most in a simulation",
        "frozen trials of each", "while learning",
    )  # fmt: skip
    rows = []
    for name, one in decoders.items():
        dead = one["dead_array"]
        parts = ("silenced_after_learning", "learned_while_dead", "most_in_a_simulation")
        cells = (*(percent(dead[part]) for part in parts), f"{dead['trials']}")
        rows.append(Row((name, *cells, percent(dead["while_learning"])), name == "eprop"))
    return Table(head, tuple(rows))


def more_table(decoders: dict[str, Any]) -> Table:
    """All measures of the last probe, and speed."""
    columns: tuple[tuple[str, str, Callable[[float], str]], ...] = (
        ("time of successes, s", "time_of_successes_s", number),
        ("dial-in, s", "dial_in_s", number),
        ("path efficiency", "path_efficiency", number),
        ("angular error, deg", "angular_error_deg", number),
        ("throughput, bit/s", "throughput_bits_s", number),
        ("bitrate, bit/s", "bitrate_bits_s", number),
    )
    rows = []
    for name, one in decoders.items():
        cells = [
            f"{told(one['probe'][key][-1])} {bounds(one['probe'][f'{key}_interval'][-1])}"
            for _, key, told in columns
        ]
        plateau = one["plateau_90_s"]["mean"]
        cells += [f"{plateau:.0f} s" if np.isfinite(plateau) else "-"]
        rows.append(Row((name, *cells, f"{one['trials_per_minute']:.0f}"), name == "eprop"))
    head = ("decoder", *(title for title, _, _ in columns), "90 % of plateau", "trials a minute")
    return Table(head, tuple(rows))


def bounds(interval: tuple[float, float]) -> str:
    """In brackets; nothing where it is not known."""
    low, high = interval
    return f"[{low:.3f}, {high:.3f}]" if np.isfinite(low) else ""


def percent(value: float) -> str:
    """With a digit after the point."""
    return f"{100 * value:.1f} %" if np.isfinite(value) else "-"
