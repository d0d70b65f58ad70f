"""The course of a demonstration: start, learn from zero, freeze, probe, stop."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol

from pydantic import Field

from eprop_rt.closed_loop.live import LiveSettings
from eprop_rt.config import Positive, RlsSettings, Settings
from eprop_rt.errors import StreamError
from eprop_rt_protocols.status import Status
from eprop_rt_services.closed_loop.messages import Report
from eprop_rt_services.closed_loop.score import score
from eprop_rt_services.config import load_config
from eprop_rt_services.demo.figures import Figures
from eprop_rt_services.demo.link import Link
from eprop_rt_services.demo.seat import READY_S, Seat, SeatPlan
from eprop_rt_services.processes.children import Children
from eprop_rt_services.processes.company import company
from eprop_rt_services.processes.page import PageProcess

PRESET = "preset:demo"
LEARNED, BAR, CONTROL = "eprop", "rls", "untrained"
BAR_SETTINGS = RlsSettings(lags=5, forgetting=0.99995, ridge=1.0)
# The probes of a person draw other targets than their learning.
PROBE_SEED_OFFSET = 1_000_000
LOOK_S = 0.1
Count = Annotated[int, Field(ge=1)]


class DemoSettings(Settings):
    """How long, and who; an untrained cursor hardly moves, so it needs fewer trials to say so."""

    learning_s: Positive = 45.0
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    probe_trials: Count = 24
    control_trials: Count = 12


@dataclass(frozen=True, slots=True)
class Moment:
    """What there is to see now; seconds or trials left, whichever ends the phase."""

    phase: str
    left: str
    reports: dict[str, Report]


class View(Protocol):
    """Whatever shows the course to people."""

    def show(self, moment: Moment) -> None:
        """Show one moment; called about ten times a second."""


def run_demo(
    settings: DemoSettings, view: View, shown: Callable[[str], None] | None = None
) -> Figures:
    """Run it all; raises StreamError in one line where a process fails.

    `shown` gets the address of the page; without it there is none.
    """
    with company("eprop-rt-") as found, ExitStack() as closing:
        stage = Stage(settings, view, shown)
        stage.start(found.folder, found.children, closing)
        return stage.play()


class Stage:
    """Three seats and their course."""

    def __init__(
        self, settings: DemoSettings, view: View, shown: Callable[[str], None] | None
    ) -> None:
        self._settings = settings
        self._view, self._shown = view, shown
        self._links: dict[str, Link] = {}

    def start(self, folder: Path, children: Children, closing: ExitStack) -> None:
        """Start the seats, the first alone: what it compiles, the others find compiled.

        The page loads meanwhile, and is there before anything is measured.
        """
        config, tick_s = load_config(PRESET), LiveSettings().tick_s
        plans = (
            SeatPlan(LEARNED, config.decoder),
            SeatPlan(BAR, BAR_SETTINGS, phase_s=tick_s / 3),
            SeatPlan(CONTROL, config.decoder, learns=False, phase_s=2 * tick_s / 3),
        )
        every = [Seat(plan, config, folder, self._settings.seed) for plan in plans]
        page = closing.enter_context(PageProcess(folder))
        if self._shown is not None:
            page.start([seat.seen_at for seat in every])
        first, others = every[:1], every[1:]
        for seats in first, others:
            self._view.show(Moment(f"starting {', '.join(s.name for s in seats)}", "", {}))
            for seat in seats:
                seat.start(children)
            for seat in seats:
                link = seat.connect(children, closing)
                link.wait_until_frozen(READY_S)
                self._links[seat.name] = link
            if seats is first:  # it loads while the others start
                self._open(page)

    def _open(self, page: PageProcess) -> None:
        if self._shown is not None and (url := page.address()) is not None:
            self._shown(url)

    def play(self) -> Figures:
        """Learn, freeze, probe."""
        settings = self._settings
        probe_seed = settings.seed + PROBE_SEED_OFFSET
        learners = [self._links[name] for name in (LEARNED, BAR)]
        learned = {}
        for link in learners:
            link.restart(settings.seed)
            learned[link.name] = link.tell("thaw").updates
        self._links[CONTROL].restart(probe_seed)
        learning = self._learn()
        for link in learners:
            check_learned(link.name, link.tell("freeze"), learned[link.name])
            link.restart(probe_seed)
        probed = self._probe()
        wanted = self._wanted()
        return Figures(
            learning_seconds=settings.learning_s,
            learning=learning.trials,
            frozen={name: score(probed[name].trials[: wanted[name]]) for name in wanted},
            ending=probed[LEARNED],
        )

    def _wanted(self) -> dict[str, int]:
        trials = self._settings.probe_trials
        return {LEARNED: trials, BAR: trials, CONTROL: self._settings.control_trials}

    def _learn(self) -> Report:
        end = time.monotonic() + self._settings.learning_s
        while True:
            reports = self._reports()
            left_s = end - time.monotonic()
            if left_s <= 0:
                return reports[LEARNED]
            self._view.show(Moment("learning", f"{left_s:.0f} s left", reports))
            time.sleep(min(LOOK_S, left_s))

    def _probe(self) -> dict[str, Report]:
        """Watch until every decoder has had its trials; the last reports."""
        wanted = self._wanted()
        while True:
            reports = self._reports()
            missing = max(wanted[name] - reports[name].ended for name in wanted)
            if missing <= 0:
                return reports
            self._view.show(Moment("frozen probes", f"{missing} trials left", reports))
            time.sleep(LOOK_S)

    def _reports(self) -> dict[str, Report]:
        return {name: link.report() for name, link in self._links.items()}


def check_learned(name: str, status: Status, before: int) -> None:
    """Raise StreamError where a daemon has learned from no bin since it had from `before`.

    Its probes would show a decoder that never was asked to learn.
    """
    if status.updates == before:
        guard = status.guard
        raise StreamError(
            f"the {name} daemon learned from none of its {status.bins} bins, its guard is at "
            f"{guard.rung} ({guard.cause or 'no cause'}): this is a fault of ours, please report it"
        )
