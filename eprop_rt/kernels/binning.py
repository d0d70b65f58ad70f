"""Adding samples to bins, one at a time, so that chunk boundaries leave no trace."""

from typing import NamedTuple

import numpy as np

from eprop_rt.kernels import compiled, in_order
from eprop_rt.structs import Floats, Ints

# Of a midpoint that lies on an edge, in bins: either side is its own. Stamps may count from 1970.
ROUNDING = 1e-3


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
