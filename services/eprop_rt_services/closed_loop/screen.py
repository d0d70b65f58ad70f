"""What a task shows, tick by tick: a target, and a cursor that obeys commands."""

from collections import deque

import numpy as np

from eprop_rt.closed_loop.live import LiveSettings
from eprop_rt.closed_loop.task import Event, Phase, TaskState, Trial
from eprop_rt.closed_loop.workspace import Workspace
from eprop_rt.series import F64
from eprop_rt_protocols.screen import MAX_RECENT_TRIALS, TrialResult
from eprop_rt_services.closed_loop.inbox import Inbox
from eprop_rt_services.closed_loop.messages import Report, TrialReport, point

KEPT_TRIALS = 5000  # in a report, which must fit into a message
DARK = TaskState(np.full(2, np.nan), 0.0, Phase.PAUSE, 0)


class Screen:
    """Dark until the first order: nothing is asked for, nothing moves, labels are NaN."""

    def __init__(self, loop: LiveSettings, inbox: Inbox) -> None:
        self._tick_s = loop.tick_s
        self._workspace = Workspace(loop)
        self._inbox = inbox
        self._lit = False
        self.teaches = True
        self._begin()

    def _begin(self) -> None:
        self._trials: deque[TrialReport] = deque(maxlen=KEPT_TRIALS)
        self._recent: deque[TrialResult] = deque(maxlen=MAX_RECENT_TRIALS)
        self.ended, self.successes, self._times_s = 0, 0, 0.0
        self._elapsed_s = 0.0

    def restart(self, seed: int) -> None:
        """Begin a series of trials, with the cursor at the centre."""
        if not self._lit:
            self._inbox.begin()
        self._lit = True
        self._workspace.restart(seed)
        self._begin()

    def step(self, now_s: float) -> tuple[Event, ...]:
        """Let one tick pass, which ends now; return what it brought."""
        if not self._lit:
            return ()
        self._elapsed_s += self._tick_s
        events = self._workspace.step(self._inbox.velocity(now_s)).events
        for trial in self._workspace.trials(self.ended):
            self._note_trial(trial, now_s)
        return events

    def _note_trial(self, trial: Trial, now_s: float) -> None:
        taken_s = trial.time_to_target_s if trial.success else None
        self._trials.append(
            TrialReport(success=trial.success, time_to_target_s=taken_s, ended_s=self._elapsed_s)
        )
        self._recent.append(
            TrialResult(
                sequence=self.ended,
                success=trial.success,
                time_to_target_s=taken_s,
                ended_s=now_s,
                learning=self._inbox.learning and self.teaches,
            )
        )
        self.ended += 1
        self.successes += trial.success
        self._times_s += taken_s or 0.0

    @property
    def shown(self) -> tuple[F64, TaskState]:
        """The cursor (2,) and the state of the task."""
        return self._workspace.position, self._workspace.state if self._lit else DARK

    @property
    def recent(self) -> tuple[TrialResult, ...]:
        """The newest trials, as a page shows them."""
        return tuple(self._recent)

    def label(self) -> F64:
        """Return the velocity (2,) that is taken to be intended now; NaN where unknown."""
        if not (self._lit and self.teaches):
            return np.full(2, np.nan)
        return self._workspace.label()

    def report(self, screens: str = "") -> Report:
        """Say how things stand."""
        cursor, state = self.shown
        return Report(
            cursor=point(cursor),
            target=None if np.isnan(state.target[0]) else point(state.target),
            radius_cm=state.radius_cm,
            phase=state.phase,
            trials=tuple(self._trials),
            ended=self.ended,
            successes=self.successes,
            mean_time_s=self._times_s / self.successes if self.successes else None,
            latency_ms=self._inbox.latency_ms(),
            bins=self._inbox.bins,
            missed=self._inbox.missed,
            screens=screens,
        )
