"""The trials of a recorded session."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from eprop_rt.series import F64
from eprop_rt.structs import Ints

ROUNDING_S = 1e-6  # stamps are multiples of an interval, times in a table are rounded


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """Trials in order of their beginning: `start_s`, `stop_s` and `moves_s` (trials,) in seconds.

    From `moves_s` on the cursor could be moved. `block` (trials,) names the part of the session,
    "" where it has no name.
    """

    start_s: F64
    stop_s: F64
    moves_s: F64
    block: tuple[str, ...]

    @classmethod
    def ordered(cls, start_s: F64, stop_s: F64, moves_s: F64, block: tuple[str, ...]) -> Self:
        """Sort by beginning; a trial without one is left out, one without `moves_s` moves at once.

        A trial that lasts into the next one ends there, as does one without an end.
        """
        order = np.argsort(start_s, kind="stable")[: int(np.isfinite(start_s).sum())]
        start_s = start_s[order]
        stop_s = np.fmin(stop_s[order], np.append(start_s[1:], np.inf))
        moves_s = np.fmax(moves_s[order], start_s)
        return cls(start_s, stop_s, moves_s, tuple(block[trial] for trial in order.tolist()))

    def at(self, stamps: F64) -> Ints:
        """The trial of each stamp (n,), -1 outside of all."""
        trial = np.searchsorted(self.start_s, stamps + ROUNDING_S, side="right") - 1
        inside = (trial >= 0) & (stamps < self.stop_s[trial] - ROUNDING_S)
        return np.asarray(np.where(inside, trial, -1), np.int64)

    def of(self, block: str) -> Self:
        """Those of one block."""
        of_block = np.array([name == block for name in self.block])
        return type(self)(
            self.start_s[of_block],
            self.stop_s[of_block],
            self.moves_s[of_block],
            tuple(name for name in self.block if name == block),
        )
