"""How a daemon ends: by an order to stop, by the guard, by the settings, or by a fault."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from eprop_rt.errors import EpropError
from eprop_rt_services.lsl_link import local_clock


class GuardExitError(EpropError):
    """The guard has come to its last rung: another process is to start from a checkpoint."""


class NotKeptError(EpropError):
    """It was told to stop and has stopped, but what it learned last is not on the disk."""


class StoppedEarly(BaseException):
    """Raised by a signal's handler in the midst of a long start: not to be taken for an error."""


class StopOrder:
    """Whether somebody has told it to stop, who, and when.

    `by_signal` is called in the main thread, `by_message` in that of the control socket.
    """

    def __init__(self) -> None:
        self._interruptible = False
        self.text = ""  # of the first order
        self.given = False

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Inside this block, in the main thread, an order raises StoppedEarly, as one before it."""
        self._interruptible = True
        try:
            if self.given:
                raise StoppedEarly
            yield
        finally:
            self._interruptible = False

    def by_signal(self) -> None:
        """A signal has come; raises StoppedEarly where that is allowed."""
        self._take("a signal")
        if self._interruptible:
            self._interruptible = False
            raise StoppedEarly

    def by_message(self) -> None:
        """An operator said so."""
        self._take("a message")
        if self._interruptible:
            os.kill(os.getpid(), signal.SIGTERM)  # its handler runs in the main thread

    def _take(self, who: str) -> None:
        if not self.given:
            self.text = f"told to stop by {who} at {local_clock():.6f}"
            self.given = True
