"""Samples in and out of the conditioning chain, and recursive filters over them.

Blocks are (n, C), samples by channels; loops run over channels inside, which is where they
vectorise, and what a sample becomes does not depend on how many come at once. `marks` (n, C) says
which values are absent; it is read in rows with `broken` (n,) alone, else it holds anything.
"""

import numpy as np

from eprop_rt.kernels import disjoint, in_order
from eprop_rt.structs import Floats, Marks


@in_order
def take_in(samples: Floats, held: Floats, values: Floats, marks: Marks, broken: Marks) -> None:
    """Samples as float64; in the place of what is not finite, what the channel had before."""
    for t in range(samples.shape[0]):
        finite = 0
        for c in range(samples.shape[1]):
            finite += np.isfinite(samples[t, c])
        if finite == samples.shape[1]:
            broken[t] = 0
            for c in range(samples.shape[1]):
                values[t, c] = samples[t, c]
        else:
            broken[t] = 1
            before = held if t == 0 else values[t - 1]
            for c in range(samples.shape[1]):
                there = np.isfinite(samples[t, c])
                values[t, c] = samples[t, c] if there else before[c]
                marks[t, c] = not there
    last = samples.shape[0] - 1
    for c in range(samples.shape[1]):
        held[c] = values[last, c] if last >= 0 else held[c]


@in_order
def give_out(values: Floats, marks: Marks, broken: Marks, out: Floats) -> None:
    """Values as float32, NaN where absent."""
    for t in range(values.shape[0]):
        for c in range(values.shape[1]):
            out[t, c] = values[t, c]
        if broken[t]:
            for c in range(values.shape[1]):
                if marks[t, c]:
                    out[t, c] = np.nan


@in_order
def filter_sections(
    values: Floats,
    marks: Marks,
    broken: Marks,
    sections: Floats,
    rest: Floats,
    state: Floats,
    fresh: Marks,
) -> None:
    """Second-order sections (S, 6) in series, in place, direct form II transposed.

    `state` is (S, 2, C). A channel that is `fresh` (C,), with fresh[C] their number, starts as if
    its first value had been there for ever: `rest` (S, 2) is the state of a 1 that always was.
    """
    C = values.shape[1]
    for t in range(values.shape[0]):
        if fresh[C]:
            for c in range(C):
                if fresh[c] and not (broken[t] and marks[t, c]):
                    fresh[c] = 0
                    for s in range(sections.shape[0]):
                        state[s, 0, c] = rest[s, 0] * values[t, c]
                        state[s, 1, c] = rest[s, 1] * values[t, c]
            fresh[C] = 0
            for c in range(C):
                fresh[C] |= fresh[c]
        for s in range(sections.shape[0]):
            b0, b1, b2 = sections[s, 0], sections[s, 1], sections[s, 2]
            a1, a2 = sections[s, 4], sections[s, 5]
            for c in range(C):
                x = values[t, c]
                y = b0 * x + state[s, 0, c]
                state[s, 0, c] = b1 * x - a1 * y + state[s, 1, c]
                state[s, 1, c] = b2 * x - a2 * y
                values[t, c] = y


@in_order
def magnitude(values: Floats) -> None:
    """|x|, in place."""
    for t in range(values.shape[0]):
        for c in range(values.shape[1]):
            values[t, c] = abs(values[t, c])


@in_order
def copy_block(values: Floats, out: Floats) -> None:
    """A block into another of its shape."""
    for t in range(values.shape[0]):
        for c in range(values.shape[1]):
            out[t, c] = values[t, c]


@in_order
def squares_into(values: Floats, out: Floats, first: int) -> None:
    """x^2 into the channels of `out` from `first` on."""
    for t in range(values.shape[0]):
        for c in range(values.shape[1]):
            out[t, first + c] = values[t, c] * values[t, c]


@disjoint
def subtract_average(values: Floats, marks: Marks, broken: Marks) -> None:
    """Take the mean over the channels that are there off every sample, in place."""
    for t in range(values.shape[0]):
        total, there = 0.0, values.shape[1]
        if broken[t]:
            there = 0
            for c in range(values.shape[1]):
                if not marks[t, c]:
                    total += values[t, c]
                    there += 1
        else:
            for c in range(values.shape[1]):
                total += values[t, c]
        mean = total / max(there, 1)
        for c in range(values.shape[1]):
            values[t, c] -= mean
