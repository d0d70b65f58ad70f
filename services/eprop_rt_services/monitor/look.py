"""Colours and axes of the page's figures, for light pages and for dark ones."""

import math
from dataclasses import dataclass
from typing import Any

from bokeh.models import BasicTicker, CustomJSTickFormatter, Range, Range1d
from bokeh.plotting import figure

LEFT = 66  # of figures that stand one under the other
CLOCK = """
const s = Math.round(tick), two = (n) => String(n).padStart(2, "0");
const h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
return h ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
"""
FONT = "system-ui, sans-serif"


@dataclass(frozen=True, slots=True)
class Look:
    """One set of colours; told apart without seeing colours (Okabe and Ito 2008, then Tol)."""

    ink: str
    soft: str
    line: str
    decoded: str
    intended: str
    good: str
    series: tuple[str, ...]

    def of(self, index: int, learns: bool) -> str:
        """The colour of a daemon; grey for one that does not learn."""
        return self.series[index % len(self.series)] if learns else self.soft


LIGHT = Look(
    ink="#1f2933",
    soft="#8a939c",
    line="#e3e7eb",
    decoded="#d55e00",
    intended="#0072b2",
    good="#009e73",
    series=(
        "#d55e00", "#0072b2", "#009e73", "#cc79a7", "#56b4e9",
        "#b58900", "#882255", "#999933", "#44aa99", "#5c6773",
    ),
)  # fmt: skip
DARK = Look(
    ink="#e6e9ed",
    soft="#a7b0ba",
    line="#343b43",
    decoded="#f2803a",
    intended="#4aa3df",
    good="#35b894",
    series=(
        "#f2803a", "#4aa3df", "#35b894", "#d68fb5", "#7cc7ee",
        "#e0b040", "#d0759c", "#bdbd55", "#66c2b0", "#a7b0ba",
    ),
)  # fmt: skip


def plot(height: int, x: str = "", y: str = "", **more: Any) -> figure:
    """Axes with nothing in them, as wide as their place."""
    made = figure(
        height=height,
        sizing_mode="stretch_width",
        tools="",
        toolbar_location=None,
        background_fill_alpha=0,
        border_fill_alpha=0,
        outline_line_color=None,
        min_border_left=LEFT,
        min_border_right=8,
        min_border_top=4,
        min_border_bottom=4,
        **more,
    )
    for axis, label in ((made.xaxis[0], x), (made.yaxis[0], y)):
        axis.axis_label = label or None
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_font_size = axis.major_label_text_font_size = "11px"
        axis.axis_label_text_font = axis.major_label_text_font = FONT
        axis.minor_tick_line_color = None
        axis.major_tick_in = 0
        axis.axis_label_standoff = 4
    made.xgrid[0].visible = False
    return made


def hide_x(made: figure) -> None:
    """No numbers below: the figure under it has them."""
    made.xaxis[0].major_label_text_font_size = "0px"
    made.xaxis[0].major_tick_line_alpha = 0
    made.min_border_bottom = 2


def dress(made: figure, look: Look) -> None:
    """Axes and grid in these colours."""
    for axis in (*made.xaxis, *made.yaxis):
        axis.axis_label_text_color = axis.major_label_text_color = look.soft
        axis.axis_line_color = axis.major_tick_line_color = look.line
    for grid in made.grid:
        grid.grid_line_color = look.line


def span(start: float, end: float) -> Range1d:
    """A range that no mouse moves."""
    return Range1d(start=start, end=end)


def stretch(axis: Range, start: float, end: float) -> None:
    """Let it go from `start` to `end`; nothing is sent where it does already."""
    now = axis.properties_with_values()
    if (now["start"], now["end"]) != (start, end):
        axis.update(start=start, end=end)


def clocked(made: figure) -> None:
    """Times below it in minutes and seconds, and few of them."""
    axis = made.xaxis[0]
    axis.ticker = BasicTicker(base=60, mantissas=[1, 2, 5, 10, 15, 30], desired_num_ticks=4)
    axis.formatter = CustomJSTickFormatter(code=CLOCK)


def round_up(value: float) -> float:
    """The next of 1, 2, 5 times a power of ten, or of 1.5, 3, 7."""
    if not value > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.5, 2, 3, 5, 7, 10) if step * power >= value)
