"""What has been seen of one daemon so far; written by the threads that follow it, read by pages."""

import itertools
import math
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eprop_rt.series import F32, F64
from eprop_rt_protocols.screen import Screen, TrialResult
from eprop_rt_protocols.status import LatencyMs, Stage, Status
from eprop_rt_protocols.view import View, ViewHeader

SPAN_S = 6.0  # of bins that are kept
TRAIL_S = 0.8
MAX_TRIALS = 5000
MAX_NORMS = 3600
MAX_AGES = 600
RECENT_S = 60.0  # that latencies of the recent past go back
GONE_S = 3.0  # without an answer, a screen or a view


@dataclass(frozen=True, slots=True)
class Bins:
    """The newest bins, the newest last: `at` (n,) in seconds before the newest, and their rows."""

    at_s: F64
    decoded: F32
    labels: F32
    inputs: F32
    spikes: NDArray[np.bool_]
    header: ViewHeader  # of the newest view


@dataclass(frozen=True, slots=True)
class Norms:
    """Norms of the groups of weights at one time, of this machine's monotonic clock."""

    at_s: float
    values: dict[str, float]


@dataclass(slots=True)
class Seen:
    """Everything; take `lock` to look at more than one of them."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    status: Status | None = None
    status_at_s: float = -1e9
    learns: bool = True  # now or when it is thawed; as long as it has not said that it never does
    refusal: str = ""
    view_at_s: float = -1e9
    screen: Screen | None = None
    screen_at_s: float = -1e9
    weights: F32 = field(default_factory=lambda: np.zeros(0, np.float32))
    views: deque[View] = field(default_factory=deque)
    norms: deque[Norms] = field(default_factory=lambda: deque(maxlen=MAX_NORMS))
    ages: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=MAX_AGES))
    latencies: deque[tuple[float, dict[Stage, LatencyMs]]] = field(default_factory=deque)
    trials: deque[TrialResult] = field(default_factory=lambda: deque(maxlen=MAX_TRIALS))
    trail: deque[tuple[float, float, float]] = field(default_factory=deque)
    changes: int = 0  # grows with every view, and when they are forgotten

    def take_status(self, status: Status) -> None:
        """An answer came."""
        now_s = time.monotonic()
        with self.lock:
            if self.status is not None and status.pid != self.status.pid:
                self._begin_anew()
            self.status, self.status_at_s, self.refusal = status, now_s, ""
            self.latencies.append((now_s, status.latency_ms))
            while self.latencies[0][0] < now_s - RECENT_S:
                self.latencies.popleft()
            if status.state == "running":  # before, learning is off in any daemon
                self.learns = status.learning != "off"
            if status.data_age_s is not None and now_s - self.view_at_s > 0.5:
                self.ages.append((now_s, status.data_age_s))

    def take_silence(self, why: str) -> None:
        """No answer came."""
        with self.lock:
            self.refusal = why

    def take_view(self, view: View) -> None:
        """A view came."""
        now_s, header = time.monotonic(), view.header
        with self.lock:
            newest = self.views[-1].header if self.views else None
            if newest is not None and (
                header.pid != newest.pid or header.first < newest.first or not fits(view, newest)
            ):
                self._begin_anew()
            self.views.append(view)
            self.view_at_s, self.changes = now_s, self.changes + 1
            oldest_bin = header.first + header.bins - SPAN_S / header.bin_s
            while self.views[0].header.first + self.views[0].header.bins < oldest_bin:
                self.views.popleft()
            if header.data_age_s is not None:
                self.ages.append((now_s, header.data_age_s))
            if header.norms is not None:
                self.norms.append(Norms(now_s, header.norms))
                self.weights = view.weights

    def take_screen(self, screen: Screen) -> None:
        """A task's screen came."""
        now_s = time.monotonic()
        with self.lock:
            if self.screen is not None and screen.stamp_s < self.screen.stamp_s:
                self.trials.clear()  # another clock
                self.trail.clear()
            self.screen, self.screen_at_s = screen, now_s
            # By their ends: the numbers of trials begin anew with each series.
            newest_s = self.trials[-1].ended_s if self.trials else -math.inf
            self.trials.extend(one for one in screen.recent if one.ended_s > newest_s)
            self.trail.append((now_s, *screen.cursor))
            while self.trail[0][0] < now_s - TRAIL_S:
                self.trail.popleft()

    @property
    def alive(self) -> bool:
        """Whether it has answered lately."""
        return time.monotonic() - self.status_at_s < GONE_S

    @property
    def screen_is_stale(self) -> bool:
        """Whether a screen came once, and none lately."""
        return self.screen is not None and time.monotonic() - self.screen_at_s > GONE_S

    @property
    def views_are_stale(self) -> bool:
        """Whether a view came once, and none lately."""
        return bool(self.views) and time.monotonic() - self.view_at_s > GONE_S

    def bins(self, span_s: float) -> Bins | None:
        """Those of the newest `span_s`; None while there is none."""
        with self.lock:
            views = list(self.views)
        if not views:
            return None
        newest = views[-1].header
        number = np.concatenate([v.header.first + np.arange(v.header.bins) for v in views])
        at_s = (number - (newest.first + newest.bins - 1)) * newest.bin_s
        kept = at_s > -span_s

        def rows(name: str) -> NDArray[Any]:
            return np.concatenate([getattr(view, name) for view in views])[kept]

        return Bins(
            at_s[kept],
            rows("decoded"),
            rows("labels"),
            rows("inputs"),
            rows("spikes"),
            newest,
        )

    def all_trials(self) -> list[TrialResult]:
        """Every trial that is remembered, in their order."""
        with self.lock:
            return list(self.trials)

    def recent_counts(self) -> dict[Stage, list[int]]:
        """How many durations of the last minute each range of each stage took."""
        with self.lock:
            if not self.latencies:
                return {}
            (_, before), (_, now) = self.latencies[0], self.latencies[-1]
        return {stage: gained(told, before.get(stage)) for stage, told in now.items()}

    def _begin_anew(self) -> None:
        """Another process answers: what the one before had shown is no part of its story."""
        self.views.clear()
        self.norms.clear()
        self.latencies.clear()
        self.changes += 1


def gained(now: LatencyMs, before: LatencyMs | None) -> list[int]:
    """What came to the counts since; all of them where they have begun anew."""
    told = () if before is None else before.counts
    pairs = [*itertools.zip_longest(now.counts, told, fillvalue=0)]
    if any(count < earlier for count, earlier in pairs):
        return list(now.counts)
    return [count - earlier for count, earlier in pairs]


def fits(view: View, newest: object) -> bool:
    """Whether rows of both can stand in one table."""
    header = view.header
    names = "outputs", "inputs", "neurons", "bin_s"
    return all(getattr(header, name) == getattr(newest, name) for name in names)
