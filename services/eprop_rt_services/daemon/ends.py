"""How a daemon ends: by an order to stop, by the guard, by the settings, or by a fault."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from eprop_rt.errors import EpropError
from eprop_rt_services.lsl_link import local_clock

AGAIN_S = 0.1


class GuardExitError(EpropError):
    """The guard has come to its last rung: another process is to start from a checkpoint."""


class NotKeptError(EpropError):
    """It was told to stop and has stopped, but what it learned last is not on the disk."""


class StoppedEarly(BaseException):
    """Raised by a signal's handler in the midst of a long start: not to be taken for an error."""


class StopOrder:
    """Whether somebody has told it to stop, who, and when.

    `by_signal` is called in the main thread, `by_message` in that of the control socket, and
    `heard` in either, at the first order.
    """

    def __init__(self) -> None:
        self._interruptible = False
        self.text = ""  # of the first order
        self.given = False
        self.heard: Callable[[], None] = lambda: None

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Inside this block, in the main thread, an order raises StoppedEarly, as one before it.

        Again and again until it is left: what is raised in a callback of the compiler is dropped
        there, or comes out as another error.
        """
        before = signal.signal(signal.SIGALRM, lambda *_: self._interrupt())
        try:
            self._interruptible = True
            if self.given:
                raise StoppedEarly
            yield
        except Exception as error:
            if self.given:
                raise StoppedEarly from error
            raise
        finally:
            try:
                self._interruptible = False
            finally:  # where it was raised once more, just before that
                self._interruptible = False
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, before)
        if self.given:
            raise StoppedEarly

    def _interrupt(self) -> None:
        if self._interruptible:
            signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
            raise StoppedEarly

    def by_signal(self) -> None:
        """A signal has come; raises StoppedEarly where that is allowed."""
        self._take("a signal")
        self._interrupt()

    def by_message(self) -> None:
        """An operator said so."""
        self._take("a message")
        if self._interruptible:
            os.kill(os.getpid(), signal.SIGTERM)  # its handler runs in the main thread

    def _take(self, who: str) -> None:
        if not self.given:
            self.text = f"told to stop by {who} at {local_clock():.6f}"
            self.given = True
            self.heard()
