"""The screen: a task and a cursor that obeys commands, in real time.

Its ticks fall a little before those of the brain: what it shows is then seen at once, its labels
are there before the bin that they belong to is complete, and a command has most of a tick to come.
The order of a tick: obey an order if there is one; move; let the task follow; show; label.
"""

import sys
import time

import numpy as np

from eprop_rt.closed_loop.cursor import Cursor
from eprop_rt.closed_loop.session import LoopSettings
from eprop_rt.closed_loop.task import CentreOut, Event, TaskState
from eprop_rt.config import Settings
from eprop_rt.series import F64, StreamInfo
from eprop_rt_protocols.command import Command
from eprop_rt_services.demo.messages import (
    Order,
    Report,
    TrialReport,
    point,
    screen_info,
    screen_sample,
)
from eprop_rt_services.demo.ticks import Ticks
from eprop_rt_services.latency import LatencyHistogram
from eprop_rt_services.lsl_link import LslOutlet, local_clock
from eprop_rt_services.zmq_link import CommandSubscriber, Replier

BEFORE_THE_BRAIN_S = 0.003
# ZeroMQ waits in whole milliseconds; what is left of a tick after that is slept.
COARSE_S = 0.001


class ScreenSettings(Settings):
    """Where commands and orders come from, and what the streams are called."""

    seat: str
    screen_id: str
    labels_id: str
    commands: str
    topic: str
    orders: str
    phase_s: float
    loop: LoopSettings = LoopSettings()


class Inbox:
    """Commands as they come: the one that holds now, how long they took, how many were missed."""

    def __init__(self, subscriber: CommandSubscriber) -> None:
        self._subscriber = subscriber
        self._newest: Command | None = None
        self.begin()

    def begin(self) -> None:
        """Count from here."""
        self._first: int | None = None
        self._came = 0
        self._latency = LatencyHistogram()

    def listen(self, ticks: Ticks) -> None:
        """Take commands until shortly before the next tick, and whatever is there then."""
        while ticks.left_s() > COARSE_S:
            self._take(self._subscriber.poll(ticks.left_s() - COARSE_S))
        time.sleep(max(0.0, ticks.left_s()))
        while self._take(self._subscriber.poll(0.0)):
            pass

    def velocity(self, now_s: float) -> F64:
        """Return the commanded velocity (2,) in cm/s; zero once the command is past its time."""
        newest = self._newest
        if newest is None or newest.header.deadline_s < now_s:
            return np.zeros(2)
        return newest.values.astype(np.float64)

    def _take(self, command: Command | None) -> bool:
        if command is None:
            return False
        self._latency.add(local_clock() - command.header.stamps.origin_s)
        if self._first is None:
            self._first = command.header.sequence
        self._newest = command
        self._came += 1
        return True

    @property
    def bins(self) -> int:
        """How many commands were sent, as their sequence numbers tell."""
        if self._newest is None or self._first is None:
            return 0
        return self._newest.header.sequence - self._first + 1

    @property
    def missed(self) -> int:
        """How many of them did not come in time."""
        return self.bins - self._came

    def latency_ms(self) -> dict[str, float]:
        """Stamp of the newest sample to receipt of the command, in percentiles."""
        return self._latency.summary_ms()


class Screen:
    """Dark until the first order: nothing is asked for, nothing moves, labels are NaN."""

    def __init__(self, loop: LoopSettings, inbox: Inbox) -> None:
        self._tick_s = loop.timing.tick_s
        self._task = CentreOut(loop.task, 0)
        self._cursor = Cursor(loop.cursor)
        self._inbox = inbox
        self._lit = False
        self._trials: list[TrialReport] = []
        self._elapsed_s = 0.0

    def restart(self, seed: int) -> None:
        """Begin a series of trials, with the cursor at the centre."""
        if not self._lit:
            self._inbox.begin()
        self._lit = True
        self._task.restart(seed)
        self._cursor.put(np.zeros(2))
        self._trials, self._elapsed_s = [], 0.0

    def step(self, now_s: float) -> None:
        """Let one tick pass, which ends now."""
        if not self._lit:
            return
        self._elapsed_s += self._tick_s
        position = self._cursor.step(self._inbox.velocity(now_s), self._tick_s)
        events = self._task.step(position, self._tick_s).events
        if Event.RECENTRE in events:
            self._cursor.put(np.zeros(2))
        if Event.SUCCESS in events or Event.FAILURE in events:
            self._note_trial()

    def _note_trial(self) -> None:
        trial = self._task.trials[-1]
        taken_s = trial.time_to_target_s if trial.success else None
        self._trials.append(
            TrialReport(success=trial.success, time_to_target_s=taken_s, ended_s=self._elapsed_s)
        )

    @property
    def shown(self) -> tuple[F64, TaskState]:
        """The cursor (2,) and the state of the task."""
        return self._cursor.position, self._task.state

    def label(self) -> F64:
        """Return the velocity (2,) that is taken to be intended now; NaN where unknown."""
        cursor, state = self.shown
        return self._task.label(cursor, state.target) if self._lit else np.full(2, np.nan)

    def report(self) -> Report:
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
        )


def obey(orders: Replier, screen: Screen) -> None:
    """Take one order if it has come."""
    message = orders.poll()
    if message is None:
        return
    order = Order.model_validate_json(message)
    if order.restart_seed is not None:
        screen.restart(order.restart_seed)
    orders.reply(screen.report().model_dump_json().encode())


def run(settings: ScreenSettings) -> None:
    """Show until ended."""
    tick_s = settings.loop.timing.tick_s
    info = screen_info(settings.seat, 1 / tick_s)
    label_info = StreamInfo(
        f"{settings.seat} labels, direct", 2, 1 / tick_s, ("vx", "vy"), ("cm/s", "cm/s")
    )
    with (
        CommandSubscriber(settings.commands, settings.topic, local_clock) as subscriber,
        Replier(settings.orders) as orders,
        LslOutlet(info, "Screen", settings.screen_id) as picture,
        LslOutlet(label_info, "Labels", settings.labels_id) as labels,
    ):
        inbox = Inbox(subscriber)
        screen = Screen(settings.loop, inbox)
        ticks = Ticks(tick_s, settings.phase_s - BEFORE_THE_BRAIN_S)
        while True:
            inbox.listen(ticks)
            now_s = ticks.wait()
            obey(orders, screen)
            screen.step(now_s)
            stamp = np.array([now_s])
            picture.push(stamp, screen_sample(*screen.shown))
            labels.push(stamp, screen.label().astype(np.float32)[None])


if __name__ == "__main__":
    run(ScreenSettings.model_validate_json(sys.argv[1]))
