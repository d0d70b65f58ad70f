"""How long the stages of a bin took: their histograms."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from bokeh.models import (
    ColumnDataSource,
    CustomJSTickFormatter,
    FixedTicker,
    Range1d,
)
from bokeh.plotting import figure

from eprop_rt.series import F64
from eprop_rt_protocols.status import LatencyMs, Stage, range_edge_s
from eprop_rt_services.monitor.look import Look, dress, plot, span, stretch

STAGES: tuple[Stage, ...] = "transport", "binning", "decode", "publish", "total", "learn"
MARKS = "p50", "p99", "p999", "max"
FLOOR_MS = 1e-4
TALL, MIDDLE, MARKED = 0.85, 0.4, 0.12  # of a row: a histogram, its name, its marks


class Latencies:
    """A histogram of each stage on a logarithmic axis; marks at p50, p99, p99.9 and the largest.

    Bars are of the last minute, the outline and the marks of all since the daemon's start; each is
    as high as its row where it is most dense, in durations a doubling.
    """

    def __init__(self, height: int) -> None:
        self._bars = ColumnDataSource({name: [] for name in ("left", "right", "bottom", "top")})
        self._outline = ColumnDataSource({"x": [], "y": []})
        self._marks = ColumnDataSource({name: [] for name in ("y", *MARKS)})
        rows = dict(enumerate(reversed(STAGES)))
        self.root: figure = plot(
            height,
            "milliseconds",
            "",
            x_axis_type="log",
            x_range=Range1d(start=0.001, end=100),
            y_range=span(-0.1, len(STAGES)),
            name="latency",
        )
        self.root.ygrid[0].ticker = FixedTicker(ticks=list(rows))
        self.root.xgrid[0].visible = True
        across, down = self.root.xaxis[0], self.root.yaxis[0]
        across.ticker = FixedTicker(ticks=[10.0**power for power in range(-4, 6)])
        across.formatter = CustomJSTickFormatter(code="return `${+tick.toPrecision(3)}`")
        down.ticker = FixedTicker(ticks=[at + MIDDLE for at in rows])
        down.major_label_overrides = {at + MIDDLE: stage for at, stage in rows.items()}
        self._quads = self.root.quad(
            *("left", "right", "top", "bottom"), source=self._bars, line_color=None
        )
        self._lines = self.root.multi_line("x", "y", source=self._outline, line_width=1)
        given: dict[str, Any] = {"y": "y", "source": self._marks}
        self._middle = self.root.scatter(x="p50", size=6, line_width=0, **given)
        self._rare = [
            self.root.scatter(x=name, marker="dash", angle=math.pi / 2, size=size, **given)
            for name, size in (("p99", 14), ("p999", 9))
        ]
        self._most = self.root.scatter(x="max", marker="dot", size=10, **given)

    def dress(self, look: Look) -> None:
        """Take these colours."""
        dress(self.root, look)
        self._quads.glyph.fill_color, self._quads.glyph.fill_alpha = look.intended, 0.45
        self._lines.glyph.line_color = look.soft
        self._middle.glyph.fill_color = look.ink
        for each in (*self._rare, self._most):
            each.glyph.line_color = look.ink
        self._most.glyph.fill_color = look.ink

    def show(
        self, latency_ms: Mapping[Stage, LatencyMs], recent: Mapping[Stage, Sequence[int]]
    ) -> None:
        """Draw the stages that were measured; `recent` has their counts of the last minute."""
        told = {stage: latency_ms[stage] for stage in STAGES if stage in latency_ms}
        rows = {stage: len(STAGES) - 1 - at for at, stage in enumerate(STAGES)}
        shapes = [Shape.of(rows[stage], recent.get(stage, ())) for stage in told]
        self._bars.data = {
            "left": joined([shape.edges_ms[:-1] for shape in shapes]),
            "right": joined([shape.edges_ms[1:] for shape in shapes]),
            "bottom": joined([np.full(len(shape.tops), shape.row) for shape in shapes]),
            "top": joined([shape.tops for shape in shapes]),
        }
        outlines = [Shape.of(rows[stage], each.counts).outline() for stage, each in told.items()]
        self._outline.data = {
            "x": [x for x, _ in outlines],
            "y": [y for _, y in outlines],
        }
        self._marks.data = {"y": [rows[stage] + MARKED for stage in told]} | {
            name: [max(FLOOR_MS, getattr(each, name)) for each in told.values()] for name in MARKS
        }
        if told:
            self._fit(told.values())

    def _fit(self, told: Collection[LatencyMs]) -> None:
        """Whole decades, from below the shortest median to above the longest of all."""
        least = max(0.3 * min(each.p50 for each in told), FLOOR_MS)
        most = max(each.max for each in told)
        start = 10.0 ** math.floor(math.log10(least))
        end = 10.0 ** math.ceil(math.log10(max(most, 10 * start)))
        stretch(self.root.x_range, start, end)


@dataclass(frozen=True, slots=True)
class Shape:
    """A histogram in a row: edges (n + 1,) of its ranges, and how high each (n,) is."""

    row: int
    edges_ms: F64
    tops: F64

    @classmethod
    def of(cls, row: int, counts: Sequence[int]) -> "Shape":
        """Of the counts of a status, without the empty ranges before the first."""
        found = np.flatnonzero(counts)
        if not found.size:
            return cls(row, np.zeros(1), np.zeros(0))
        first, end = int(found[0]), int(found[-1]) + 1
        edges_ms = np.array([1e3 * range_edge_s(at) for at in range(first, end + 1)])
        edges_ms[0] = max(FLOOR_MS, edges_ms[0])
        density = np.array(counts[first:end]) / np.diff(np.log2(edges_ms))
        return cls(row, edges_ms, row + TALL * density / density.max())

    def outline(self) -> tuple[F64, F64]:
        """As steps, from the row's foot to the row's foot."""
        if not len(self.tops):
            return np.zeros(0), np.zeros(0)
        feet = np.full(1, float(self.row))
        return np.repeat(self.edges_ms, 2), np.concatenate([feet, np.repeat(self.tops, 2), feet])


def joined(parts: Sequence[F64]) -> F64:
    """One after the other."""
    return np.concatenate(parts) if parts else np.zeros(0)
