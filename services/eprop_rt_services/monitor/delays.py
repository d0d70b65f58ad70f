"""How long the stages of a bin took, and how old the newest sample was."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from bokeh.models import (
    BasicTicker,
    ColumnDataSource,
    CustomJSTickFormatter,
    FactorRange,
    FixedTicker,
    Range1d,
)
from bokeh.plotting import figure

from eprop_rt_protocols.status import LatencyMs, Stage
from eprop_rt_services.monitor.look import Look, dress, plot, round_up, span, stretch

STAGES: tuple[Stage, ...] = "transport", "binning", "decode", "publish", "total", "learn"
FLOOR_MS = 1e-4


class Latencies:
    """Percentiles of each stage, on a logarithmic axis: a bar from p50 to p99, a mark at p99.9."""

    def __init__(self, height: int) -> None:
        names = "stage", "p50", "p99", "p999", "max"
        self._source = ColumnDataSource({name: [] for name in names})
        self.root: figure = plot(
            height,
            "milliseconds",
            "",
            x_axis_type="log",
            x_range=Range1d(start=0.001, end=100),
            y_range=FactorRange(factors=list(reversed(STAGES))),
            name="latency",
        )
        self.root.xgrid[0].visible, self.root.ygrid[0].visible = True, False
        axis = self.root.xaxis[0]
        axis.ticker = FixedTicker(ticks=[1e-3, 1e-2, 1e-1, 1, 10, 100, 1000])
        axis.formatter = CustomJSTickFormatter(code="return `${+tick.toPrecision(3)}`")
        given: dict[str, Any] = {"y": "stage", "source": self._source}
        self._bars = self.root.hbar(left="p50", right="p99", height=0.5, line_color=None, **given)
        self._middle = self.root.scatter(x="p50", size=8, line_width=0, **given)
        self._rare = self.root.scatter(x="p999", marker="dash", angle=math.pi / 2, size=12, **given)
        self._most = self.root.scatter(x="max", marker="dot", size=10, **given)

    def dress(self, look: Look) -> None:
        """Take these colours."""
        dress(self.root, look)
        self._bars.glyph.fill_color, self._bars.glyph.fill_alpha = look.intended, 0.45
        self._middle.glyph.fill_color = look.intended
        self._rare.glyph.line_color = self._most.glyph.line_color = look.soft
        self._most.glyph.fill_color = look.soft

    def show(self, latency_ms: Mapping[Stage, LatencyMs]) -> None:
        """Draw the stages that were measured."""
        told = {stage: latency_ms[stage] for stage in STAGES if stage in latency_ms}
        self._source.data = {"stage": list(told)} | {
            name: [max(FLOOR_MS, getattr(each, name)) for each in told.values()]
            for name in ("p50", "p99", "p999", "max")
        }
        if told:
            least = min(each.p50 for each in told.values())
            most = max(each.max for each in told.values())
            start = 10.0 ** math.floor(math.log10(max(least, 2 * FLOOR_MS)))
            end = 10.0 ** math.ceil(math.log10(max(most, 10 * start)))
            stretch(self.root.x_range, start, end)


class Age:
    """How old the newest sample was, over the last minute."""

    def __init__(self, height: int) -> None:
        self._source = ColumnDataSource({"t": [], "age": []})
        self.root: figure = plot(
            height, "", "ms", x_range=span(-60, 0), y_range=span(0, 10), name="age"
        )
        self.root.yaxis[0].ticker = BasicTicker(desired_num_ticks=3)
        self.root.xaxis[0].ticker = FixedTicker(ticks=[-60, -40, -20, 0])
        self._line = self.root.step("t", "age", source=self._source, line_width=1.5, mode="after")

    def dress(self, look: Look) -> None:
        """Take these colours."""
        dress(self.root, look)
        self._line.glyph.line_color = look.intended

    def show(self, ages: Sequence[tuple[float, float]], now_s: float) -> None:
        """Draw times of the monotonic clock, and ages in seconds."""
        kept = np.array([each for each in ages if each[0] > now_s - 60]).reshape(-1, 2)
        self._source.data = {"t": kept[:, 0] - now_s, "age": 1e3 * kept[:, 1]}
        if len(kept):
            end = round_up(1.1 * 1e3 * float(kept[:, 1].max()))
            stretch(self.root.y_range, 0, end)
