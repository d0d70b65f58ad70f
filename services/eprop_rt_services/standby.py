"""A warm process that starts the daemon, watches it, and starts it anew when it dies.

Importing Numba and loading kernels takes longer than a cursor may stand still. So it is done once,
in a parent that opens nothing; the daemon is forked from it, and after a crash (liblsl can abort a
process) or a hang the next one is there in some milliseconds. To the daemon the parent is what
systemd is to it: it speaks the same protocol. systemd hears the parent only, which passes on what
the daemon is about; a daemon that hangs or ends is the parent's business, so its signs of life and
its end are not passed on, and the parent gives signs of life of its own, also between two daemons.
"""

import gc
import logging
import os
import selectors
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from pydantic import Field

from eprop_rt.config import Positive, Settings
from eprop_rt.errors import StreamError
from eprop_rt_services.processes.mortality import die_with
from eprop_rt_services.supervision import AS_TOLD, Supervisor

log = logging.getLogger("eprop_rt")

MISTAKE = 2
MOST_BYTES = 4096
LOOK_S = 0.05
PASSED_ON = ("READY=1", "STATUS=", "EXTEND_TIMEOUT_USEC=")


class RestartSettings(Settings):
    """What happens when the daemon dies or hangs."""

    again: bool = Field(True, description="start it anew, from its newest checkpoint")
    hang_s: Positive = Field(2.0, description="without a sign of life; it is then killed")
    start_s: Positive = Field(120.0, description="until its first sign of life")
    most: int = Field(10, ge=1, description="starts within within_s; more, and it is given up")
    within_s: Positive = 60.0


class Standby:
    """Runs `serve(first)` in a child, again and again until it ends by itself.

    `serve` returns an exit status; 0 and 2 (a user's mistake) end it, as SIGTERM and SIGINT do,
    which are passed on. Needs a process without other threads. `run` returns the exit status.
    """

    def __init__(self, serve: Callable[[bool], int], settings: RestartSettings) -> None:
        self._serve, self._settings = serve, settings
        self._child = 0
        self._told_to_end = False
        self._was_ready = False
        self._starts: deque[float] = deque()

    def run(self) -> int:
        """Until the daemon ends by itself, or was told to, or dies too often (StreamError)."""
        if threading.active_count() > 1:
            raise RuntimeError("a process with threads cannot be forked safely")
        gc.collect()
        gc.freeze()  # what is shared stays shared
        with ExitStack() as closing:
            self._supervisor = closing.enter_context(Supervisor())
            folder = closing.enter_context(tempfile.TemporaryDirectory(prefix="eprop-rt-"))
            heard = closing.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            heard.setblocking(False)
            path = Path(folder) / "notify"
            heard.bind(str(path))
            for name in (signal.SIGTERM, signal.SIGINT):
                closing.callback(signal.signal, name, signal.signal(name, self._pass_on))
            first = True
            while not self._told_to_end:
                status = self._watch(self._fork(path, first), heard)
                if status in (0, MISTAKE) or self._told_to_end:
                    return max(status, 0)
                self._count_a_start()
                log.warning("the daemon %s: it is started anew", how(status))
                first = False
            return 0

    def _pass_on(self, number: int, _: object) -> None:
        self._told_to_end = True
        if self._child:
            os.kill(self._child, signal.Signals(number))

    def _count_a_start(self) -> None:
        now_s, settings = time.monotonic(), self._settings
        self._starts.append(now_s)
        while self._starts[0] < now_s - settings.within_s:
            self._starts.popleft()
        if len(self._starts) > settings.most:
            raise StreamError(
                f"the daemon died {len(self._starts)} times within {settings.within_s:g} s: its "
                "log says why"
            )

    def _fork(self, notify: Path, first: bool) -> int:
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        self._child = os.fork()
        if self._child:
            return self._child
        status = 1
        try:
            die_with(parent)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.environ["NOTIFY_SOCKET"] = str(notify)
            os.environ["WATCHDOG_USEC"] = str(round(self._settings.hang_s * 1e6))
            os.environ.pop("WATCHDOG_PID", None)
            status = self._serve(first)
        except BaseException:  # the child must not go on as a second parent
            log.exception("the daemon failed")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _watch(self, child: int, heard: socket.socket) -> int:
        """Until it has ended; its exit status, negative the signal that killed it."""
        alive_s, beats = time.monotonic(), False
        pid = os.pidfd_open(child)
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(pid, selectors.EVENT_READ)
                selector.register(heard, selectors.EVENT_READ)
                while True:
                    if self._was_ready:
                        self._supervisor.beat(time.monotonic())
                    for key, _ in selector.select(LOOK_S):
                        if key.fd == pid:
                            self._child = 0
                            with suppress(BlockingIOError):
                                while True:  # its last words
                                    self._hear(heard)
                            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                        said = self._hear(heard)
                        # What was learned is written at the end, which may take a while.
                        beats = (beats or "READY=1" in said) and "STOPPING=1" not in said
                        alive_s = time.monotonic()
                    patience_s = self._settings.hang_s if beats else self._settings.start_s
                    if time.monotonic() - alive_s > patience_s:
                        log.error("the daemon gave no sign of life for %g s", patience_s)
                        alive_s = time.monotonic()
                        os.kill(child, signal.SIGKILL)
        finally:
            os.close(pid)

    def _hear(self, heard: socket.socket) -> list[str]:
        """What it said; systemd is told the same, if it is there."""
        said = heard.recv(MOST_BYTES)
        lines = said.decode("utf-8", "replace").split("\n")
        self._was_ready |= "READY=1" in lines
        self._told_to_end |= AS_TOLD in lines
        self._supervisor.pass_on([line for line in lines if line.startswith(PASSED_ON)])
        return lines


def how(status: int) -> str:
    """How a process ended."""
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with exit status {status}"
