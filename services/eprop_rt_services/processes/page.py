"""A page as a child process; whatever becomes of it, the rest goes on."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from eprop_rt.errors import StreamError
from eprop_rt_services.processes.children import Children

NAME = "page"
READY_S, LOOK_S = 20.0, 0.1
TOLD = "the page is at "


class PageProcess:
    """`eprop-rt monitor` on a free port, until this is left."""

    def __init__(self, folder: Path) -> None:
        self.children = Children(folder, os.environ)

    def start(self, daemons: Sequence[str]) -> None:
        """Follow these, each as `--daemon` takes it."""
        given = [part for daemon in daemons for part in ("--daemon", daemon)]
        more = "--no-browser", "--port", "0"
        self.children.start(NAME, "eprop_rt_services", "monitor", *given, *more)

    def address(self) -> str | None:
        """Wait until it is there, and return where; None where it never comes up."""
        end_s = time.monotonic() + READY_S
        while time.monotonic() < end_s:
            try:
                self.children.check()
            except StreamError:
                return None
            for said in self.children.lines(NAME):  # warnings may stand before it, or after
                if said.startswith(TOLD):
                    return said.removeprefix(TOLD)
            time.sleep(LOOK_S)
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.children.stop()
