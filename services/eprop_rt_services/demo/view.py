"""What people see of a demonstration while it runs, and what they are told at its end."""

import time
from types import TracebackType
from typing import Self

from rich import box
from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from eprop_rt_services.closed_loop.messages import Report
from eprop_rt_services.closed_loop.score import Score, score
from eprop_rt_services.demo.field import draw_field
from eprop_rt_services.demo.figures import Figures
from eprop_rt_services.demo.stage import BAR, CONTROL, LEARNED, Moment

RECENT = 8  # trials
LINE_EVERY_S = 5.0
NAMES = LEARNED, BAR, CONTROL


class LiveView:
    """The fields side by side, drawn anew ten times a second; for a terminal."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def show(self, moment: Moment) -> None:
        """Draw one moment."""
        self._live.update(draw(moment), refresh=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()


class LinesView:
    """A line every few seconds; for a file or a pipe."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._phase = ""
        self._next_s = 0.0

    def show(self, moment: Moment) -> None:
        """Print a line when the phase is new or a few seconds have passed."""
        now_s = time.monotonic()
        if moment.phase != self._phase:
            self._phase, self._next_s = moment.phase, now_s
        if now_s < self._next_s:
            return
        while self._next_s <= now_s:  # a look that came late does not make two lines of one
            self._next_s += LINE_EVERY_S
        parts = [f"{moment.phase:<14}", f"{moment.left:>14}"]
        parts += [f"{name}: {told(report)}" for name, report in moment.reports.items()]
        self._console.print("  ".join(parts), highlight=False, soft_wrap=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""


def draw(moment: Moment) -> RenderableType:
    """The picture of one moment."""
    fields = [
        Panel(
            Group(draw_field(report), Text(told(report))),
            title=name,
            box=box.ROUNDED,
            padding=0,
            width=26,
        )
        for name in NAMES
        for report in [moment.reports.get(name)]
    ]
    learned = moment.reports.get(LEARNED)
    status = f"{moment.phase}  {moment.left}"
    if learned is not None:
        status += f"   {latency(learned)}"
    return Group(Columns(fields, padding=0), Text(status))


def told(report: Report | None) -> str:
    """The newest trials in a few words."""
    if report is None or not report.trials:
        return "no trial yet"
    recent = score(report.trials[-RECENT:])
    return f"{report.ended} trials {percent(recent)} {seconds(recent)}"


def latency(report: Report) -> str:
    """Sample to command, in milliseconds."""
    figures = [
        f"{name} {report.latency_ms[name]:.1f} ms"
        for name in ("p50", "p99", "max")
        if name in report.latency_ms
    ]
    return f"sample to command: {', '.join(figures)}" if figures else ""


def percent(result: Score) -> str:
    """A rate of success."""
    return f"{100 * result.success_rate:.0f} %"


def seconds(result: Score) -> str:
    """A time to target; a dash where nobody came there."""
    return "-" if result.time_to_target_s is None else f"{result.time_to_target_s:.2f} s"


def conclude(console: Console, figures: Figures) -> None:
    """The few lines at the end."""
    console.print(learning_story(figures), highlight=False)
    table = Table(
        "frozen decoder", "trials", "success", "time to target", "to that of rls", box=box.SIMPLE
    )
    for name, result in figures.frozen.items():
        table.add_row(
            name, str(result.trials), percent(result), seconds(result), ratio(figures, result)
        )
    console.print(table)
    ending = figures.ending
    console.print(latency(ending), highlight=False)
    console.print(
        f"{ending.bins} bins decoded, {ending.missed} missed; in over LSL, out over ZeroMQ",
        highlight=False,
    )


def learning_story(figures: Figures) -> str:
    """What was learned, and how fast."""
    wins = [trial for trial in figures.learning if trial.success]
    first = f"the first target after {wins[0].ended_s:.0f} s" if wins else "no target reached"
    return (
        f"e-prop learned from zero in {figures.learning_seconds:g} s of use: {first},\n"
        f"{len(wins)} of {len(figures.learning)} trials won while learning"
    )


def ratio(figures: Figures, result: Score) -> str:
    """A time to target over that of the bar."""
    bar_s = figures.frozen[BAR].time_to_target_s
    if result.time_to_target_s is None or bar_s is None:
        return "-"
    return f"{result.time_to_target_s / bar_s:.2f}"
