"""The last good states: copies, in memory, of what learning writes."""

import math
from typing import Protocol, runtime_checkable

import numpy as np

from eprop_rt.snapshot import Arrays


@runtime_checkable
class Revertible(Protocol):
    """A decoder whose learning can be undone."""

    def learned(self) -> Arrays:
        """What learning has written, by name; the arrays themselves, the past not among them."""
        ...

    def reverted(self) -> None:
        """Those arrays were written from outside: forget what was under way beside them."""
        ...


class GoodStates:
    """The newest two: a state that fails unseen never overwrites the only good one.

    Each has the bin it is of, and the error that was made then. A decoder that is not
    `Revertible`, or learns nothing, has none.
    """

    def __init__(self, decoder: object) -> None:
        self._decoder = decoder if isinstance(decoder, Revertible) else None
        self._arrays: Arrays = {} if self._decoder is None else self._decoder.learned()
        self._slots = [{n: np.zeros_like(a) for n, a in self._arrays.items()} for _ in range(2)]
        self._errors, self._bins = [0.0, 0.0], [0, 0]
        self._kept: list[int] = []  # slots in use, the newest last

    @property
    def possible(self) -> bool:
        """Whether this decoder has anything to go back to, ever."""
        return bool(self._arrays)

    @property
    def error(self) -> float | None:
        """Of the newest; None before there is one."""
        return self._errors[self._kept[-1]] if self._kept else None

    @property
    def finite(self) -> bool:
        """Whether what learning has written up to now is finite, all of it."""
        return all(np.isfinite(array.sum()) for array in self._arrays.values())

    def mark(self, at_bin: int, error: float) -> bool:
        """Keep the present state over the older of two; False, and no change: not finite."""
        if not self.finite:
            return False
        slot = 1 - self._kept[-1] if self._kept else 0
        for name, array in self._arrays.items():
            np.copyto(self._slots[slot][name], array)
        self._errors[slot], self._bins[slot] = error, at_bin
        self._kept = [*self._kept[-1:], slot]
        return True

    def go_back(self, before_bin: float = math.inf) -> bool:
        """Write back the newest from before that bin, or else the oldest; False: there is none."""
        if not self._kept or self._decoder is None:
            return False
        if self._bins[self._kept[-1]] >= before_bin:
            self._kept = self._kept[:1]
        for name, array in self._arrays.items():
            np.copyto(array, self._slots[self._kept[-1]][name])
        self._decoder.reverted()
        self._kept = self._kept[:1]  # should it not help, there is the one before it
        return True
