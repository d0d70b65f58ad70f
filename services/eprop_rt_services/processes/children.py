"""Child processes: started on a leash, watched, and stopped whatever happens."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from eprop_rt.errors import StreamError
from eprop_rt_services.stopping import signals_later

STOPPING_S = 3.0


@dataclass(frozen=True, slots=True)
class Child:
    """A process, what people call it, and where its stderr goes."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def lines(self) -> list[str]:
        """What it said so far, without empty lines."""
        said = self.log.read_text(encoding="utf-8", errors="replace").split("\n")
        return [line.strip() for line in said if line.strip()]

    def last_line(self) -> str:
        """The last thing it said."""
        return ["it said nothing", *self.lines()][-1]


class Children:
    """The processes of one command; leaving the context ends them all.

    No signal interrupts what is done to a process here: Popen takes a lock to look at it, and one
    that a KeyboardInterrupt leaves locked is waited for without end.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = dict(environment)
        self._children: dict[str, Child] = {}

    @signals_later()
    def start(self, name: str, module: str, *arguments: str) -> None:
        """Start `python -m module arguments...`, not to be reached by a Ctrl-C in the terminal."""
        log = self._folder / f"{name.replace(' ', '-')}.log"
        leash = "eprop_rt_services.processes.leash", str(os.getpid())
        with log.open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", *leash, module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env=self._environment,
                process_group=0,
            )
        self._children[name] = Child(name, process, log)

    def lines(self, name: str) -> list[str]:
        """What a process said so far on stdout and stderr, without empty lines."""
        return self._children[name].lines()

    def last_line(self, name: str) -> str:
        """The last thing that a process said on stderr."""
        return self._children[name].last_line()

    def check(self) -> None:
        """Raise StreamError, with the last thing it said, where a process has ended."""
        for child in self._children.values():
            with signals_later():
                status = child.process.poll()
            if status is not None:
                raise StreamError(
                    f"the {child.name} ended by itself (exit status {status}): {child.last_line()}"
                )

    @signals_later()
    def stop(self) -> None:
        """End all, the newest first: gently, and after `STOPPING_S` by force."""
        newest_first = [child.process for child in reversed(self._children.values())]
        for process in newest_first:
            process.terminate()
        end = time.monotonic() + STOPPING_S
        for process in newest_first:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, end - time.monotonic()))
        for process in newest_first:
            process.kill()
            process.wait()
        self._children.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
