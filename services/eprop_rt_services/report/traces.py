"""True against decoded traces: the whole last 20 %, to move about in."""

import numpy as np
from bokeh.models import Column, ColumnDataSource, DataRange1d, Range1d, RangeTool
from bokeh.plotting import figure

from eprop_rt.series import F64
from eprop_rt_services.replay.contestant import Replayed
from eprop_rt_services.report.blocks import Block, Switch
from eprop_rt_services.report.chapter import Chapter
from eprop_rt_services.report.drawing import (
    COLOURS,
    DASHED,
    INK,
    SOFT,
    narrow,
    plot,
    stacked,
    switch,
)

SHOWN_S = 20.0  # at first
BYTES = 5.4  # of the page, a number


def traces(chapter: Chapter, key: str, budget: float) -> Block:
    """`budget` is in bytes of the page."""
    title = "True and decoded traces, last 20 %"
    results, axes = chapter.results, chapter.axes
    rows = slice(int(0.8 * len(results[0].index)), None)
    true, minutes = chapter.true[rows], chapter.minutes[rows]
    if not np.isfinite(true).any():
        return Block(key, title, ("There is not one label in the last 20 %.",))
    every = bins_a_pair(len(true), budget / (BYTES * (1 + len(axes) * (1 + len(results)))))
    time_s, _ = decimated(minutes * 60, np.zeros((len(minutes), 0)), every, chapter.bins.bin_s)
    series = {"true": true} | {one.decoder: one.predicted[rows] for one in results}
    thinned = {
        name: decimated(minutes * 60, values, every, chapter.bins.bin_s)[1]
        for name, values in series.items()
    }
    return Block(
        key,
        title,
        words(every, chapter),
        drawn(key, axes, time_s, thinned),
        (Switch("true", "true", INK, False), *switches(results)),
    )


def words(every: int, chapter: Chapter) -> tuple[str, ...]:
    """What one sees."""
    shape = "every bin"
    if every > 1:
        shape = f"{every} bins are drawn as two points, their smallest and their largest value"
    return (
        f"Nothing is picked: these are all of the last 20 %, {shape}. It opens on its last "
        f"{SHOWN_S:.0f} s; drag or stretch the box in the strip at the bottom, or draw a new one "
        "there, to see the rest.",
    )


def switches(results: list[Replayed]) -> list[Switch]:
    """The configured decoder and the best of the others are on."""
    beside = [(float(one.score.r2_last20.mean()), one.decoder) for one in results[1:]]
    best = max((pair for pair in beside if not np.isnan(pair[0])), default=(0.0, ""))[1]
    on = {results[0].decoder, best}
    return [switch(one.decoder, on=one.decoder in on) for one in results]


def drawn(key: str, axes: list[str], time_s: F64, series: dict[str, F64]) -> Column:
    """A panel an axis, and the strip."""
    end = float(time_s[-1])
    source = ColumnDataSource({"t": narrow(time_s)})
    for name, values in series.items():
        for k in range(len(axes)):
            source.add(narrow(values[:, k]), f"{name} {k}")
    shown = Range1d(start=max(float(time_s[0]), end - SHOWN_S), end=end)
    panels = []
    for k, axis in enumerate(axes):
        panel = plot(190 if len(axes) < 4 else 130, "", axis, x_range=shown)
        panel.y_range = DataRange1d(only_visible=True)  # a wild decoder hides no other
        for name in series:
            draw(panel, source, f"{key}:{name}", (name, k))
        panels.append(panel)
    panels[0].toolbar_location = "above"
    strip = plot(80, "seconds into the session", "")
    strip.x_range = Range1d(start=float(time_s[0]), end=end)
    strip.line("t", "true 0", source=source, color=SOFT, line_width=0.7)
    strip.yaxis[0].visible = False
    strip.ygrid[0].visible = False
    strip.toolbar_location = None
    tool = RangeTool(x_range=shown, start_gesture="pan")
    tool.overlay.fill_color, tool.overlay.fill_alpha = COLOURS["rls"], 0.15
    strip.toolbar.tools = [tool]
    strip.toolbar.active_drag = "auto"
    for panel in panels[1:]:
        panel.toolbar_location = None
    upper = stacked(panels)
    panels[-1].xaxis[0].major_label_text_font_size = "12px"
    upper.children.append(strip)  # not stacked: it keeps its own range
    return upper


def draw(panel: figure, source: ColumnDataSource, name: str, what: tuple[str, int]) -> None:
    """One series; a truth with few labels is dots."""
    series, k = what
    column = f"{series} {k}"
    values = source.data[column]
    finite = np.isfinite(values)
    alone = finite[1:-1] & ~finite[:-2] & ~finite[2:]
    if 2 * alone.sum() > finite.sum():
        panel.scatter("t", column, source=source, color=INK, size=5, name=name)
        return
    panel.line(
        "t",
        column,
        source=source,
        color=INK if series == "true" else COLOURS.get(series, SOFT),
        line_width=2 if series == "true" else 1.5,
        line_alpha=0.9,
        line_dash="dashed" if series in DASHED else "solid",
        name=name,
    )


def bins_a_pair(bins: int, points: float) -> int:
    """How many bins two points must stand for, so that there are no more than `points`."""
    return 1 if bins <= points else int(np.ceil(2 * bins / max(points, 2)))


def decimated(time_s: F64, values: F64, every: int, bin_s: float) -> tuple[F64, F64]:
    """Times (p,) and values (p, columns): of each `every` bins the extremes, in their order.

    A gap in the recording stays one: there a NaN ends the line.
    """
    if every == 1:
        gaps = np.flatnonzero(np.diff(time_s) > 1.5 * bin_s) + 1
        return np.insert(time_s, gaps, time_s[gaps - 1]), np.insert(values, gaps, np.nan, axis=0)
    pairs = len(time_s) // every
    cut = time_s[: pairs * every].reshape(pairs, every)
    blocks = values[: pairs * every].reshape(pairs, every, values.shape[1])
    low = np.where(np.isnan(blocks), np.inf, blocks)
    high = np.where(np.isnan(blocks), -np.inf, blocks)
    rising = low.argmin(axis=1) <= high.argmax(axis=1)
    low, high = low.min(axis=1), high.max(axis=1)
    found = np.stack([np.where(rising, low, high), np.where(rising, high, low)], axis=1)
    found[~np.isfinite(found)] = np.nan
    found[cut[:, -1] - cut[:, 0] > 1.5 * every * bin_s] = np.nan
    at = np.stack([cut[:, every // 4], cut[:, (3 * every) // 4]], axis=1)
    return at.reshape(-1), found.reshape(2 * pairs, values.shape[1])
