"""What a task shows, tick by tick: a target, and a cursor that obeys commands."""

from collections import deque

import numpy as np

from eprop_rt.closed_loop.cursor import Cursor
from eprop_rt.closed_loop.session import LoopSettings
from eprop_rt.closed_loop.task import CentreOut, Event, TaskState
from eprop_rt.series import F64
from eprop_rt_protocols.screen import MAX_RECENT_TRIALS, TrialResult
from eprop_rt_services.closed_loop.inbox import Inbox
from eprop_rt_services.closed_loop.messages import Report, TrialReport, point

KEPT_TRIALS = 5000  # in a report, which must fit into a message


class Screen:
    """Dark until the first order: nothing is asked for, nothing moves, labels are NaN."""

    def __init__(self, loop: LoopSettings, inbox: Inbox) -> None:
        self._tick_s = loop.timing.tick_s
        self._task = CentreOut(loop.task, 0)
        self._cursor = Cursor(loop.cursor)
        self._inbox = inbox
        self._lit = False
        self.teaches = True
        self._begin()

    def _begin(self) -> None:
        self._trials: deque[TrialReport] = deque(maxlen=KEPT_TRIALS)
        self._recent: deque[TrialResult] = deque(maxlen=MAX_RECENT_TRIALS)
        self.ended, self.successes = 0, 0
        self._elapsed_s = 0.0

    def restart(self, seed: int) -> None:
        """Begin a series of trials, with the cursor at the centre."""
        if not self._lit:
            self._inbox.begin()
        self._lit = True
        self._task.restart(seed)
        self._cursor.put(np.zeros(2))
        self._begin()

    def step(self, now_s: float) -> tuple[Event, ...]:
        """Let one tick pass, which ends now; return what it brought."""
        if not self._lit:
            return ()
        self._elapsed_s += self._tick_s
        position = self._cursor.step(self._inbox.velocity(now_s), self._tick_s)
        events = self._task.step(position, self._tick_s).events
        if Event.RECENTRE in events:
            self._cursor.put(np.zeros(2))
        if Event.SUCCESS in events or Event.FAILURE in events:
            self._note_trial(now_s)
        return events

    def _note_trial(self, now_s: float) -> None:
        trial = self._task.trials[-1]
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

    @property
    def shown(self) -> tuple[F64, TaskState]:
        """The cursor (2,) and the state of the task."""
        return self._cursor.position, self._task.state

    @property
    def recent(self) -> tuple[TrialResult, ...]:
        """The newest trials, as a page shows them."""
        return tuple(self._recent)

    def label(self) -> F64:
        """Return the velocity (2,) that is taken to be intended now; NaN where unknown."""
        if not (self._lit and self.teaches):
            return np.full(2, np.nan)
        cursor, state = self.shown
        return self._task.label(cursor, state.target)

    def report(self, screens: str = "") -> Report:
        """Say how things stand."""
        cursor, state = self.shown
        return Report(
            cursor=point(cursor),
            target=None if np.isnan(state.target[0]) else point(state.target),
            radius_cm=state.radius_cm,
            phase=state.phase,
            trials=tuple(self._trials),
            latency_ms=self._inbox.latency_ms(),
            bins=self._inbox.bins,
            missed=self._inbox.missed,
            screens=screens,
        )
