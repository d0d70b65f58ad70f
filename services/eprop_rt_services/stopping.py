"""Ctrl-C or SIGTERM, for a command that has something to finish first."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Self

SIGNALS = signal.SIGTERM, signal.SIGINT
ENDS = *SIGNALS, signal.SIGHUP


class Stop:
    """Inside its block a signal only asks to stop; a second one is as it was before."""

    def __init__(self) -> None:
        self._asked = False
        self._taken = ExitStack()

    def asked(self) -> bool:
        """Whether a signal has come."""
        return self._asked

    def _ask(self, *_: object) -> None:
        self._asked = True
        self._taken.close()

    def __enter__(self) -> Self:
        self._taken.enter_context(handled(SIGNALS, self._ask))
        return self

    def __exit__(self, *_: object) -> None:
        self._taken.close()


@contextmanager
def signals_held() -> Iterator[set[int]]:
    """Inside this block no signal to stop arrives, it waits; yields what was held back before."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield before
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def handled(
    names: Sequence[signal.Signals], handler: Callable[[int, FrameType | None], object]
) -> Iterator[None]:
    """Inside this block `handler` takes these signals, behind it whatever took them before."""
    before = [signal.getsignal(name) for name in names]
    try:
        for name in names:
            signal.signal(name, handler)
        yield
    finally:
        for name, earlier in zip(names, before, strict=True):
            signal.signal(name, earlier)


@contextmanager
def signals_later() -> Iterator[None]:
    """Inside this block no signal raises anything: what came is raised again behind it.

    For what must be done whole or not at all. Unlike `signals_held` it holds whichever thread of
    the process the signal reaches. Only the main thread is ever interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    # One that is ignored, or kills, goes on to do so.
    taken = [name for name in ENDS if callable(signal.getsignal(name))]
    try:
        with handled(taken, lambda number, _: came.append(number)):
            yield
    finally:
        for number in came:
            signal.raise_signal(number)


@contextmanager
def obeying_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Inside this block a signal calls `stop`, whenever one comes."""
    with handled(SIGNALS, lambda *_: stop()):
        yield
