"""Looking for something beside the loop, again and again."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from eprop_rt.errors import StreamError

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0
# What is left of an attempt to subscribe is not waited for longer.
LEAVE_S = 1.0

T = TypeVar("T")


class SearchFailed(StreamError):  # noqa: N818
    """An attempt ended in an error that nobody foresaw."""


class Seeker(Generic[T]):
    """Calls `attempt` in a thread of its own until it returns something other than None.

    Between two attempts it pauses, twice as long each time. An attempt that raises failed like any
    other; why is kept in `refusals`, of anything but StreamError as SearchFailed. What is found is
    handed over: the thread is done with it.
    """

    def __init__(self, attempt: Callable[[], T | None], name: str) -> None:
        self._attempt, self._name = attempt, name
        self._found: T | None = None
        self._done, self._ended = threading.Event(), threading.Event()
        self.refusals: deque[StreamError] = deque(maxlen=16)
        # Why the newest attempt failed; None where it just found nothing.
        self.in_the_way: StreamError | None = None
        self._thread = threading.Thread(target=self._seek, name=f"seek {name}", daemon=True)
        self._thread.start()

    def wait(self, timeout_s: float) -> T | None:
        """Return what was found, waiting so long at most."""
        return self._found if self._done.wait(timeout_s) else None

    @property
    def is_running(self) -> bool:
        """Whether an attempt is in hand or to come."""
        return self._thread.is_alive()

    def end(self) -> None:
        """Ask the thread to end; it does after the attempt in hand."""
        self._ended.set()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread to end, so long at most."""
        self._thread.join(timeout_s)

    def _seek(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._ended.is_set():
            try:
                self._found, self.in_the_way = self._attempt(), None
            except StreamError as error:
                self._refuse(error)
            except Exception as error:  # liblsl has more of them than it tells; the search goes on
                what = f"{type(error).__name__}: {error}"
                self._refuse(SearchFailed(f"looking for '{self._name}' failed ({what})"))
            if self._found is not None:
                self._done.set()
                return
            self._ended.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _refuse(self, error: StreamError) -> None:
        self.in_the_way = error
        self.refusals.append(error)


def end_all(seekers: Sequence[Seeker[Any]], within_s: float) -> None:
    """End them all, and wait for the attempts in hand, for so long in all.

    One that a sender keeps waiting for longer ends by itself, and what it finds is let go.
    """
    for seeker in seekers:
        seeker.end()
    end_s = time.monotonic() + within_s
    for seeker in seekers:
        seeker.join(max(0.0, end_s - time.monotonic()))
