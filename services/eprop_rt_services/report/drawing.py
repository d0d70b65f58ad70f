"""One look for every figure: quiet, legible on a telephone, told apart without seeing colours."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from bokeh.layouts import column
from bokeh.models import (
    Column,
    ColumnDataSource,
    CustomJSTickFormatter,
    FixedTicker,
    HoverTool,
    Range1d,
)
from bokeh.models.axes import Axis
from bokeh.models.renderers import DataRenderer
from bokeh.plotting import figure

from eprop_rt.series import F64
from eprop_rt_services.report.blocks import Switch

# The page's script puts others in their place where the reader prefers a dark page.
INK, SOFT, GRID = "#1f2933", "#5c6773", "#e3e7eb"
FONT = "system-ui, sans-serif"
FLOOR = -0.25  # of figures of R2, which may be as bad as you like

# Okabe and Ito (2008), then Tol; greys for what decodes nothing.
COLOURS = {
    "eprop": "#d55e00",
    "rls": "#0072b2",
    "wiener": "#009e73",
    "lstm": "#cc79a7",
    "kalman": "#56b4e9",
    "adaptive_kalman": "#2a9bd6",
    "nlms": "#e69f00",
    "lda": "#009e73",
    "logistic": "#0072b2",
    "static": "#882255",
    "recentred": "#999933",
    "refitted": "#009e73",
    "mean": "#8a939c",
    "zero": "#8a939c",
    "input": "#0072b2",
    "recurrent": "#d55e00",
    "bias": "#8a939c",
    "readout": "#009e73",
}
DASHED = ("wiener", "kalman", "lda", "refitted", "zero", "bias")


def switch(name: str, *, on: bool = True, label: str = "") -> Switch:
    """For a series of that name, in its own colour."""
    return Switch(name, label or name, COLOURS.get(name, SOFT), name in DASHED, on)


def plot(height: int, x: str, y: str, **more: Any) -> figure:
    """Axes with nothing in them, as wide as the page."""
    made = figure(
        height=height,
        sizing_mode="stretch_width",
        tools="xpan,xwheel_zoom,xbox_zoom,reset,save",
        active_drag=None,
        active_scroll=None,
        toolbar_location="above",
        background_fill_alpha=0,
        border_fill_alpha=0,
        outline_line_color=None,
        min_border_left=58,
        min_border_right=12,
        **more,
    )
    made.toolbar.logo = None
    made.toolbar.autohide = True
    for axis, label in ((made.xaxis[0], x), (made.yaxis[0], y)):
        axis.axis_label = label or None
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_font_size = axis.major_label_text_font_size = "12px"
        axis.axis_label_text_font = axis.major_label_text_font = FONT
        axis.axis_label_text_color = axis.major_label_text_color = SOFT
        axis.axis_line_color = axis.major_tick_line_color = GRID
        axis.minor_tick_line_color = None
    made.yaxis[0].axis_label_standoff = 4
    for grid in made.grid:
        grid.grid_line_color = GRID
    made.xgrid[0].visible = False
    return made


def draw_lines(
    into: figure, key: str, lines: dict[str, tuple[F64, F64]], *, main: str = "", points: int = 0
) -> None:
    """A line each of x and y (n,), hovered over; the main one is wider, and drawn last.

    Up to so many `points` in a line are marked.
    """
    for name in sorted(lines, key=lambda each: each == main):
        x, y = (narrow(values) for values in lines[name])
        source = ColumnDataSource({"x": x, "y": y})
        colour = COLOURS.get(name, SOFT)
        drawn: list[DataRenderer] = [
            into.line(
                "x",
                "y",
                source=source,
                color=colour,
                line_width=2.4 if name == main else 1.5,
                line_dash="dashed" if name in DASHED else "solid",
            )
        ]
        if len(x) <= points:
            drawn.append(into.scatter("x", "y", source=source, color=colour, size=6))
        for each in drawn:
            each.name = f"{key}:{name}"
        hover = HoverTool(renderers=drawn, tooltips=[(name, "@y{0.000}"), ("at", "@x{0.0}")])
        hover.visible = False  # of the toolbar's many buttons
        into.add_tools(hover)


def narrow(values: F64) -> Any:
    """As small as it may be in a page."""
    return np.ascontiguousarray(values, np.float32)


def stacked(figures: Sequence[figure]) -> Column:
    """One under the other, over the same x; only the last says what x is."""
    for upper in figures[:-1]:
        upper.x_range = figures[-1].x_range
        upper.xaxis[0].axis_label = None
        upper.xaxis[0].major_label_text_font_size = "0px"
        upper.xaxis[0].major_tick_line_color = None
    for lower in figures[1:]:
        lower.toolbar_location = None
    return column(*figures, sizing_mode="stretch_width")


def quality_range(values: Sequence[F64], lowest: float = FLOOR) -> Range1d:
    """For R2 and r: up to 1, down to what there is but no lower than `lowest`."""
    return Range1d(start=min(0.0, max(lowest, least(values) - 0.03)), end=1.02)


def least(values: Sequence[F64]) -> float:
    """Of all that are numbers; 0 where none is."""
    return min((float(np.nanmin(v)) for v in values if np.isfinite(v).any()), default=0.0)


def logarithmic(height: int, x: str, y: str, values: F64) -> figure:
    """Axes for positive values (any shape), NaN left out; a few ticks that do not collide."""
    low, high = float(np.nanmin(values)) / 1.15, float(np.nanmax(values)) * 1.15
    made = plot(height, x, y, y_axis_type="log", y_range=Range1d(start=low, end=high))
    fix_ticks(made.yaxis[0], log_ticks(low, high))
    return made


def fix_ticks(axis: Axis, at: Sequence[float]) -> None:
    """These and no others, as plain numbers."""
    axis.ticker = FixedTicker(ticks=list(at))
    axis.formatter = CustomJSTickFormatter(code="return `${+tick.toPrecision(3)}`")


def log_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers from `low` to `high`, `most` of them or a few less."""
    if high / low < 5:
        steps = [d * 10.0**k for k in range(-12, 13) for d in (1, 2, 5)]
        step = next(each for each in steps if (high - low) / each <= most)
        counts = range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)
        return [float(f"{count * step:.6g}") for count in counts]
    first, last = int(np.floor(np.log10(low))), int(np.ceil(np.log10(high)))
    digits = (1.0,) if high / low > 100 else (1.0, 3.0)
    ticks = [d * 10.0**k for k in range(first, last + 1) for d in digits]
    found = [tick for tick in ticks if low <= tick <= high]
    return found[:: -(-len(found) // most)]
