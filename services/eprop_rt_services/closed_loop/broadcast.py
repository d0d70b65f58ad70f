"""What a task shows, published for whoever wants to draw it."""

from contextlib import ExitStack
from typing import Self

from eprop_rt_protocols import screen as wire
from eprop_rt_protocols.strictness import VERSION
from eprop_rt_services.closed_loop.screen import Screen
from eprop_rt_services.zmq_link import FrameSender

EVERY_S = 0.03
CLOCK = "lsl_local_clock"


class Broadcast:
    """About 30 screens a second at an endpoint; who does not keep up loses some."""

    def __init__(self, endpoint: str, name: str, task: str, half_width_cm: float) -> None:
        self._closing = ExitStack()
        self._sender = self._closing.enter_context(FrameSender(endpoint))
        self.endpoint = self._sender.endpoint
        self._name, self._task, self._half_width_cm = name, task, half_width_cm
        self._sequence = 0
        self._next_s = 0.0

    def show(self, screen: Screen, now_s: float) -> None:
        """Publish the screen as it is, if it is time to."""
        if now_s < self._next_s:
            return
        self._next_s = now_s + EVERY_S - 1e-6
        self._sender.send(wire.encode_screen(self._drawn(screen, now_s)))
        self._sequence += 1

    def _drawn(self, screen: Screen, now_s: float) -> wire.Screen:
        cursor, state = screen.shown
        x, y = state.target.tolist()
        shown = state.radius_cm > 0
        aims = [wire.Target(x=x, y=y, radius=state.radius_cm, state="aim")] if shown else []
        recent = screen.recent
        times = [t.time_to_target_s for t in recent if t.time_to_target_s is not None]
        return wire.Screen(
            version=VERSION,
            sequence=self._sequence,
            stamp_s=now_s,
            clock=CLOCK,
            name=self._name,
            task=self._task,
            cursor=(float(cursor[0]), float(cursor[1])),
            targets=tuple(aims),
            bounds=self._half_width_cm,
            phase=state.phase,
            trial=screen.ended,
            successes=screen.successes,
            failures=screen.ended - screen.successes,
            newest_time_s=times[-1] if times else None,
            recent=recent,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()
