"""The clock of a stream's sender against that of the recorder, through its clock offsets.

A recorder measures every few seconds how far the clocks are apart. A line through the measurements
takes a sender's stamps to the recorder's clock; where a clock was set or a machine restarted, a
new line begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from eprop_rt.series import F64

SCALE_S = 1e-4  # of the Huber loss: measurements further off than that pull less
ROUNDS = 100
RESET_TIME_S, RESET_TIME_SPREADS = 5.0, 5.0
RESET_VALUE_S, RESET_VALUE_SPREADS = 1.0, 10.0
PART = 1 << 20


@dataclass(frozen=True, slots=True)
class Line:
    """`intercept_s` + `slope` x stamp is added to stamps; it was measured from begin_s to end_s."""

    intercept_s: float
    slope: float
    begin_s: float
    end_s: float


def lines(times_s: Sequence[float], offsets_s: Sequence[float]) -> list[Line]:
    """A line for each stretch between resets; none without measurements."""
    times, offsets = np.asarray(times_s, np.float64), np.asarray(offsets_s, np.float64)
    if len(times) == 0:
        return []
    cuts = [0, *(np.flatnonzero(_resets(times, offsets)) + 1).tolist(), len(times)]
    return [_line(times[begin:end], offsets[begin:end]) for begin, end in pairwise(cuts)]


def synchronise(stamps: F64, found: Sequence[Line]) -> None:
    """Take stamps to the recorder's clock, in place and a part at a time."""
    begin = 0
    for at, line in enumerate(found):
        after = found[at + 1] if at + 1 < len(found) else None
        end = len(stamps) if after is None else _end_of(stamps, begin, line.end_s, after.begin_s)
        for start in range(begin, end, PART):
            part = stamps[start : min(start + PART, end)]
            part += line.intercept_s + line.slope * part
        begin = end


def _end_of(stamps: F64, begin: int, end_s: float, next_s: float) -> int:
    """Where the first stamp stands that is nearer to the next stretch than to this one."""
    for start in range(begin, len(stamps), PART):
        part = stamps[start : start + PART]
        nearer = np.abs(part - end_s) < np.abs(part - next_s)
        if not nearer.all():
            return start + int(np.argmin(nearer))
    return len(stamps)


def _resets(times: F64, offsets: F64) -> NDArray[np.bool]:
    """Whether the clock was set after each measurement but the last."""
    steps, jumps = np.diff(times), np.diff(offsets)
    late = _unusual(steps, RESET_TIME_S, RESET_TIME_SPREADS)
    return np.asarray((steps < 0) | (late & _unusual(jumps, RESET_VALUE_S, RESET_VALUE_SPREADS)))


def _unusual(steps: F64, least_s: float, spreads: float) -> NDArray[np.bool]:
    """Which are far from the median, in seconds and in median absolute deviations."""
    if len(steps) == 0:
        return np.zeros(0, bool)
    away = np.abs(steps - np.median(steps))
    typical = float(np.median(away))
    return np.asarray(away > max(least_s, spreads * (typical + np.finfo(np.float64).eps)))


def _line(times: F64, offsets: F64) -> Line:
    begin_s, end_s = float(times[0]), float(times[-1])
    if len(times) == 1 or np.ptp(times) == 0:
        return Line(float(offsets[0]), 0.0, begin_s, end_s)
    middle = float(times.mean())
    design = np.stack([np.ones(len(times)), times - middle], axis=1)
    weights = np.ones(len(times))
    solution = np.zeros(2)
    for _ in range(ROUNDS):  # iteratively reweighted least squares
        root = np.sqrt(weights)
        newest, *_ = np.linalg.lstsq(design * root[:, None], offsets * root, rcond=None)
        settled = np.allclose(newest, solution, rtol=1e-12, atol=1e-15)
        solution = newest
        if settled:
            break
        away = np.abs(design @ solution - offsets)
        weights = np.minimum(1.0, SCALE_S / np.maximum(away, 1e-15))
    slope = float(solution[1])
    return Line(float(solution[0]) - slope * middle, slope, begin_s, end_s)
