"""How trials went over time, for all daemons."""

from collections.abc import Sequence

import numpy as np
from bokeh.models import BasicTicker, ColumnDataSource, FixedTicker, NumeralTickFormatter
from bokeh.models.annotations import Span
from bokeh.plotting import figure

from eprop_rt.series import F64
from eprop_rt_protocols.screen import TrialResult
from eprop_rt_services.monitor.look import (
    Look,
    clocked,
    dress,
    hide_x,
    plot,
    round_up,
    span,
    stretch,
)

RECENT = 10  # trials


class Trials:
    """Success and time to target, a line for each daemon, over the time since the first trial."""

    def __init__(self, height: int, daemons: int) -> None:
        self._sources = [
            ColumnDataSource({"t": [], "rate": [], "taken": []}) for _ in range(daemons)
        ]
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
        clocked(self.taken)
        self.taken.yaxis[0].ticker = BasicTicker(desired_num_ticks=4)
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

    def dress(self, look: Look, series: Sequence[str], selected: int) -> None:
        """Take these colours, one of a daemon; the line of the selected one is wider."""
        for made in (self.success, self.taken):
            dress(made, look)
        self._frozen.line_color = look.soft
        for index, (pair, colour) in enumerate(zip(self._lines, series, strict=True)):
            for line in pair:
                line.glyph.line_color = colour
                line.glyph.line_width = 3 if index == selected else 1.5
                line.glyph.line_alpha = 1.0 if index == selected else 0.75
        self._points.glyph.fill_color = series[selected]

    def show(self, trials: Sequence[Sequence[TrialResult]], selected: int) -> None:
        """Draw the trials of every daemon."""
        from_s = min((each[0].ended_s for each in trials if each), default=0.0)
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
        stretch(self.success.x_range, 0, latest)
        stretch(self.taken.y_range, 0, round_up(most))
        self._mark(trials[selected], from_s)

    def _mark(self, trials: Sequence[TrialResult], from_s: float) -> None:
        """Since when the selected daemon has been frozen, if it learned before."""
        learned = [at for at, trial in enumerate(trials) if trial.learning]
        self._frozen.visible = bool(learned) and learned[-1] < len(trials) - 1
        if self._frozen.visible:
            self._frozen.location = trials[learned[-1] + 1].ended_s - from_s


def rolling(trials: Sequence[TrialResult]) -> tuple[F64, F64, F64]:
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
