"""Labels by bin: kept until their bin is decoded, never seen by the decoder before."""

import math
from collections import Counter, deque

import numpy as np

from eprop_rt.bins.grid import BinGrid, interval_s
from eprop_rt.series import F32, F64, LabelChunk, StreamInfo

KEPT_LATE = 64  # bins whose late labels may still be joined by others
MOST_EARLY = 100_000  # bins ahead of the newest, and chunks before the first
KEPT_AHEAD = 16  # chunks that are farther ahead: the signal may jump over a gap to them


class LabelBins:
    """The mean label of each bin that is still to come; NaN where a bin has none.

    What is absent on every axis is no label: it must not take the place of one. Labels whose bin
    was decoded already are kept apart, for `late`. Event: `label_too_early`, so
    far ahead of the signal that few are waited for, and it was not among them.
    """

    def __init__(self, grid: BinGrid, info: StreamInfo | None, outputs: int) -> None:
        self._grid = grid
        self._interval_s = interval_s(info)
        self._outputs = outputs
        self._early: deque[LabelChunk] = deque(maxlen=MOST_EARLY)
        self._ahead: deque[LabelChunk] = deque()
        self._ahead_from = math.inf  # the first bin in it
        self._sums: dict[int, tuple[F64, F64]] = {}  # of the finite values, and how many
        self._late: dict[int, tuple[F64, F64]] = {}
        self._came_late: set[int] = set()
        self._taken = -1
        self.events: Counter[str] = Counter()

    def push(self, chunk: LabelChunk) -> None:
        """Add labels (n, outputs); those that come before the first sample wait for the grid."""
        self._early.append(chunk)
        if self._grid.origin_s is not None:
            self._sort_in()

    def take(self, index: int) -> F32:
        """The label (outputs,) of bin `index`; it and all older ones are forgotten."""
        if index + MOST_EARLY >= self._ahead_from:
            self._early.extend(self._ahead)
            self._ahead.clear()
            self._ahead_from = math.inf
        self._sort_in(index)
        if index > self._taken + 1:  # else nothing older is left to look for
            for old in [k for k in self._sums if k < index]:
                del self._sums[old]
        self._taken = index
        if index not in self._sums:
            return np.full(self._outputs, np.nan, np.float32)
        return _mean(*self._sums.pop(index))

    def late(self) -> list[tuple[int, F32]]:
        """Labels that came after their bin was taken, since the last call: the mean so far."""
        if not self._came_late:
            return []
        came = [(index, _mean(*self._late[index])) for index in sorted(self._came_late)]
        self._came_late.clear()
        for old in sorted(self._late)[:-KEPT_LATE]:
            del self._late[old]
        return came

    def _sort_in(self, newest: int = -1) -> None:
        farthest = max(self._taken, newest) + MOST_EARLY
        for chunk in self._early:
            position = np.floor(self._grid.position(chunk.stamps, self._interval_s))
            far = position > farthest
            if far.any():
                self._wait_for(LabelChunk(chunk.stamps[far], chunk.values[far]), position[far])
            seen = np.isfinite(chunk.values)
            near = ~far & seen.any(axis=1)
            sums = np.where(seen, chunk.values, 0.0)[near].astype(np.float64)
            rows = zip(position[near].tolist(), sums, seen[near].astype(np.float64), strict=True)
            for index, value, count in rows:
                self._add(int(index), value, count)
        self._early.clear()

    def _wait_for(self, chunk: LabelChunk, position: F64) -> None:
        if len(self._ahead) == KEPT_AHEAD:
            self.events["label_too_early"] += len(self._ahead.popleft().stamps)
        self._ahead.append(chunk)
        self._ahead_from = min(self._ahead_from, float(position.min()))

    def _add(self, index: int, value: F64, count: F64) -> None:
        if index <= self._taken:
            known = self._late
            self._came_late.add(index)
        else:
            known = self._sums
        if index in known:
            total, counts = known[index]
            total += value
            counts += count
        else:
            known[index] = value, count


def _mean(total: F64, count: F64) -> F32:
    mean = (total / np.maximum(count, 1)).astype(np.float32)
    mean[count == 0] = np.nan
    return mean
