"""The task as a process: a screen in real time, moved by commands from wherever they come.

Its ticks fall a little before those of the simulator: what it shows is then seen at once, its
labels are there before the bin that they belong to is complete, and a command has most of a tick to
come. The order of a tick: obey an order if there is one; move; let the task follow; show; label.
"""

import sys
from contextlib import ExitStack

import numpy as np

from eprop_rt.closed_loop.live import LiveSettings
from eprop_rt.config import Settings
from eprop_rt.series import StreamInfo
from eprop_rt_services.closed_loop.broadcast import Broadcast
from eprop_rt_services.closed_loop.inbox import Inbox
from eprop_rt_services.closed_loop.messages import Order, screen_info, screen_sample
from eprop_rt_services.closed_loop.screen import Screen
from eprop_rt_services.closed_loop.ticks import Ticks
from eprop_rt_services.lsl_link import LslOutlet, local_clock, marker_outlet
from eprop_rt_services.zmq_link import CommandSubscriber, Replier

BEFORE_THE_SIMULATOR_S = 0.003
LABELS, UNITS = ("vx", "vy"), ("cm/s", "cm/s")


class TaskServiceSettings(Settings):
    """Where commands and orders come from, where screens go, and what the streams are called.

    `commands` has an endpoint for each decoder; the first is listened to until an order names
    another.
    """

    name: str
    screen_id: str
    labels_id: str
    markers_id: str
    commands: tuple[str, ...]
    topic: str
    orders: str
    screens: str
    phase_s: float = 0.0
    loop: LiveSettings = LiveSettings()


class TaskService:
    """A screen and all that goes in and out of it."""

    def __init__(self, settings: TaskServiceSettings, opened: ExitStack) -> None:
        enter, name = opened.enter_context, settings.name
        tick_s = settings.loop.tick_s
        inbox = Inbox(
            *(
                enter(CommandSubscriber(endpoint, settings.topic, local_clock))
                for endpoint in settings.commands
            )
        )
        labels = StreamInfo(f"{name} labels, direct", 2, 1 / tick_s, LABELS, UNITS)
        self._inbox, self._screen = inbox, Screen(settings.loop, inbox)
        self._orders = enter(Replier(settings.orders))
        self._broadcast = enter(
            Broadcast(
                settings.screens, name, settings.loop.task.kind, settings.loop.cursor.half_width_cm
            )
        )
        self._picture = enter(
            LslOutlet(screen_info(name, 1 / tick_s), "Screen", settings.screen_id)
        )
        self._labels = enter(LslOutlet(labels, "Labels", settings.labels_id))
        self._markers = enter(marker_outlet(f"{name} markers", settings.markers_id))
        self._ticks = Ticks(tick_s, settings.phase_s - BEFORE_THE_SIMULATOR_S)

    def tick(self) -> None:
        """One tick, with the wait for it."""
        self._inbox.listen(self._ticks)
        now_s = self._ticks.wait()
        obey(self._orders, self._screen, self._inbox, self._broadcast.endpoint)
        for event in self._screen.step(now_s):
            self._markers.mark(now_s, event.value)
        stamp = np.array([now_s])
        self._picture.push(stamp, screen_sample(*self._screen.shown))
        self._labels.push(stamp, self._screen.label().astype(np.float32)[None])
        self._broadcast.show(self._screen, now_s)


def obey(orders: Replier, screen: Screen, inbox: Inbox, screens: str = "") -> None:
    """Take one order if it has come."""
    message = orders.poll()
    if message is None:
        return
    order = Order.model_validate_json(message)
    if order.listen_to is not None:
        inbox.listen_to(order.listen_to)
    if order.labels is not None:
        screen.teaches = order.labels
    if order.restart_seed is not None:
        screen.restart(order.restart_seed)
    orders.reply(screen.report(screens).model_dump_json().encode())


def run(settings: TaskServiceSettings) -> None:
    """Show until ended."""
    with ExitStack() as opened:
        service = TaskService(settings, opened)
        while True:
            service.tick()


if __name__ == "__main__":
    run(TaskServiceSettings.model_validate_json(sys.argv[1]))
