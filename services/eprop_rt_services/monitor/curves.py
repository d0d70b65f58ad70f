"""Curves: decoded against intended, success and time to target, weights, latency, data age."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from bokeh.models import (
    ColumnDataSource,
    CustomJSTickFormatter,
    FactorRange,
    FixedTicker,
    NumeralTickFormatter,
    Range1d,
    Span,
)
from bokeh.plotting import figure

from eprop_rt_protocols.screen import TrialResult
from eprop_rt_protocols.status import LatencyMs
from eprop_rt_services.monitor.look import Look, dress, hide_x, plot, span
from eprop_rt_services.monitor.seen import Bins, Norms

RECENT = 10  # trials
STAGES = "transport", "binning", "decode", "publish", "total", "learn"
BARS = 31
CLOCK = "00:00:00"


class Traces:
    """One output, decoded and intended, over the newest seconds."""

    def __init__(self, name: str, height: int, span_s: float, *, lowest: bool) -> None:
        self._source = ColumnDataSource({"t": [], "decoded": [], "intended": []})
        self._most = 1.0
        self.root: figure = plot(
            height,
            "seconds before now" if lowest else "",
            " ",
            x_range=span(-span_s, 0),
            y_range=span(-1, 1),
            name=name,
        )
        if not lowest:
            hide_x(self.root)
        given = {"source": self._source, "line_join": "round"}
        self._intended = self.root.line("t", "intended", line_width=2.5, line_alpha=0.8, **given)
        self._decoded = self.root.line("t", "decoded", line_width=1.5, **given)

    def dress(self, look: Look) -> None:
        """Take these colours."""
        dress(self.root, look)
        self._decoded.glyph.line_color = look.decoded
        self._intended.glyph.line_color = look.intended

    def show(self, bins: Bins, output: int, label: str) -> None:
        """Draw one output of the bins."""
        decoded, intended = bins.decoded[:, output], bins.labels[:, output]
        self._source.data = {
            "t": bins.at_s.astype(np.float32),
            "decoded": decoded,
            "intended": intended,
        }
        axis = self.root.yaxis[0]
        if axis.axis_label != label:
            axis.axis_label = label
        both = np.concatenate([decoded, intended])
        both = both[np.isfinite(both)]
        self._fit(float(np.abs(both).max()) if both.size else 1.0)

    def _fit(self, most: float) -> None:
        """Wider at once, narrower only when it would be by much: a quiet axis."""
        if most > self._most or most < 0.5 * self._most:
            self._most = round_up(1.05 * most)
            self.root.y_range.update(start=-self._most, end=self._most)


def round_up(value: float) -> float:
    """The next of 1, 2, 5 times a power of ten, or of 1.5, 3, 7."""
    if not value > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.5, 2, 3, 5, 7, 10) if step * power >= value)


class Trials:
    """Success and time to target, a line for each daemon, over the time since the first trial."""

    def __init__(self, height: int, names: Sequence[str]) -> None:
        self._names = names
        self._sources = [ColumnDataSource({"t": [], "rate": [], "taken": []}) for _ in names]
        self._dots = ColumnDataSource({"t": [], "taken": []})
        clock = span(0, 60)
        self.success: figure = plot(
            height, "", "success", x_range=clock, y_range=span(-0.04, 1.04), name="success"
        )
        hide_x(self.success)
        self.success.yaxis[0].ticker = FixedTicker(ticks=[0, 0.5, 1])
        self.success.yaxis[0].formatter = NumeralTickFormatter(format="0 %")
        self.taken: figure = plot(
            height, "", "seconds", x_range=clock, y_range=span(0, 3), name="taken"
        )
        self.taken.xaxis[0].formatter = NumeralTickFormatter(format=CLOCK)
        self._frozen = Span(location=0, dimension="height", line_dash="dotted", visible=False)
        self.success.add_layout(self._frozen)
        self._points = self.taken.scatter(
            "t", "taken", source=self._dots, size=4, alpha=0.45, line_width=0
        )
        self._lines = [
            (
                self.success.line("t", "rate", source=source, line_join="round"),
                self.taken.line("t", "taken", source=source, line_join="round"),
            )
            for source in self._sources
        ]

    def dress(self, look: Look, selected: int) -> None:
        """Take these colours; the line of the selected daemon is wider."""
        for made in (self.success, self.taken):
            dress(made, look)
        self._frozen.line_color = look.soft
        for index, (pair, name) in enumerate(zip(self._lines, self._names, strict=True)):
            colour = look.of(index, name)
            for line in pair:
                line.glyph.line_color = colour
                line.glyph.line_width = 3 if index == selected else 1.5
                line.glyph.line_alpha = 1.0 if index == selected else 0.75
        self._points.glyph.fill_color = look.of(selected, self._names[selected])

    def show(self, trials: Sequence[Sequence[TrialResult]], selected: int) -> None:
        """Draw the trials of every daemon."""
        ends = [each[0].ended_s for each in trials if each]
        if not ends:
            return
        from_s = min(ends)
        latest, most = 30.0, 1.0
        for source, each in zip(self._sources, trials, strict=True):
            at_s, rate, taken = rolling(each)
            source.data = {"t": at_s - from_s, "rate": rate, "taken": taken}
            if each:
                latest = max(latest, float(at_s[-1]) - from_s)
        chosen = [t for t in trials[selected] if t.time_to_target_s is not None]
        times = [t.time_to_target_s or 0.0 for t in chosen]
        self._dots.data = {"t": [t.ended_s - from_s for t in chosen], "taken": times}
        most = max([most, *times])
        self.success.x_range.update(start=0, end=latest)
        self.taken.y_range.end = round_up(most)
        self._mark(trials[selected], from_s)

    def _mark(self, trials: Sequence[TrialResult], from_s: float) -> None:
        """Where the selected daemon was frozen for good, so far."""
        frozen = [
            after.ended_s
            for before, after in itertools.pairwise(trials)
            if before.learning and not after.learning
        ]
        self._frozen.visible = bool(frozen)
        if frozen:
            self._frozen.location = frozen[-1] - from_s


def rolling(trials: Sequence[TrialResult]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ends (n,), share of successes and mean time to target of the `RECENT` trials up to each."""
    at_s = np.array([t.ended_s for t in trials])
    won = np.array([t.success for t in trials], float)
    taken = np.array([t.time_to_target_s or 0.0 for t in trials])
    sums = [np.concatenate([[0.0], np.cumsum(v)]) for v in (np.ones(len(won)), won, won * taken)]
    upto = np.arange(1, len(won) + 1)
    since = np.maximum(0, upto - RECENT)
    many, wins, seconds = (total[upto] - total[since] for total in sums)
    mean = np.divide(seconds, wins, out=np.full(len(won), np.nan), where=wins > 0)
    return at_s, wins / np.maximum(many, 1), mean


class Weights:
    """Norms of the groups of weights over time, and how the weights are spread now."""

    def __init__(self, height: int) -> None:
        self._source = ColumnDataSource({"t": [], "y": [], "colour": [], "name": []})
        self._bars = ColumnDataSource({"top": [], "left": [], "right": []})
        self._groups: list[str] = []
        self._colours: tuple[str, ...] = ()
        self.norms: figure = plot(height, "", "norm", name="norms", x_range=span(0, 60))
        self.norms.xaxis[0].formatter = NumeralTickFormatter(format=CLOCK)
        self.norms.y_range.only_visible = True
        self.norms.multi_line("t", "y", line_color="colour", source=self._source, line_width=2)
        self.spread: figure = plot(
            height, "", "", name="spread", x_range=span(-1, 1), y_range=span(0, 1)
        )
        self.spread.yaxis[0].visible = False
        self.spread.ygrid[0].visible = False
        self._quads = self.spread.quad(
            top="top", bottom=0, left="left", right="right", source=self._bars, line_color=None
        )

    def dress(self, look: Look) -> None:
        """Take these colours."""
        for made in (self.norms, self.spread):
            dress(made, look)
        self._quads.glyph.fill_color = look.soft
        self._colours = (look.intended, look.decoded, look.good, look.soft)

    def groups(self) -> dict[str, str]:
        """The groups that are drawn, and their colours."""
        return dict(zip(self._groups, self._colours, strict=False))

    def show(self, norms: Sequence[Norms], weights: np.ndarray) -> None:
        """Draw what was seen of them."""
        if not norms:
            self._groups = []
            self._source.data = {key: [] for key in self._source.data}
            self._bars.data = {key: [] for key in self._bars.data}
            return
        self._groups = list(norms[-1].values)[: len(self._colours)]
        every = 1 + len(norms) // 600
        kept = list(norms)[::-every][::-1]
        at_s = np.array([each.at_s for each in kept]) - norms[0].at_s
        self._source.data = {
            "t": [at_s] * len(self._groups),
            "y": [np.array([n.values.get(g, np.nan) for n in kept]) for g in self._groups],
            "colour": list(self._colours[: len(self._groups)]),
            "name": self._groups,
        }
        self.norms.x_range.update(start=0, end=max(30.0, float(at_s[-1])))
        self._spread(weights)

    def _spread(self, weights: np.ndarray) -> None:
        if not weights.size:
            return
        most = round_up(float(np.abs(weights).max()))
        counts, edges = np.histogram(weights, BARS, (-most, most))
        self._bars.data = {"top": counts / counts.max(), "left": edges[:-1], "right": edges[1:]}
        self.spread.x_range.update(start=-most, end=most)
        self.spread.y_range.end = 1.05


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
        self.root.min_border_left = 62
        self.root.xgrid[0].visible, self.root.ygrid[0].visible = True, False
        axis = self.root.xaxis[0]
        axis.ticker = FixedTicker(ticks=[1e-3, 1e-2, 1e-1, 1, 10, 100, 1000])
        axis.formatter = CustomJSTickFormatter(code="return `${+tick.toPrecision(3)}`")
        given = {"y": "stage", "source": self._source}
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

    def show(self, latency_ms: dict[str, LatencyMs]) -> None:
        """Draw the stages that were measured."""
        told = {stage: latency_ms[stage] for stage in STAGES if stage in latency_ms}
        floor = 1e-4
        self._source.data = {"stage": list(told)} | {
            name: [max(floor, getattr(each, name)) for each in told.values()]
            for name in ("p50", "p99", "p999", "max")
        }
        if told:
            least = min(each.p50 for each in told.values())
            most = max(each.max for each in told.values())
            start = 10.0 ** math.floor(math.log10(max(least, 2 * floor)))
            end = 10.0 ** math.ceil(math.log10(max(most, 10 * start)))
            self.root.x_range.update(start=start, end=end)


class Age:
    """How old the newest sample was, over the last minute."""

    def __init__(self, height: int) -> None:
        self._source = ColumnDataSource({"t": [], "age": []})
        self.root: figure = plot(
            height, "", "ms", x_range=span(-60, 0), y_range=span(0, 10), name="age"
        )
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
            if self.root.y_range.end != end:
                self.root.y_range.end = end
