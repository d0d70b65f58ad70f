"""A warm process that starts the daemon, watches it, and starts it anew when it dies.

Importing Numba and loading kernels takes longer than a cursor may stand still. So it is done once,
in a parent that opens nothing; the daemon is forked from it, and after a crash (liblsl can abort a
process) or a hang the next one is there in some milliseconds. To the daemon the parent is what
systemd is to it: it speaks the same protocol. systemd hears the parent only, which passes on what
the daemon is about; a daemon that hangs or ends is the parent's business, so its signs of life and
its end are not passed on, and the parent gives signs of life of its own, also between two daemons.

The first daemon compiles its kernels itself: it has sockets, and can be stopped meanwhile. Once
they are in the cache the parent loads them too, and hears the daemon between two instructions.
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
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from pydantic import Field

from eprop_rt.config import Positive, Settings
from eprop_rt_services.processes.mortality import die_with
from eprop_rt_services.stopping import SIGNALS, signals_held
from eprop_rt_services.supervision import AS_TOLD, LOADED, MICROSECONDS, Supervisor

log = logging.getLogger("eprop_rt")

# How a daemon ends, beside 0: a user's mistake, final; a failure that another start may mend; told
# to stop, but what it learned last is not on the disk.
MISTAKE, AGAIN, NOT_KEPT = 2, 3, 4
MOST_BYTES = 4096
LOOK_S = 0.05
# Before the next start after one that never was ready: twice as long each time.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
EXTEND = "EXTEND_TIMEOUT_USEC="
PASSED_ON = ("READY=1", "STATUS=", EXTEND)


class RestartSettings(Settings):
    """What happens when the daemon dies or hangs."""

    again: bool = Field(True, description="start it anew, from its newest checkpoint")
    hang_s: Positive = Field(2.0, description="without a sign of life; it is then killed")
    start_s: Positive = Field(
        120.0, description="without one before it is ready, unless it asks for more"
    )
    most: int = Field(10, ge=1, description="starts within within_s; more, and it is given up")
    within_s: Positive = 60.0


def _nothing() -> None:
    return None


class Standby:
    """Runs `serve(first)` in a child, again and again until it ends by itself.

    `serve` returns an exit status; 0 and 2 (a user's mistake) end it, as SIGTERM and SIGINT do,
    which are passed on. `load` is called once, when the first child says that its kernels are
    loaded. Needs a process without other threads. `run` returns the exit status.
    """

    def __init__(
        self,
        serve: Callable[[bool], int],
        settings: RestartSettings,
        load: Callable[[], None] = _nothing,
    ) -> None:
        self._serve, self._settings, self._load = serve, settings, load
        self._child = 0
        self._told_to_end = False
        self._was_ready = self._loadable = self._loaded = False
        self._came_up, self._pause_s = False, 0.0
        self._beats, self._patience_s, self._alive_s = False, settings.start_s, 0.0
        self._starts: deque[float] = deque()

    def run(self) -> int:
        """Until the daemon ends by itself, or was told to, or dies too often."""
        if threading.active_count() > 1:
            raise RuntimeError("a process with threads cannot be forked safely")
        share_memory()
        with ExitStack() as closing:
            self._supervisor = closing.enter_context(Supervisor())
            folder = closing.enter_context(tempfile.TemporaryDirectory(prefix="eprop-rt-"))
            self._heard = closing.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            self._heard.setblocking(False)
            path = Path(folder) / "notify"
            self._heard.bind(str(path))
            for name in SIGNALS:
                closing.callback(signal.signal, name, signal.signal(name, self._pass_on))
            first = True
            while (child := self._fork(path, first)) is not None:
                status = self._watch(child)
                if self._told_to_end:
                    return when_told(status)
                if status in (0, MISTAKE):
                    return status
                if self._died_too_often():
                    return AGAIN
                died = {"event": "daemon_died", "status": status}
                log.warning("the daemon %s: it is started anew", how(status), extra=died)
                first = False
                self._pause()
            return 0

    def _pass_on(self, number: int, _: object) -> None:
        self._told_to_end = True
        if self._child:
            os.kill(self._child, signal.Signals(number))

    def _died_too_often(self) -> bool:
        now_s, settings = time.monotonic(), self._settings
        self._starts.append(now_s)
        while self._starts[0] < now_s - settings.within_s:
            self._starts.popleft()
        if len(self._starts) <= settings.most:
            return False
        log.error(
            "the daemon died %d times within %g s and is given up: its log says why",
            len(self._starts),
            settings.within_s,
            extra={"event": "daemon_given_up", "count": len(self._starts)},
        )
        return True

    def _pause(self) -> None:
        """Who never was ready may be so once what was in its way has gone: give that some time."""
        more_s = min(max(FIRST_PAUSE_S, 2 * self._pause_s), LONGEST_PAUSE_S)
        self._pause_s = 0.0 if self._came_up else more_s
        end_s = time.monotonic() + self._pause_s
        while time.monotonic() < end_s and not self._told_to_end:
            time.sleep(LOOK_S)
            self._attend()

    def _fork(self, notify: Path, first: bool) -> int | None:
        """The number of the next child; None where the end was asked for before there was one."""
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        # A signal finds a child to be passed on to, and the child one that does not pass it on.
        with signals_held() as before:
            if self._told_to_end:
                return None
            self._child = os.fork()
            if not self._child:
                self._be_child(parent, notify, first, before)
            return self._child

    def _be_child(self, parent: int, notify: Path, first: bool, unheld: set[int]) -> None:
        status = 1
        try:
            die_with(parent)
            for name in SIGNALS:
                signal.signal(name, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, unheld)
            os.environ["NOTIFY_SOCKET"] = str(notify)
            os.environ["WATCHDOG_USEC"] = str(round(self._settings.hang_s * MICROSECONDS))
            os.environ.pop("WATCHDOG_PID", None)
            status = self._serve(first)
        except BaseException:  # the child must not go on as a second parent
            log.exception("the daemon failed", extra={"event": "daemon_failed"})
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _watch(self, child: int) -> int:
        """Until it has ended; its exit status, negative the signal that killed it."""
        self._came_up, self._beats = False, False
        self._alive_s, self._patience_s = time.monotonic(), self._settings.start_s
        pid = os.pidfd_open(child)
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(pid, selectors.EVENT_READ)
                selector.register(self._heard, selectors.EVENT_READ)
                while not any(key.fd == pid for key, _ in selector.select(LOOK_S)):
                    self._attend()
                    if self._loadable and not self._loaded:
                        self._load_meanwhile()
                    if time.monotonic() - self._alive_s > self._patience_s:
                        hung = {"event": "daemon_hung", "patience_s": self._patience_s}
                        log.error(
                            "the daemon gave no sign of life for %g s",
                            self._patience_s,
                            extra=hung,
                        )
                        self._alive_s = time.monotonic()
                        os.kill(child, signal.SIGKILL)
            self._child = 0
            self._attend()  # its last words
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        finally:
            os.close(pid)

    def _attend(self) -> None:
        """Hear what the daemon has said, and live."""
        with suppress(BlockingIOError):
            while True:
                self._hear(self._heard.recv(MOST_BYTES).decode("utf-8", "replace").split("\n"))
        if self._was_ready:
            self._supervisor.beat(time.monotonic())

    def _hear(self, lines: list[str]) -> None:
        """What it said at once; systemd is told the same, if it is there."""
        self._came_up |= "READY=1" in lines
        self._was_ready |= self._came_up
        self._loadable |= LOADED in lines
        self._told_to_end |= AS_TOLD in lines
        # What was learned is written at the end, which may take a while.
        self._beats = (self._beats or "READY=1" in lines) and "STOPPING=1" not in lines
        settings = self._settings
        more_s = max((extension_s(line) for line in lines), default=0.0)
        self._patience_s = settings.hang_s if self._beats else max(settings.start_s, more_s)
        self._alive_s = time.monotonic()
        self._supervisor.pass_on([line for line in lines if line.startswith(PASSED_ON)])

    def _load_meanwhile(self) -> None:
        """What takes a second, or minutes where there is no cache, in a process without threads."""
        self._loaded = True
        try:
            with now_and_then(self._attend):
                self._load()
        except Exception:  # the next daemon takes longer to start
            told = {"event": "kernels_not_loaded"}
            log.exception("the parent could not load the kernels", extra=told)
        share_memory()


@contextmanager
def now_and_then(action: Callable[[], None]) -> Iterator[None]:
    """Inside this block `action` is called every so often, between two instructions of Python."""
    before = signal.signal(signal.SIGALRM, lambda *_: action())
    signal.setitimer(signal.ITIMER_REAL, LOOK_S, LOOK_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def share_memory() -> None:
    """What is there now stays shared with what is forked."""
    gc.collect()
    gc.freeze()


def extension_s(line: str) -> float:
    """The time that a line asks for; 0 where it asks for none."""
    asked = line.removeprefix(EXTEND)
    return int(asked) / MICROSECONDS if asked != line and asked.isdigit() else 0.0


def when_told(status: int) -> int:
    """The exit status of one that was told to end: whether it could do so in good order."""
    if status in (0, MISTAKE, NOT_KEPT):
        return status
    if -status in SIGNALS:  # it had not begun yet
        return 0
    text = "the daemon %s when told to end: what it learned last may be lost"
    log.error(text, how(status), extra={"event": "learned_lost", "status": status})
    return NOT_KEPT


def how(status: int) -> str:
    """How a process ended."""
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with exit status {status}"
