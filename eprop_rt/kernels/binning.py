"""Adding samples to bins, one at a time, so that chunk boundaries leave no trace."""

from typing import Final, NamedTuple

import numpy as np

from eprop_rt.kernels import as_written, compiled, in_order
from eprop_rt.structs import Floats, Ints

# Of a midpoint that lies on an edge, in bins: either side is its own. Stamps may count from 1970.
ROUNDING = 1e-3
SUM, MEAN, RMS, VARIANCE = range(4)
LARGEST: Final = float(np.finfo(np.float32).max)


class OpenBin(NamedTuple):
    """The bin that is being filled; every array is written in place."""

    current: Ints  # (1,) global index, -1 before the first sample
    total: Floats  # (C,) sum of values, or of their squares
    seen: Ints  # (C,) finite values in `total`
    samples: Ints  # (1,)
    late: Ints  # (1,) samples whose own bin was closed already


@compiled
def fill(
    open_bin: OpenBin, position: Floats, ahead: float, samples: Floats, first: int, square: bool
) -> tuple[int, bool]:
    """Add samples from row `first` on, until a bin is complete; returns (next row, complete).

    `position` (n,) are the samples' midpoints in bins since the origin, `ahead` the distance to
    the next sample's midpoint (0: unknown). A bin is complete with its last sample, where the next
    one would lie beyond its end, or else when a sample of a later bin appears.
    """
    for row in range(first, samples.shape[0]):
        index = int(np.floor(position[row]))
        if index > open_bin.current[0]:
            if open_bin.samples[0] > 0:
                return row, True
            open_bin.current[0] = index
        elif position[row] < open_bin.current[0] - ROUNDING:
            open_bin.late[0] += 1
        open_bin.samples[0] += 1
        for c in range(samples.shape[1]):
            value = samples[row, c]
            if np.isfinite(value):
                open_bin.total[c] += value * value if square else value
                open_bin.seen[c] += 1
        if ahead > 0 and np.floor(position[row] + ahead) > open_bin.current[0]:
            return row + 1, True
    return samples.shape[0], False


class Spread(NamedTuple):
    """Of the finite values in the bin that is being filled, (C,)."""

    seen: Floats
    mean: Floats
    squares: Floats  # of the distances from the mean, summed


@in_order
def add_spread(spread: Spread, samples: Floats, first: int, last: int) -> None:
    """Add rows `first` to `last` (Welford 1962)."""
    for row in range(first, last):
        for c in range(samples.shape[1]):
            value = float(samples[row, c])
            if np.isfinite(value):
                spread.seen[c] += 1.0
                distance = value - spread.mean[c]
                spread.mean[c] += distance / spread.seen[c]
                spread.squares[c] += distance * (value - spread.mean[c])


@as_written
def give_out(open_bin: OpenBin, spread: Spread, reduce: int, values: Floats) -> int:
    """Write the bin's values (C,), NaN where nothing finite came, and begin the next one.

    Returns how many channels had something. `spread` is that of VARIANCE, else of no channel.
    """
    total, seen = open_bin.total, open_bin.seen
    living = 0
    for c in range(values.shape[0]):
        value, many = total[c], max(seen[c], 1)
        if reduce == VARIANCE:
            value = spread.squares[c] / max(spread.seen[c], 1.0)
        elif reduce != SUM:
            value = value / many
        if reduce == RMS:
            value = np.sqrt(value)
        if seen[c] == 0 or (reduce == VARIANCE and spread.seen[c] == 1):  # one varies by nothing
            value = np.nan
        elif value > LARGEST:  # no value in single precision for whoever looks at it
            value = np.inf
        elif value < -LARGEST:
            value = -np.inf
        values[c] = value
        living += seen[c] > 0
    open_bin.total[:] = 0
    open_bin.seen[:] = 0
    for sums in spread:
        sums[:] = 0
    open_bin.current[0] += 1
    open_bin.samples[0] = open_bin.late[0] = 0
    return living


@compiled
def rows_not_finite(samples: Floats) -> int:
    """How many of these (n, C) have a value that is not finite."""
    rows = 0
    for row in range(samples.shape[0]):
        broken = False
        for c in range(samples.shape[1]):
            broken |= not np.isfinite(samples[row, c])
        rows += broken
    return rows


@compiled
def any_nan(values: Floats) -> bool:
    """Whether one of these (C,) is NaN."""
    found = False
    for c in range(values.shape[0]):
        found |= np.isnan(values[c])
    return found
