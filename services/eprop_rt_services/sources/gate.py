"""Stamps as they come, stamps as they are used: near the local clock, and forward."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from eprop_rt.series import F64
from eprop_rt_services.sources.settings import OffClock
from eprop_rt_services.sources.stamps import bounds_s, last_s

# How far the errors of one clock may lie apart: delays on a loaded machine, overlapping chunks.
STEADY_S = 0.1
# A clock that is followed runs at its own rate; it is tracked at most so much faster or slower.
SLEW = 1e-3
SLEW_WINDOW_S = 1.0


class Report(Protocol):
    """Takes an event, how often it happened, and a line for people with its values, if any."""

    def __call__(self, event: str, times: int, text: str = "", **values: float) -> None:
        """Take it."""
        ...


@dataclass(frozen=True, slots=True)
class GateSettings:
    """How far a stamp may be off, for how long, and what then."""

    max_clock_error_s: float = 2.0
    clock_step_after_s: float = 0.3
    off_clock: OffClock = "follow"


@dataclass(slots=True)
class _Run:
    """Stamps that are off by the same amount, so far."""

    since_s: float
    low_s: float
    high_s: float

    def takes(self, error_s: float) -> bool:
        low_s, high_s = min(self.low_s, error_s), max(self.high_s, error_s)
        if high_s - low_s > STEADY_S:
            return False
        self.low_s, self.high_s = low_s, high_s
        return True


class StampGate:
    """Drops stamps that are off the clock, and follows a stream whose clock is another.

    Old stamps that go on from those before them are a backlog and pass. Stamps that are not finite
    pass too: who bins them counts them. Reports `stamp_off_clock` (samples dropped) and
    `clock_step` (the stream is shifted from now on). Delays only ever make a stamp too old, so the
    youngest one tells the offset of a clock.
    """

    def __init__(self, settings: GateSettings, report: Report) -> None:
        self._settings, self._report = settings, report
        self.offset_s = 0.0
        self._newest_s = self._floor_s = -math.inf
        self._run: _Run | None = None
        self._tracked_s = self._window_s = -math.inf
        self._youngest_s, self._drift_s = -math.inf, 0.0

    def apply(self, stamps: F64, now_s: float) -> tuple[F64, NDArray[np.bool_] | None]:
        """Stamps (n,), n > 0, on the local clock, and which to keep (n,), or None for all."""
        shifted = stamps + self.offset_s if self.offset_s else stamps
        keep = self._kept(shifted, now_s)
        if self._settings.off_clock == "follow" and self._stepped(shifted, now_s):
            shifted = stamps + self.offset_s
            keep = self._kept(shifted, now_s)
        if keep is None:
            self._newest_s = max(self._newest_s, bounds_s(shifted)[1])
            return shifted, None
        self._report("stamp_off_clock", int(np.count_nonzero(~keep)))
        known = shifted[keep & np.isfinite(shifted)]
        if len(known):
            self._newest_s = max(self._newest_s, float(known.max()))
        return shifted, keep

    def _kept(self, stamps: F64, now_s: float) -> NDArray[np.bool_] | None:
        bound_s = self._settings.max_clock_error_s
        oldest_s = max(now_s - bound_s, self._floor_s)
        first_s, newest_s = bounds_s(stamps)
        if first_s >= oldest_s and newest_s <= now_s + bound_s:
            return None
        backlog = stamps >= self._newest_s if math.isfinite(self._newest_s) else False
        keep = ((stamps >= now_s - bound_s) | backlog) & (stamps <= now_s + bound_s)
        keep &= stamps >= self._floor_s
        keep |= ~np.isfinite(stamps)
        return None if keep.all() and np.isfinite(stamps).all() else keep

    def _stepped(self, stamps: F64, now_s: float) -> bool:
        """Watch for another clock; tell whether its offset was taken just now."""
        stamp_s = last_s(stamps)
        if stamp_s is None:
            return False
        error_s = stamp_s - now_s
        # No delay makes stamps run backward; within the bound that is what tells a clock.
        backward = stamp_s < self._newest_s - STEADY_S and error_s < -STEADY_S
        if abs(error_s) <= self._settings.max_clock_error_s and not backward:
            self._run = None
            if self.offset_s:
                self._track(error_s, now_s)
            return False
        if self._run is None or not self._run.takes(error_s):
            self._run = _Run(now_s, error_s, error_s)
        if now_s - self._run.since_s < self._settings.clock_step_after_s:
            return False
        self._step(-self._run.high_s)
        return True

    def _step(self, amount_s: float) -> None:
        offset_s = self.offset_s + amount_s
        self.offset_s = 0.0 if abs(offset_s) <= STEADY_S else offset_s
        self._floor_s = self._newest_s
        self._run = None
        self._window_s, self._youngest_s, self._drift_s = -math.inf, -math.inf, 0.0
        self._report(
            "clock_step",
            1,
            f"its clock stepped by {-amount_s:+.3f} s against ours: its stamps are shifted by "
            f"{self.offset_s:+.3f} s from now on",
            step_s=-amount_s,
            offset_s=self.offset_s,
        )

    def _track(self, error_s: float, now_s: float) -> None:
        """Follow the rate of a clock that is not ours, slowly, so that it never runs backward."""
        if not math.isfinite(self._window_s):
            self._window_s = self._tracked_s = now_s
        most_s = SLEW * (now_s - self._tracked_s)
        move_s = min(max(self._drift_s, -most_s), most_s)
        self.offset_s -= move_s
        self._drift_s -= move_s
        self._tracked_s = now_s
        self._youngest_s = max(self._youngest_s, error_s)
        if now_s - self._window_s >= SLEW_WINDOW_S:
            self._drift_s, self._youngest_s = self._youngest_s, -math.inf
            self._window_s = now_s
