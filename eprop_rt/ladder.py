"""The ladder: skip, freeze, roll back, hold, exit; each rung with a count, a cause and a way back.

Too many of one rung within its window lead to the next one, as high as the cause may climb. Time
is the global index of bins: no clock.
"""

import math
from collections import Counter, deque
from enum import IntEnum
from typing import Final

from eprop_rt.guard_settings import GuardSettings


class Rung(IntEnum):
    """What the guard does, the least first."""

    ACCEPT = 0
    CLIP = 1
    SKIP = 2
    FREEZE = 3
    ROLLBACK = 4
    HOLD = 5
    ZERO = 6
    EXIT = 7


# How high a cause may climb. Weights are no remedy for the data, nor for the machine.
HIGHEST: Final = {
    "artefact": Rung.FREEZE,
    "absent": Rung.FREEZE,
    "late": Rung.FREEZE,
    "rate_low": Rung.ROLLBACK,
    "rate_high": Rung.ROLLBACK,
    "loss": Rung.ROLLBACK,
    "update": Rung.EXIT,
    "rehearsal": Rung.EXIT,
    "output": Rung.EXIT,
    "weights": Rung.EXIT,
}


class Ladder:
    """Counts trouble, cause by cause, and says what is to be done about it.

    Events: `guard_<rung>_<cause>` where a rung is reached, `guard_thaw_<cause>` and
    `guard_release_<cause>` on the way back.
    """

    def __init__(self, settings: GuardSettings, bin_s: float) -> None:
        self.events: Counter[str] = Counter()
        self.roll_back_for: str | None = None  # wanted now; whoever does it sets it to None
        self.exit_cause: str | None = None
        self.now = 0
        self._bin_s = bin_s
        self._frozen: set[str] = set()
        self._held: dict[str, int] = {}  # since which bin
        self._trouble: dict[str, int] = {}  # the newest bin of it
        self._recent: dict[tuple[Rung, str], deque[int]] = {}
        self._spent: set[str] = set()  # causes for which rolling back has not helped
        self.adopt(settings)

    def adopt(self, settings: GuardSettings) -> None:
        """Go on with other thresholds."""
        self._calm = settings.calm_s / self._bin_s
        self._exit_after = settings.exit_after_s / self._bin_s
        windows = {
            Rung.SKIP: (settings.skips, settings.skip_window_s),
            Rung.FREEZE: (settings.freezes, settings.freeze_window_s),
            Rung.ROLLBACK: (settings.rollbacks, settings.rollback_window_s),
            Rung.HOLD: (settings.holds, settings.rollback_window_s),
        }
        self._windows = {rung: (n, s / self._bin_s) for rung, (n, s) in windows.items()}

    @property
    def frozen(self) -> bool:
        """Whether learning is to stop."""
        return bool(self._frozen or self._held)

    @property
    def held(self) -> bool:
        """Whether the output is not to be trusted."""
        return bool(self._held)

    @property
    def clear(self) -> bool:
        """Whether nothing has been wrong for as long as it takes."""
        return not self._trouble

    def in_force(self) -> tuple[Rung, str | None]:
        """The highest rung that lasts, and its cause."""
        if self.exit_cause is not None:
            return Rung.EXIT, self.exit_cause
        if self._held:
            return Rung.HOLD, min(self._held)
        if self._frozen:
            return Rung.FREEZE, min(self._frozen)
        return Rung.ACCEPT, None

    def skip(self, cause: str) -> bool:
        """A bin was not learned from, or not decoded, for this cause; True: that is too many."""
        many = self._count(Rung.SKIP, cause)
        if many:
            self.freeze(cause)
        return many

    def freeze(self, cause: str) -> None:
        """Learning stops until all is calm."""
        self._frozen.add(cause)
        if self._count(Rung.FREEZE, cause) and HIGHEST[cause] >= Rung.ROLLBACK:
            self.roll_back(cause)

    def roll_back(self, cause: str) -> None:
        """Ask for the last good state, or hold the output where that was of no use."""
        self._trouble[cause] = self.now
        if HIGHEST[cause] == Rung.ROLLBACK:
            if cause in self._spent:
                return
            self._spent.add(cause)
        elif self._many(Rung.ROLLBACK, cause):
            self._hold(cause)
            return
        self._count(Rung.ROLLBACK, cause)
        self.roll_back_for = cause

    def helped(self) -> None:
        """A new state is good: what has been rolled back for may be again."""
        self._spent.clear()

    def _hold(self, cause: str) -> None:
        self._held.setdefault(cause, self.now)
        if self._count(Rung.HOLD, cause):
            self._exit(cause)

    def _exit(self, cause: str) -> None:
        if self.exit_cause is None:
            self.events[f"guard_exit_{cause}"] += 1
            self.exit_cause = cause

    def _count(self, rung: Rung, cause: str) -> bool:
        """Count one more; whether that makes too many, which are then forgotten."""
        self.events[f"guard_{rung.name.lower()}_{cause}"] += 1
        self._trouble[cause] = self.now
        recent = self._recent.setdefault((rung, cause), deque())
        recent.append(self.now)
        if rung != Rung.ROLLBACK and self._many(rung, cause):
            recent.clear()
            return True
        return False

    def _many(self, rung: Rung, cause: str) -> bool:
        most, window = self._windows[rung]
        recent = self._recent.setdefault((rung, cause), deque())
        while recent and recent[0] <= self.now - window:
            recent.popleft()
        return len(recent) >= most

    def advance(self, now: int) -> None:
        """Another bin: let go of what has been calm for long enough."""
        self.now = now
        if not self._trouble:
            return
        for cause, since in self._held.items():
            if now - since > self._exit_after:
                self._exit(cause)
        for cause in [c for c, newest in self._trouble.items() if now - newest > self._calm]:
            del self._trouble[cause]
            self._let_go(cause)

    def _let_go(self, cause: str) -> None:
        if cause in self._frozen:
            self._frozen.remove(cause)
            self.events[f"guard_thaw_{cause}"] += 1
        if self._held.pop(cause, math.inf) < math.inf:
            self.events[f"guard_release_{cause}"] += 1
        if self.exit_cause == cause:
            self.exit_cause = None
