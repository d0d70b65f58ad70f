"""The monitor of a demonstration, a process of its own: without it, the rest goes on."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from eprop_rt.errors import StreamError
from eprop_rt_services.demo.seat import Seat
from eprop_rt_services.processes.children import Children

NAME = "page"
READY_S, LOOK_S = 20.0, 0.1
TOLD = "the page is at "


class DemoPage:
    """A page that follows all seats; `shown` gets its address once, when it is there."""

    def __init__(self, folder: Path, shown: Callable[[str], None]) -> None:
        self._shown, self._opened = shown, False
        self._children = Children(folder, os.environ)

    def start(self, seats: Sequence[Seat]) -> None:
        """Start it, on a port that is free."""
        daemons = [part for seat in seats for part in ("--daemon", seat.places)]
        arguments = "--no-browser", "--port", "0"
        self._children.start(NAME, "eprop_rt_services", "monitor", *daemons, *arguments)

    def open(self) -> None:
        """Wait until it is there, and say where; who never comes up is done without."""
        end_s = time.monotonic() + READY_S
        while not self._opened and time.monotonic() < end_s:
            try:
                self._children.check()
            except StreamError:
                return
            said = self._children.last_line(NAME)
            if said.startswith(TOLD):
                self._opened = True
                self._shown(said.removeprefix(TOLD))
            time.sleep(LOOK_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._children.stop()
