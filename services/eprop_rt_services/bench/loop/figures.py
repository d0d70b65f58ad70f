"""What the files of one measurement say."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from eprop_rt.series import F64
from eprop_rt_services.latency import Durations, LatencyHistogram

Kind = Literal["learning_off", "learning_on", "followed_off", "followed_on"]

P50_US, P99_RATIO, MISSED_SHARE, LEARNING_US = 300.0, 1.5, 1e-4, 50.0


@dataclass(frozen=True, slots=True)
class Round:
    """A stretch of the measurement, on the clock of the stamps."""

    kind: Kind
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class Way:
    """From the push of a bin's newest sample to its message in the hands of a reader.

    `bins` were due; `missed` of them came a bin too late or not at all.
    """

    took: Durations
    bins: int
    missed: int

    def us(self, share: float) -> float:
        """A percentile in microseconds."""
        return 1e6 * self.took.quantile_s(share)

    def figures(self) -> dict[str, float]:
        """The contract of `--json`."""
        named = {"p50_us": 0.5, "p99_us": 0.99, "p999_us": 0.999}
        told = {name: self.us(share) for name, share in named.items()}
        return {**told, "max_us": 1e6 * self.took.max_s, "bins": self.bins, "missed": self.missed}


def way(sent: F64, received: F64, rounds: list[Round], bin_s: float) -> Way:
    """Of rows as `log.SENT` and `log.RECEIVED`; bins whose newest sample lies in the rounds."""
    newest_s, pushed_s = sent.T
    origin_s, came_s = received.T[:2]
    took_s = came_s - pushed_s[np.searchsorted(newest_s, origin_s - 1e-6).clip(0, len(sent) - 1)]
    within = inside(origin_s, rounds)
    histogram = LatencyHistogram()
    for seconds in took_s[within].tolist():
        histogram.add(seconds)
    due = due_bins(newest_s, origin_s, rounds, bin_s)
    in_time = int(np.count_nonzero(took_s[within] <= bin_s))
    return Way(histogram.taken(), due, max(0, due - in_time))


@dataclass(frozen=True, slots=True)
class Standstills:
    """How often the sender, which does nothing but send, was not heard of for half a bin."""

    count: int
    longest_s: float


def standstills(sent: F64, rounds: list[Round], bin_s: float) -> Standstills:
    """Of rows as `log.SENT`: what the machine did to a process that asks for next to nothing."""
    pushed_s = sent[:, 1]
    gaps_s = np.diff(pushed_s)
    counted = inside(pushed_s[:-1], rounds) & (gaps_s > bin_s / 2 + np.median(gaps_s))
    return Standstills(int(np.count_nonzero(counted)), float(gaps_s[counted].max(initial=0.0)))


def inside(at_s: F64, rounds: list[Round]) -> NDArray[np.bool_]:
    """Which instants lie in one of the rounds."""
    within = np.zeros(len(at_s), np.bool_)
    for each in rounds:
        within |= (at_s >= each.from_s) & (at_s < each.to_s)
    return within


def due_bins(newest_s: F64, origin_s: F64, rounds: list[Round], bin_s: float) -> int:
    """How many bins ended in the rounds, by the grid of those that came and what was sent."""
    if not len(origin_s):
        return 0
    first = int(np.floor((newest_s[0] - origin_s[0]) / bin_s))
    last = int(np.floor((newest_s[-1] - origin_s[0]) / bin_s + 1e-6))
    ends_s = origin_s[0] + np.arange(first, last + 1) * bin_s
    return int(np.count_nonzero(inside(ends_s, rounds)))


@dataclass(frozen=True, slots=True)
class Bar:
    """What was to be shown, and whether it was."""

    name: str
    found: float
    limit: float

    @property
    def holds(self) -> bool:
        """Whether it was."""
        return self.found <= self.limit


def bars(relay: Way, off: Way, on: Way) -> tuple[Bar, ...]:
    """The bars, in their order."""
    missed = (off.missed + on.missed) / max(off.bins + on.bins, 1)
    return (
        Bar("p50 over the relay, us", on.us(0.5) - relay.us(0.5), P50_US),
        Bar("p99 as a multiple of the relay's", on.us(0.99) / relay.us(0.99), P99_RATIO),
        Bar("share of bins missed", missed, MISSED_SHARE),
        Bar("learning's cost at the median, us", on.us(0.5) - off.us(0.5), LEARNING_US),
    )
