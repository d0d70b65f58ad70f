"""Looking for something beside the loop, again and again."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from eprop_rt.errors import StreamError

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0

T = TypeVar("T")


class Seeker(Generic[T]):
    """Calls `attempt` in a thread of its own until it returns something other than None.

    Between two attempts it pauses, twice as long each time. An attempt that raises StreamError
    failed like any other; why is kept in `refusals`. What is found is handed over: the thread is
    done with it.
    """

    def __init__(self, attempt: Callable[[], T | None], name: str) -> None:
        self._attempt = attempt
        self._found: T | None = None
        self._done, self._ended = threading.Event(), threading.Event()
        self.refusals: deque[StreamError] = deque(maxlen=16)
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

    def close(self) -> None:
        """End, and wait for the attempt in hand."""
        self.end()
        self._thread.join()

    def _seek(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._ended.is_set():
            try:
                self._found = self._attempt()
            except StreamError as error:
                self.refusals.append(error)
            if self._found is not None:
                self._done.set()
                return
            self._ended.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
