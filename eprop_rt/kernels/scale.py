"""Running mean and deviation, and what they make of a value."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eprop_rt.kernels import as_written, compiled
from eprop_rt.structs import Floats

SETTLED: Final = 100  # values, after which statistics know what an outlier is
OUTLIER: Final = 20.0  # standard deviations
Doubles = NDArray[np.float64]


class Statistics(NamedTuple):
    """Of every channel; float64, written in place."""

    mean: Doubles  # (C,) what (value - mean) * scale uses
    scale: Doubles  # (C,) 0 where a channel has not varied
    first: Doubles  # (C,) running mean
    second: Doubles  # (C,) running variance
    seen: Doubles  # (C,) values seen


@compiled
def take_in(values: Floats, s: Statistics, forget: float, per_channel: bool, centre: bool) -> None:
    """Take one vector (C,) into the statistics, NaN passed over, outliers bounded once settled.

    A rare event is no artefact: per channel it may bring up to four times the variance.
    """
    for c in range(values.shape[0]):
        value = float(values[c])
        if not np.isfinite(value):
            continue
        s.seen[c] += 1
        rate = max(1.0 / s.seen[c], forget)
        if s.seen[c] > SETTLED and s.scale[c] > 0:
            reach = OUTLIER / s.scale[c]
            if per_channel:
                reach = max(reach, np.sqrt(3.0 * s.second[c] / max(rate, 1e-12)))
            value = min(max(value, s.first[c] - reach), s.first[c] + reach)
        delta = value - s.first[c]
        s.first[c] += rate * delta
        s.second[c] += rate * (delta * (value - s.first[c]) - s.second[c])
    refresh(s, per_channel, centre)


@compiled
def refresh(s: Statistics, per_channel: bool, centre: bool) -> None:
    """Mean and scale from the statistics."""
    channels = s.first.shape[0]
    largest, deviation = 0.0, 0.0
    for c in range(channels):
        largest = max(largest, s.second[c])
        deviation += np.sqrt(s.second[c])
    common = (deviation / max(channels, 1)) ** 2
    for c in range(channels):
        variance = s.second[c] if per_channel else common
        # Less is rounding, of the value itself or beside its neighbours; the unit may be any.
        least = 1e-14 * s.first[c] ** 2 + 1e-14 * largest + 1e-30
        s.scale[c] = 1.0 / np.sqrt(variance) if variance > least else 0.0
        if centre:
            s.mean[c] = s.first[c]


@compiled
def apply_scale(values: Floats, s: Statistics, bound: float, out: Floats) -> None:
    """out = (values - mean) * scale, bounded; a NaN stays one."""
    for c in range(values.shape[0]):
        scaled = (values[c] - s.mean[c]) * s.scale[c]
        if scaled > bound:
            scaled = bound
        elif scaled < -bound:
            scaled = -bound
        out[c] = scaled


@compiled
def clean_and_scale(values: Floats, s: Statistics, bound: float, out: Floats) -> int:
    """Likewise, with 0 in `values` for what is not finite; how many those were."""
    broken = 0
    for c in range(values.shape[0]):
        if not np.isfinite(values[c]):
            values[c] = 0
            broken += 1
    apply_scale(values, s, bound, out)
    return broken


@as_written
def undo_scale(scaled: Floats, s: Statistics, out: Doubles) -> None:
    """out = mean + scaled / scale; the mean where a channel has not varied."""
    for c in range(scaled.shape[0]):
        width = 1.0 / s.scale[c] if s.scale[c] > 0 else 0.0
        out[c] = s.mean[c] + float(scaled[c]) * width


@compiled
def apply_scale_rows(values: Floats, s: Statistics, bound: float, out: Floats) -> None:
    """Of every row (T, C)."""
    for t in range(values.shape[0]):
        apply_scale(values[t], s, bound, out[t])
