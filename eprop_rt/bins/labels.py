"""Labels by bin: kept until their bin is decoded, never seen by the decoder before."""

import numpy as np

from eprop_rt.bins.grid import BinGrid, interval_s
from eprop_rt.series import F32, F64, LabelChunk, StreamInfo

KEPT_LATE = 64  # bins whose late labels may still be joined by others


class LabelBins:
    """The mean label of each bin that is still to come; NaN where a bin has none.

    Labels whose bin was decoded already are kept apart, for `late`.
    """

    def __init__(self, grid: BinGrid, info: StreamInfo | None, outputs: int) -> None:
        self._grid = grid
        self._interval_s = interval_s(info)
        self._outputs = outputs
        self._early: list[LabelChunk] = []
        self._sums: dict[int, F64] = {}
        self._counts: dict[int, F64] = {}
        self._late: dict[int, tuple[F64, F64]] = {}
        self._came_late: set[int] = set()
        self._taken = -1

    def push(self, chunk: LabelChunk) -> None:
        """Add labels (n, outputs); those that come before the first sample wait for the grid."""
        self._early.append(chunk)
        if self._grid.origin_s is not None:
            self._sort_in()

    def take(self, index: int) -> F32:
        """The label (outputs,) of bin `index`; it and all older ones are forgotten."""
        self._sort_in()
        if index > self._taken + 1:  # else nothing older is left to look for
            for old in [k for k in self._sums if k < index]:
                del self._sums[old], self._counts[old]
        self._taken = index
        if index not in self._sums:
            return np.full(self._outputs, np.nan, np.float32)
        return _mean(self._sums.pop(index), self._counts.pop(index))

    def late(self) -> list[tuple[int, F32]]:
        """Labels that came after their bin was taken, since the last call: the mean so far."""
        if not self._came_late:
            return []
        came = [(index, _mean(*self._late[index])) for index in sorted(self._came_late)]
        self._came_late.clear()
        for old in sorted(self._late)[:-KEPT_LATE]:
            del self._late[old]
        return came

    def _sort_in(self) -> None:
        for chunk in self._early:
            position = self._grid.position(chunk.stamps, self._interval_s)
            for index, value in zip(np.floor(position).tolist(), chunk.values, strict=True):
                self._add(int(index), value)
        self._early.clear()

    def _add(self, index: int, value: F32) -> None:
        seen = np.isfinite(value)
        if index <= self._taken:
            nothing = np.zeros(self._outputs), np.zeros(self._outputs)
            total, count = self._late.setdefault(index, nothing)
            self._came_late.add(index)
        else:
            total = self._sums.setdefault(index, np.zeros(self._outputs))
            count = self._counts.setdefault(index, np.zeros(self._outputs))
        total += np.where(seen, value, 0.0)
        count += seen


def _mean(total: F64, count: F64) -> F32:
    mean = total / np.maximum(count, 1)
    return np.where(count > 0, mean, np.nan).astype(np.float32)
