"""Threads that follow one daemon: its status, its views, the screen of its task, and orders."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Literal, Self

from eprop_rt.errors import EpropError, StreamError
from eprop_rt_protocols.control import Verb
from eprop_rt_protocols.errors import RemoteProtocolError
from eprop_rt_protocols.screen import SCREEN_TOPIC, decode_screen
from eprop_rt_protocols.view import VIEW_TOPIC, decode_view
from eprop_rt_services.monitor.seen import Seen
from eprop_rt_services.monitor.target import Target
from eprop_rt_services.zmq_link import ControlClient, FrameReader

ASK_EVERY_S = 1.0
ANSWER_S, DISK_S = 2.0, 30.0
WRITING: tuple[Verb, ...] = ("checkpoint", "stop")  # answered when what was learned is written
PATIENCE_S = 0.25

Phase = Literal["asked", "done", "refused", "unanswered"]


@dataclass(frozen=True, slots=True)
class Given:
    """An order that was given: what became of it, and why not; `number` grows with each.

    `pid` is the process that did it, as far as is known.
    """

    verb: Verb
    number: int
    at_s: float
    phase: Phase = "asked"
    why: str = ""
    pid: int | None = None


class Follower:
    """Follows one daemon until it is closed, whether that is there, gone or comes back."""

    def __init__(self, target: Target) -> None:
        """Raises ConfigError where an endpoint is none."""
        self.target, self.seen = target, Seen()
        self.given: dict[Verb, Given] = {}
        self.malformed = 0
        self._count = 0
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        with ExitStack() as undo:
            client = undo.enter_context(ControlClient(target.control, target.keys))
            self._start(lambda: self._ask(client), "status")
            if target.views is not None:
                views = undo.enter_context(
                    FrameReader(target.views, VIEW_TOPIC.decode(), target.keys)
                )
                self._start(lambda: self._read(views, self._take_view), "views")
            if target.screen is not None:
                screens = undo.enter_context(FrameReader(target.screen, SCREEN_TOPIC.decode()))
                self._start(lambda: self._read(screens, self._take_screen), "screen")
            self._closing = undo.pop_all()

    def order(self, verb: Verb) -> None:
        """Give an order, in a thread and on a socket of its own: nothing goes before a stop."""
        self._count += 1
        given = Given(verb, self._count, time.monotonic())
        self.given[verb] = given
        threading.Thread(target=self._order, args=(given,), name=verb, daemon=True).start()

    def end(self) -> None:
        """Ask and read no more; `close` waits until that is so."""
        self._ended.set()

    def close(self) -> None:
        """Let go of it."""
        self.end()
        for thread in self._threads:
            thread.join()
        self._closing.close()

    def _start(self, run: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=run, name=f"{self.target.name} {name}", daemon=True)
        thread.start()
        self._threads.append(thread)

    def _order(self, given: Given) -> None:
        try:
            with ControlClient(self.target.control, self.target.keys) as client:
                reply = client.ask(given.verb, DISK_S if given.verb in WRITING else ANSWER_S)
        except EpropError as error:
            self._became(replace(given, phase="unanswered", why=str(error)))
            return
        if reply.status is not None:
            self.seen.take_status(reply.status)
        newest = self.seen.status  # a stop may be answered without one
        pid = None if newest is None else newest.pid
        phase: Phase = "done" if reply.ok else "refused"
        self._became(replace(given, phase=phase, why=reply.error or "", pid=pid))

    def _became(self, given: Given) -> None:
        if self.given[given.verb].number == given.number:  # else it was given again meanwhile
            self.given[given.verb] = given

    def _ask(self, client: ControlClient) -> None:
        while not self._ended.is_set():
            begun_s = time.monotonic()
            try:
                reply = client.ask("status", ASK_EVERY_S)
            except StreamError as error:
                self.seen.take_silence(str(error))
            else:
                if reply.status is not None:
                    self.seen.take_status(reply.status)
                else:
                    self.seen.take_silence(reply.error or "it answers without a status")
            self._ended.wait(max(0.0, begun_s + ASK_EVERY_S - time.monotonic()))

    def _read(self, reader: FrameReader, take: Callable[[list[bytes]], None]) -> None:
        while not self._ended.is_set():
            frames = reader.take(PATIENCE_S)
            if frames is None:
                continue
            try:
                take(frames)
            except RemoteProtocolError:
                self.malformed += 1

    def _take_view(self, frames: list[bytes]) -> None:
        self.seen.take_view(decode_view(frames))

    def _take_screen(self, frames: list[bytes]) -> None:
        self.seen.take_screen(decode_screen(frames))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def followed(targets: Sequence[Target], closing: ExitStack) -> list[Follower]:
    """Follow all of these until `closing` closes; all are told to end before one is waited for."""
    followers = [closing.enter_context(Follower(target)) for target in targets]
    for each in followers:
        closing.callback(each.end)
    return followers
