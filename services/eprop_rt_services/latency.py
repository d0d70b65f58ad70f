"""How long things take: histograms of fixed size, filled at every bin and read when asked for.

Buckets are log-linear, as those of HDR histograms: 128 to each doubling, so that a figure read from
them is at most 1/128 above the truth and never below it.
"""

import math
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from eprop_rt_protocols.status import RANGES_A_DOUBLING

TICKS_PER_S: Final = 2**27  # of 7.5 ns: a microsecond is known to 1 % as well
FINE_BITS: Final = 7
LIMIT_S: Final = 128.0
BUCKETS: Final = (int(LIMIT_S * TICKS_PER_S).bit_length() - FINE_BITS) << FINE_BITS
BUCKETS_A_RANGE: Final = 2**FINE_BITS // RANGES_A_DOUBLING  # of those that the wire knows
QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p999": 0.999}

Stage = Literal["transport", "binning", "decode", "publish", "total", "learn"]
STAGES: Final[tuple[Stage, ...]] = get_args(Stage)


def lower_edge_s(bucket: NDArray[np.int64]) -> NDArray[np.float64]:
    """Where a bucket begins; it ends where the next one begins."""
    shift = np.maximum((bucket >> FINE_BITS) - 1, 0)
    edge_s: NDArray[np.float64] = ((bucket - (shift << FINE_BITS)) << shift) / TICKS_PER_S
    return edge_s


UPPER_EDGE_S: Final = lower_edge_s(np.arange(1, BUCKETS + 1, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class Durations:
    """What a histogram held at one moment: how many durations each bucket (BUCKETS,) had taken."""

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BUCKETS, np.int64))
    sum_s: float = 0.0
    max_s: float = 0.0

    @property
    def count(self) -> int:
        """How many durations there are."""
        return int(self.counts.sum())

    def merged(self, other: "Durations") -> "Durations":
        """Those of both."""
        return Durations(
            self.counts + other.counts, self.sum_s + other.sum_s, max(self.max_s, other.max_s)
        )

    def quantile_s(self, share: float) -> float:
        """The duration that `share` of all do not exceed; NaN where there is none."""
        return self.quantiles_s([share])[0]

    def quantiles_s(self, shares: Sequence[float]) -> list[float]:
        """The same for several shares at once, which costs as much as one."""
        upto = np.cumsum(self.counts)
        total = int(upto[-1])
        if not total:
            return [math.nan] * len(shares)
        ranks = [max(1, math.ceil(share * total)) for share in shares]
        found: list[float] = UPPER_EDGE_S[np.searchsorted(upto, ranks)].tolist()
        return [min(quantile_s, self.max_s) for quantile_s in found]

    def summary_ms(self) -> dict[str, float]:
        """p50, p95, p99, p999 and max in milliseconds; empty before the first."""
        if not self.count:
            return {}
        quantiles_s = self.quantiles_s([*QUANTILES.values()])
        quantiles = {name: 1e3 * s for name, s in zip(QUANTILES, quantiles_s, strict=True)}
        return {**quantiles, "max": 1e3 * self.max_s}

    def ranges(self) -> tuple[int, ...]:
        """How many durations each range took (`eprop_rt_protocols.status`), up to the last."""
        counts = self.counts.reshape(-1, BUCKETS_A_RANGE).sum(axis=1)
        taken = np.flatnonzero(counts)
        return tuple(counts[: taken[-1] + 1].tolist()) if taken.size else ()

    def up_to(self, edges_s: Sequence[float]) -> list[int]:
        """How many durations were at most each edge; what lies in an edge's bucket is counted."""
        upto = np.cumsum(self.counts)
        at = np.searchsorted(UPPER_EDGE_S, np.array(edges_s), side="left")
        return [int(count) for count in upto[np.minimum(at, BUCKETS - 1)]]


class LatencyHistogram:
    """Takes durations; no memory is asked for after the start.

    One thread adds and resets, any thread reads. Events: `latency_negative`, counted as zero (a
    stamp ahead of the clock); `latency_not_finite`, left out.
    """

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()
        self.reset()

    def reset(self) -> None:
        """Begin anew; events stay counted."""
        self._counts = array("q", bytes(8 * BUCKETS))
        self._sum_s = self._max_s = 0.0

    def add(self, seconds: float) -> None:
        """Take one duration."""
        if not 0.0 <= seconds < LIMIT_S:
            self._add_odd(seconds)
            return
        ticks = int(seconds * TICKS_PER_S)
        shift = ticks.bit_length() - 8
        self._counts[ticks if shift <= 0 else (shift << 7) + (ticks >> shift)] += 1
        self._sum_s += seconds
        if seconds > self._max_s:  # noqa: PLR1730 - a call of max() is a third of the whole
            self._max_s = seconds

    def _add_odd(self, seconds: float) -> None:
        if not math.isfinite(seconds):
            self.events["latency_not_finite"] += 1
            return
        if seconds < 0.0:
            self.events["latency_negative"] += 1
        kept_s = max(0.0, seconds)
        self._counts[BUCKETS - 1 if kept_s else 0] += 1
        self._sum_s += kept_s
        self._max_s = max(self._max_s, kept_s)

    def taken(self) -> Durations:
        """A copy of what there is by now."""
        counts = self._counts.tobytes()  # one call of C: nothing is added in between
        return Durations(np.frombuffer(counts, np.int64), self._sum_s, self._max_s)

    def summary_ms(self) -> dict[str, float]:
        """p50, p95, p99, p999 and max in milliseconds; empty before the first."""
        return self.taken().summary_ms()


class Marks(NamedTuple):
    """When a bin's command passed from hand to hand, on one clock, in seconds.

    Stamp of the newest sample; samples in our hands; bin closed; decoded; command sent.
    """

    origin_s: float
    pulled_s: float
    binned_s: float
    decoded_s: float
    published_s: float


class StageLatencies:
    """Every stage of a bin measured apart, with learning on and with learning off.

    `transport` is stamp to pull, `binning` pull to closed bin, then `decode` and `publish`; `total`
    is stamp to published. `learn` comes after the command, and delays at most the next one.
    """

    def __init__(self) -> None:
        self._on = {stage: LatencyHistogram() for stage in STAGES}
        self._off = {stage: LatencyHistogram() for stage in STAGES}

    def command(self, marks: Marks, *, learning: bool) -> None:
        """A command was published."""
        stages = self._on if learning else self._off
        origin_s, pulled_s, binned_s, decoded_s, published_s = marks
        stages["transport"].add(pulled_s - origin_s)
        stages["binning"].add(binned_s - pulled_s)
        stages["decode"].add(decoded_s - binned_s)
        stages["publish"].add(published_s - decoded_s)
        stages["total"].add(published_s - origin_s)

    def learned(self, seconds: float, *, learning: bool = True) -> None:
        """What came after the command, learning and rehearsing, took so long."""
        (self._on if learning else self._off)["learn"].add(seconds)

    def taken(self, stage: Stage, *, learning: bool | None = None) -> Durations:
        """A copy of one stage's durations; without `learning`, those of all bins."""
        if learning is None:
            return self._on[stage].taken().merged(self._off[stage].taken())
        return (self._on if learning else self._off)[stage].taken()

    def measured(self) -> dict[Stage, Durations]:
        """A copy of every stage that was ever measured, of all bins."""
        copies = {stage: self.taken(stage) for stage in STAGES}
        return {stage: durations for stage, durations in copies.items() if durations.count}

    def reset(self) -> None:
        """Begin anew."""
        for histogram in (*self._on.values(), *self._off.values()):
            histogram.reset()

    @property
    def events(self) -> Counter[str]:
        """What was unusual about the durations, by name."""
        parts = (*self._on.values(), *self._off.values())
        return +sum((part.events for part in parts), Counter[str]())
