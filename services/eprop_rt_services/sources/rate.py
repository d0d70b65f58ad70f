"""Whether a stream runs at the rate that it announces."""

import math

from eprop_rt.series import F64

WINDOW_S = 3.0
TOLERANCE = 0.2
# A stretch that did not come says nothing about the rate of what did.
BREAK_S = 0.5


class RateWatch:
    """Compares the stamps of a regular stream with its announced rate, every few seconds.

    A break in the stamps begins the comparison anew, so lost stretches do not count.
    """

    def __init__(self, sample_rate_hz: float) -> None:
        self._rate_hz = sample_rate_hz
        self._break_s = BREAK_S + 2 / sample_rate_hz if sample_rate_hz > 0 else 0.0
        self._first_s = self._last_s = math.nan
        self._began_s = 0.0
        self._samples = 0

    def implausible_hz(self, stamps: F64, now_s: float) -> float | None:
        """The rate of the last seconds where it is implausible, told once a window."""
        if self._rate_hz <= 0:
            return None
        first_s, last_s = float(stamps[0]), float(stamps[-1])
        broken = not 0 <= first_s - self._last_s <= self._break_s
        if broken or not 0 <= last_s - first_s <= len(stamps) / self._rate_hz + self._break_s:
            self._begin(last_s, now_s)
            return None
        self._last_s = last_s
        self._samples += len(stamps)
        if now_s - self._began_s < WINDOW_S:
            return None
        span_s = last_s - self._first_s
        rate_hz = self._samples / span_s if span_s > 0 else math.inf
        self._begin(last_s, now_s)
        return None if abs(rate_hz / self._rate_hz - 1) <= TOLERANCE else rate_hz

    def _begin(self, stamp_s: float, now_s: float) -> None:
        self._first_s = self._last_s = stamp_s
        self._began_s, self._samples = now_s, 0
