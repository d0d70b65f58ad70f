"""Samples to bins by stamp, whatever the chunks were."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from eprop_rt.bins.grid import BinGrid, interval_s
from eprop_rt.config import BinSettings
from eprop_rt.kernels.binning import (
    MEAN,
    RMS,
    ROUNDING,
    SUM,
    VARIANCE,
    OpenBin,
    Spread,
    add_spread,
    fill,
    give_out,
)
from eprop_rt.series import F32, Chunk, StreamInfo

REDUCTIONS = {"sum": SUM, "mean": MEAN, "rms": RMS, "variance": VARIANCE}


@dataclass(frozen=True, slots=True)
class Bin:
    """One closed bin: its global index, its end, the stamp of its newest sample, values (C,).

    A channel of which nothing finite came is NaN until the stages on bins are through, and 0 for
    the decoder; `absent` counts those of regular streams.
    """

    index: int
    end_s: float
    origin_s: float
    values: F32
    absent: int = 0


class Binner:
    """Closes a bin as soon as its last sample is in; bins in which nothing came are not emitted.

    Event: `late_sample`, whose own bin was closed already; it counts for the open one.
    """

    def __init__(self, settings: BinSettings, grid: BinGrid, info: StreamInfo) -> None:
        self._reduce = REDUCTIONS[settings.reduce]
        self._channels = info.channels
        self._grid = grid
        self._interval_s = interval_s(info)
        self._newest_s = 0.0
        self._open = OpenBin(
            current=np.full(1, -1, np.int64),
            total=np.zeros(info.channels),
            seen=np.zeros(info.channels, np.int64),
            samples=np.zeros(1, np.int64),
            late=np.zeros(1, np.int64),
        )
        spread_over = info.channels if self._reduce == VARIANCE else 0
        self._spread = Spread(*(np.zeros(spread_over) for _ in Spread._fields))
        self.events: Counter[str] = Counter()

    def push(self, chunk: Chunk) -> Iterator[Bin]:
        """Yield the bins that this chunk completes, in order."""
        rows = len(chunk.stamps)
        if rows == 0:
            return
        self._grid.start(float(chunk.stamps[0]))
        position = self._grid.position(chunk.stamps, self._interval_s)
        ahead = self._interval_s / self._grid.bin_s
        row, complete = 0, False
        while row < rows:
            start = row
            row, complete = fill(
                self._open, position, ahead, chunk.samples, row, self._reduce == RMS
            )
            if self._reduce == VARIANCE:
                add_spread(self._spread, chunk.samples, start, row)
            if row > start:
                self._newest_s = float(chunk.stamps[row - 1])
            if complete:
                yield self._close()

    @property
    def last_due_s(self) -> float | None:
        """Stamp of the sample that completes the open bin, where that can be told before it comes.

        The first one from the newest on after which the middle of the next lies in another bin.
        """
        interval_s = self._interval_s
        if interval_s == 0 or self._open.current[0] < 0:
            return None
        left_s = self._grid.end_s(int(self._open.current[0])) - 1.5 * interval_s - self._newest_s
        return self._newest_s + max(1, math.ceil(left_s / interval_s - ROUNDING)) * interval_s

    def cut(self, index: int) -> Bin | None:
        """Close the open bin with what is in it, where it is bin `index` or an earlier one."""
        if self._open.samples[0] > 0 and self._open.current[0] <= index:
            return self._close()
        return None

    def _close(self) -> Bin:
        self.events["late_sample"] += int(self._open.late[0])
        index = int(self._open.current[0])
        values: F32 = np.empty(self._channels, np.float32)
        living = give_out(self._open, self._spread, self._reduce, values)
        absent = 0 if self._interval_s == 0 else self._channels - living
        return Bin(index, self._grid.end_s(index), self._newest_s, values, absent)
