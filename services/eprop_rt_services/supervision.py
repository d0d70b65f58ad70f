"""What systemd is told while the daemon lives: ready, alive, what it does, stopping.

The protocol is lines in a datagram to the socket that NOTIFY_SOCKET names (sd_notify(3)). Without
one, nothing is sent and nothing else differs.
"""

import os
import socket
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Self

MICROSECONDS = 1_000_000
# Between a daemon and the parent that stands by; systemd ignores them.
AS_TOLD, LOADED = "X_EPROP_RT_AS_TOLD=1", "X_EPROP_RT_LOADED=1"


class Supervisor:
    """Talks to the supervisor that started us, and never waits for it.

    What cannot be delivered is lost and counted. Events: `notify_failed`; `notify_misconfigured`,
    an environment that is not as systemd makes it. Used by one thread, but for `told`.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        given = os.environ if environment is None else environment
        self.events: Counter[str] = Counter()
        self._address = self._address_in(given)
        self._socket: socket.socket | None = None
        if self._address is not None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
        self.watchdog_s = self._watchdog_in(given)
        self._next_beat_s = -float("inf")

    def starting(self, status: str, within_s: float) -> None:
        """Say what a long start does: it may take so much longer before it counts as failed.

        Kernels that compile keep the thread busy, so the whole time is asked for before.
        """
        self._send(f"EXTEND_TIMEOUT_USEC={round(within_s * MICROSECONDS)}", status_line(status))

    def loaded(self) -> None:
        """Kernels are compiled and in the cache: a parent can load them now."""
        self._send(LOADED)

    def ready(self, status: str) -> None:
        """The start is over; from now on systemd expects beats."""
        self._send("READY=1", status_line(status))

    def status(self, status: str) -> None:
        """One line for `systemctl status`."""
        self._send(status_line(status))

    def beat(self, now_s: float) -> None:
        """Still alive; called at every bin and in silence, it sends every half interval.

        `now_s` is of any clock that does not go back. A beat that failed is tried again soon.
        """
        if self.watchdog_s is None or now_s < self._next_beat_s:
            return
        sent = self._send("WATCHDOG=1")
        self._next_beat_s = now_s + self.watchdog_s / (2 if sent else 16)

    def told(self) -> None:
        """Somebody has told it to stop: no other start, whatever becomes of it now."""
        self._send(AS_TOLD)

    def stopping(self, status: str, *, as_told: bool = False) -> None:
        """The end has begun; `as_told`: somebody wants it, and no other start."""
        told = (AS_TOLD,) if as_told else ()
        self._send("STOPPING=1", status_line(status), *told)

    def pass_on(self, lines: Sequence[str]) -> None:
        """What a child says, in the name of the process that the supervisor started."""
        if lines:
            self._send(*lines)

    def close(self) -> None:
        """Let go of the socket; what is said after that is lost."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, *lines: str) -> bool:
        if self._socket is None or self._address is None:
            return True
        try:
            self._socket.sendto("\n".join(lines).encode(), self._address)
        except OSError:  # nobody there, or its queue is full: we do not wait
            self.events["notify_failed"] += 1
            return False
        return True

    def _address_in(self, environment: Mapping[str, str]) -> str | None:
        name = environment.get("NOTIFY_SOCKET", "")
        if name.startswith("/"):
            return name
        if name.startswith("@") and len(name) > 1:
            return "\0" + name[1:]  # abstract: no file
        if name:
            self.events["notify_misconfigured"] += 1
        return None

    def _watchdog_in(self, environment: Mapping[str, str]) -> float | None:
        """The interval after which systemd takes us for hung; None where it is not for us."""
        interval, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
        if not interval or self._address is None or pid not in ("", str(os.getpid())):
            return None
        if not (interval.isascii() and interval.isdigit() and int(interval) > 0):
            self.events["notify_misconfigured"] += 1
            return None
        return int(interval) / MICROSECONDS


def status_line(status: str) -> str:
    """The status in one line, whatever it holds: another line would be another order."""
    return f"STATUS={' '.join(status.split())}"
