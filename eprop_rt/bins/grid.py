"""The one grid that signal and labels share: bin k covers origin + [k, k + 1) bin_s."""

import math

from eprop_rt.config import BinSettings
from eprop_rt.series import F64, StreamInfo


class BinGrid:
    """Fixed by the stamp of the first sample; every index follows in closed form, without drift."""

    def __init__(self, bin_s: float) -> None:
        self.bin_s = bin_s
        self.origin_s: float | None = None

    def start(self, stamp_s: float) -> None:
        """Put the origin at the first sample."""
        if self.origin_s is None:
            self.origin_s = stamp_s

    def position(self, stamps: F64, interval_s: float) -> F64:
        """Midpoints of samples (n,), in bins since the origin.

        A sample of a regular stream stands for the interval that begins at its stamp. Its midpoint
        decides on its bin, so that a stamp that lies on an edge up to rounding falls on one side.
        """
        if self.origin_s is None:
            raise RuntimeError("the grid has no origin before the first sample")
        return (stamps - self.origin_s + 0.5 * interval_s) / self.bin_s

    def end_s(self, index: int) -> float:
        """Where bin `index` ends."""
        return (self.origin_s or 0.0) + (index + 1) * self.bin_s


class Gaps:
    """Tells which bins come after a gap that resets the decoder; asked of each in turn."""

    def __init__(self, settings: BinSettings) -> None:
        self._most = reset_after_bins(settings)
        self.newest: int | None = None  # index of the bin asked of last

    def before(self, index: int) -> bool:
        """Whether one lies between the newest bin and this one."""
        newest, self.newest = self.newest, index
        return newest is not None and index - newest > self._most


def steps_covering(duration_s: float, step_s: float) -> int:
    """The fewest bins, or ticks, that last so long; a quotient that rounds up is none more."""
    return math.ceil(duration_s / step_s - 1e-9)


def interval_s(info: StreamInfo | None) -> float:
    """The time that one sample stands for; 0 in an irregular stream."""
    return 1.0 / info.sample_rate_hz if info is not None and info.sample_rate_hz > 0 else 0.0


def reset_after_bins(settings: BinSettings) -> float:
    """A step of the bin's index by more than this resets the decoder."""
    return max(1.0, settings.reset_after_gap_s / settings.bin_s)
