"""What a page knows of the bench, and tells it: the newest screen, and where a person points."""

from contextlib import ExitStack
from typing import Self

from eprop_rt_protocols.errors import RemoteProtocolError
from eprop_rt_protocols.screen import SCREEN_TOPIC, Screen, decode_screen
from eprop_rt_services.closed_loop.bench import Bench
from eprop_rt_services.closed_loop.messages import WISH_TOPIC, Wish
from eprop_rt_services.zmq_link import FrameReader, FrameSender


class Hand:
    """One person at one bench, from however many browsers; use it as a context manager."""

    def __init__(self, bench: Bench, wishes: str) -> None:
        """`wishes`: the endpoint where the simulator listens."""
        self.bench = bench
        self.wish = Wish()
        self.screen: Screen | None = None
        self._closing = ExitStack()
        screens = bench.task.report().screens
        with ExitStack() as undo:
            self._sender = undo.enter_context(FrameSender(wishes))
            self._reader = undo.enter_context(FrameReader(screens, SCREEN_TOPIC.decode()))
            self._closing = undo.pop_all()

    def point(self, x: float | None = None, y: float | None = None) -> None:
        """Want to go to (x, y) in cm; nowhere without."""
        pointer = None if x is None or y is None else (x, y)
        self.wish = self.wish.model_copy(update={"pointer": pointer})

    def hear(self, share: float) -> None:
        """Let this share of the units fire."""
        self.wish = self.wish.model_copy(update={"heard": share})

    def disturb(self, noise_hz: float) -> None:
        """Add noise to every unit."""
        self.wish = self.wish.model_copy(update={"noise_hz": noise_hz})

    def listen_to(self, place: int) -> None:
        """Give the cursor to another decoder."""
        self.bench.task.listen_to(place)

    def teach(self, on: bool) -> None:
        """Let decoders learn that the person wants to go to the target, or not."""
        self.bench.task.teach(on)

    def tick(self) -> Screen | None:
        """Tell the simulator what is wished, and return the newest screen.

        Raises StreamError where a process of the bench has ended.
        """
        self.bench.check()
        self._sender.send([WISH_TOPIC.encode(), self.wish.model_dump_json().encode()])
        while (frames := self._reader.take(0.0)) is not None:
            try:
                self.screen = decode_screen(frames)
            except RemoteProtocolError:
                continue
        return self.screen

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()
