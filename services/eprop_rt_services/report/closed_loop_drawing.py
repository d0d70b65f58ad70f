"""The figures of a closed-loop page: measures by learning trials, plateaus, dead arrays, delays."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, CustomJSTickFormatter, FactorRange, Range1d
from bokeh.models.annotations import Span
from bokeh.models.renderers import DataRenderer
from bokeh.plotting import figure

from eprop_rt.series import F64
from eprop_rt_services.report.blocks import Switch
from eprop_rt_services.report.drawing import COLOURS, SOFT, fix_ticks, log_ticks, plot, stacked

SPARE = ("#cc79a7", "#e69f00", "#999933", "#882255", "#56b4e9")  # of names that have no colour
LEAST_S, MOST_S = 1.0, 1500.0  # of a plateau, on a logarithmic axis
BAR = 0.02  # of the dead array
TIME_AND_SUCCESS = (
    ("time_to_target_s", "time to target, s", 280),
    ("success_rate", "success", 180),
)


def colour(name: str, decoders: Iterable[str]) -> str:
    """Of its own, or the next that is free."""
    if name in COLOURS:
        return COLOURS[name]
    at = [each for each in decoders if each not in COLOURS].index(name)
    return SPARE[at] if at < len(SPARE) else SOFT


def switches(decoders: Iterable[str]) -> tuple[Switch, ...]:
    """In the colours of the lines."""
    names = list(decoders)
    return tuple(Switch(name, name, colour(name, names), False) for name in names)


def by_k(decoders: dict[str, Any], key: str, measures: Sequence[tuple[str, str, int]]) -> Any:
    """Measures (name, label, height) by learning trials, a place a probe, with whiskers."""
    k = next(iter(decoders.values()))["probe"]["k"]
    place = np.arange(len(k), dtype=np.float64)
    made = []
    for name, label, height in measures:
        into = axes(height, "learning trials after the perturbation", (name, label))
        for at, (decoder, one) in enumerate(decoders.items()):
            x = place + 0.06 * (at - (len(decoders) - 1) / 2)
            probe = one["probe"]
            line = x, np.array(probe[name]), np.array(probe[f"{name}_interval"])
            add_line(into, f"{key}:{decoder}", line, colour(decoder, decoders))
        fix_ticks(into.xaxis[0], place.tolist())
        into.xaxis[0].formatter = CustomJSTickFormatter(code=f"return {list(k)}[Math.round(tick)]")
        made.append(into)
    return stacked(made)


def add_line(
    into: figure, key: str, line: tuple[F64, F64, F64], shade: str, dash: str = "solid"
) -> None:
    """A line through the means (n,), and the interval (n, 2) at each; a switch hides both."""
    x, y, interval = line
    low, high = (np.where(np.isfinite(bound), bound, y) for bound in interval.T)
    source = ColumnDataSource({"x": x, "y": y, "low": low, "high": high})
    drawn: list[DataRenderer] = [
        into.line("x", "y", source=source, color=shade, line_width=2, line_dash=dash),
        into.scatter("x", "y", source=source, color=shade, size=6),
        into.segment("x", "low", "x", "high", source=source, color=shade, line_width=1.2),
    ]
    for each in drawn:
        each.name = key


def plateaus(decoders: dict[str, Any], anchors: dict[str, Sequence[float]]) -> Any:
    """Seconds of use on a logarithmic axis: mean and interval, simulations; then the anchors."""
    names = [*decoders, *anchors]
    into = plot(
        70 + 26 * len(names), "seconds of use", "", x_axis_type="log",
        x_range=Range1d(start=0.8 * LEAST_S, end=MOST_S), y_range=FactorRange(factors=names[::-1]),
    )  # fmt: skip
    for name, one in decoders.items():
        told, shade = one["plateau_90_s"], colour(name, decoders)
        each = [max(LEAST_S, seconds) for seconds in told["each"] if math.isfinite(seconds)]
        into.scatter(each, [name] * len(each), color=shade, size=5, alpha=0.4)
        if each:
            draw_span(into, name, (told["mean"], *told["interval"]), shade)
    for name, (first, last) in anchors.items():
        draw_span(into, name, (60 * last, 60 * first, 60 * last), SOFT)
    fix_ticks(into.xaxis[0], log_ticks(LEAST_S, MOST_S))
    into.xgrid[0].visible = True
    return column(into, sizing_mode="stretch_width")


def draw_span(into: figure, name: str, span: tuple[float, float, float], shade: str) -> None:
    """A mark, and from where to where; of the bounds only those that are known."""
    mark, low, high = (max(LEAST_S, at) if math.isfinite(at) else span[0] for at in span)
    into.segment([low], [name], [high], [name], color=shade, line_width=2)
    into.scatter([mark], [name], color=shade, size=9)


def dead_arrays(decoders: dict[str, Any]) -> Any:
    """Success with nothing heard: both controls and the worst simulation, beside the bar."""
    parts = (
        ("silenced_after_learning", "circle", 9),
        ("learned_while_dead", "square", 8),
        ("most_in_a_simulation", "x", 8),
    )
    most = max(one["dead_array"]["most_in_a_simulation"] for one in decoders.values())
    into = plot(
        70 + 26 * len(decoders), "success with nothing heard", "",
        x_range=Range1d(start=-0.002, end=max(0.05, 1.1 * most)),
        y_range=FactorRange(factors=list(decoders)[::-1]),
    )  # fmt: skip
    for name, one in decoders.items():
        for part, marker, size in parts:
            shade = colour(name, decoders)
            into.scatter([one["dead_array"][part]], [name], marker=marker, color=shade, size=size)
    into.add_layout(Span(location=BAR, dimension="height", line_color=SOFT, line_dash="dashed"))
    return column(into, sizing_mode="stretch_width")


def by_delay(figures: Sequence[dict[str, Any]], key: str) -> Any:
    """Time and success by how late labels are: solid with the ring of vectors, dashed without."""
    decoders = list(dict.fromkeys(each["decoder"] for each in figures))
    made = []
    for name, label, height in TIME_AND_SUCCESS:
        into = axes(height, "labels late by, s", (name, label))
        for decoder in decoders:
            own = [one for one in figures if one["decoder"] == decoder]
            for handled, dash in ((True, "solid"), (False, "dashed")):
                lane = [one for one in own if one["handled"] == handled or one["delay_s"] == 0]
                line = (
                    np.array([one["delay_s"] for one in lane]),
                    np.array([one[name] for one in lane]),
                    np.array([one[f"{name}_interval"] for one in lane]),
                )
                add_line(into, f"{key}:{decoder}", line, colour(decoder, decoders), dash)
        made.append(into)
    return stacked(made)


def axes(height: int, x: str, y: tuple[str, str]) -> figure:
    """Of a measure (name, label); success between none and all."""
    name, label = y
    limits = {"y_range": Range1d(start=-0.03, end=1.05)} if name == "success_rate" else {}
    return plot(height, x, label, **limits)
