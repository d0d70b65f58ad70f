"""From samples to events in them, and from events that came as such to counts."""

from typing import NamedTuple

import numpy as np

from eprop_rt.kernels import in_order
from eprop_rt.structs import Floats, Ints, Marks


class Crossing(NamedTuple):
    """What is known of each channel, (C,)."""

    square: Floats  # mean square of the past
    seen: Floats  # samples in it
    beyond: Marks  # whether the newest sample was beyond the threshold
    wait: Floats  # samples until the next crossing counts


@in_order
def crossings(
    values: Floats,
    marks: Marks,
    broken: Marks,
    state: Crossing,
    multiple: float,
    wait: float,
    rate: float,
    start: float,
    clip: float,
) -> None:
    """1 where a channel goes beyond `multiple` times its RMS, else 0; in place.

    The threshold is that of the samples before. Then the square of this one, bounded by `clip`
    times the mean square, goes into that mean with weight `rate`, or 1 / samples where more. The
    first `start` samples are not bounded, and no crossing counts among them.
    """
    side = 1.0 if multiple > 0 else -1.0
    level = multiple * multiple
    for t in range(values.shape[0]):
        for c in range(values.shape[1]):
            x = values[t, c]
            there = broken[t] == 0 or marks[t, c] == 0
            mean, seen = state.square[c], state.seen[c]
            beyond = (side * x > 0.0) and (x * x > level * mean)
            ready = seen >= start
            left = state.wait[c]
            counts = there and ready and beyond and state.beyond[c] == 0 and left <= 0.0
            values[t, c] = 1.0 if counts else 0.0
            state.wait[c] = wait if counts else max(left - 1.0, 0.0)
            state.beyond[c] = beyond if there else state.beyond[c]
            bounded = min(x * x, clip * mean) if ready else x * x
            weight = max(rate, 1.0 / (seen + 1.0))
            state.square[c] = mean + weight * (bounded - mean) if there else mean
            state.seen[c] = seen + 1.0 if there else seen


@in_order
def deltas(
    values: Floats, marks: Marks, broken: Marks, step: float, level: Floats, out: Floats
) -> None:
    """Steps up and down that a channel's level needs to follow it: out (n, 2 C), ups first.

    `level` (C,) is NaN before a channel's first value.
    """
    C = values.shape[1]
    for t in range(values.shape[0]):
        for c in range(C):
            x = values[t, c]
            there = broken[t] == 0 or marks[t, c] == 0
            before = x if np.isnan(level[c]) else level[c]
            steps = np.trunc((x - before) / step) if there else 0.0
            level[c] = before + steps * step if there else level[c]
            out[t, c] = max(steps, 0.0)
            out[t, C + c] = max(-steps, 0.0)


@in_order
def one_hot(
    values: Floats, marks: Marks, broken: Marks, shape: Ints, out: Floats, outside: Ints
) -> None:
    """A row of events [channel, unit, ...] as a count of 1 in its column of `out` (n, K).

    `shape` (4,): the first channel's number, channels, the first unit's number, units that are
    told apart (0: none). `outside` (1,) counts events that belong to no column.
    """
    first, channels, first_unit, units = shape[0], shape[1], shape[2], shape[3]
    for t in range(values.shape[0]):
        for k in range(out.shape[1]):
            out[t, k] = 0.0
        known = broken[t] == 0 or (marks[t, 0] == 0 and (units == 0 or marks[t, 1] == 0))
        channel = int(values[t, 0]) - first if known else -1
        unit = int(values[t, 1]) - first_unit if known and units > 0 else 0
        if 0 <= channel < channels and 0 <= unit < max(units, 1):
            out[t, channel * max(units, 1) + unit] = 1.0
        else:
            outside[0] += 1
        broken[t] = 0


class Watched(NamedTuple):
    """One window of every channel, (C,)."""

    samples: Floats
    first: Floats  # what sums count from
    total: Floats
    square: Floats
    low: Floats
    high: Floats
    at_low: Floats  # samples that equal `low`
    at_high: Floats


@in_order
def watch(
    values: Floats, marks: Marks, broken: Marks, state: Watched, begin: int, end: int
) -> None:
    """Add rows begin to end to the window."""
    for t in range(begin, end):
        for c in range(values.shape[1]):
            if broken[t] and marks[t, c]:
                continue
            x = values[t, c]
            new = state.samples[c] == 0.0
            first = x if new else state.first[c]
            low = x if new else state.low[c]
            high = x if new else state.high[c]
            d = x - first
            state.first[c] = first
            state.samples[c] += 1.0
            state.total[c] += d
            state.square[c] += d * d
            state.at_low[c] = 1.0 if x < low else state.at_low[c] + (x == low)
            state.at_high[c] = 1.0 if x > high else state.at_high[c] + (x == high)
            state.low[c] = min(x, low)
            state.high[c] = max(x, high)


@in_order
def mark_channels(marks: Marks, broken: Marks, bad: Marks, begin: int, end: int) -> None:
    """Take bad channels (C,) out of rows begin to end."""
    for t in range(begin, end):
        for c in range(bad.shape[0]):
            marks[t, c] = bad[c] | (marks[t, c] if broken[t] else 0)
        broken[t] = 1
