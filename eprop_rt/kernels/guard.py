"""What the guard looks at in every bin: inputs beside what is usual, outputs beside the labels."""

from typing import NamedTuple

import numpy as np

from eprop_rt.kernels import compiled
from eprop_rt.kernels.scale import OUTLIER, SETTLED, Doubles, Statistics, take_in
from eprop_rt.structs import Floats, Ints

LIVING, FAR, BROUGHT_BACK = range(3)  # an axis of Inputs.counts
# Of Outputs.error: running squared error, in variances of the labels so far; how many bins are in
# it; running squared distance of those bins' labels from their mean.
SQUARED, COUNT, SPREAD = range(3)


class Inputs(NamedTuple):
    """The newest bin, and what is usual; written in place."""

    usual: Statistics  # (C,)
    values: Floats  # (C,) float32: the bin as the decoder may see it
    counts: Ints  # (3,) channels that have varied; that are far from usual; that were brought back


class Limits(NamedTuple):
    """Of one input value."""

    sigma: float  # farther from usual is far
    reach: float  # farther is brought back to here
    bound: float  # larger counts as 0, as what is not finite does


@compiled
def look_at_inputs(values: Floats, inputs: Inputs, limits: Limits) -> None:
    """Copy a bin (C,) within the limits, and count what was found."""
    s, out, counts = inputs.usual, inputs.values, inputs.counts
    living, far, back = 0, 0, 0
    for c in range(values.shape[0]):
        value = float(values[c])
        mean, scale = s.mean[c], s.scale[c]
        if not abs(value) <= limits.bound:
            value = 0.0
            back += 1
        elif scale > 0:
            away = (value - mean) * scale
            living += 1
            far += abs(away) > limits.sigma
            if abs(away) > limits.reach:
                value = mean + (limits.reach if away > 0 else -limits.reach) / scale
                back += 1
        out[c] = value
    counts[LIVING], counts[FAR], counts[BROUGHT_BACK] = living, far, back


@compiled
def take_in_inputs(inputs: Inputs, forget: float) -> None:
    """Let the newest bin count for what is usual."""
    take_in(inputs.values, inputs.usual, forget, True, True)


class Outputs(NamedTuple):
    """The range that outputs may have, from the labels so far, and the error; written in place."""

    labels: Statistics  # (M,)
    least: Doubles  # (M,) label so far, outliers bounded
    most: Doubles  # (M,)
    low: Doubles  # (M,) bounds on outputs
    high: Doubles  # (M,)
    error: Doubles  # (3,) see SQUARED, COUNT, SPREAD


class Bounds(NamedTuple):
    """On an output."""

    size: float  # infinite: none
    sigma: float  # likewise
    share: float  # of the newest bin in the running error, at least


@compiled
def bound_outputs(values: Doubles, outputs: Outputs) -> int:
    """Bring values (M,) into their range, in place; how many were outside, -1: not finite."""
    clipped = 0
    for k in range(values.shape[0]):
        if not np.isfinite(values[k]):
            return -1
        if values[k] > outputs.high[k]:
            values[k] = outputs.high[k]
            clipped += 1
        elif values[k] < outputs.low[k]:
            values[k] = outputs.low[k]
            clipped += 1
    return clipped


@compiled
def take_in_label(
    values: Doubles, label: Floats, outputs: Outputs, bounds: Bounds, decoded: bool
) -> None:
    """Compare what was said (M,) with its label where it was `decoded`; then widen the range."""
    s, error = outputs.labels, outputs.error
    total, spread, known = 0.0, 0.0, 0
    for k in range(values.shape[0]):
        settled = s.seen[k] > SETTLED and s.scale[k] > 0
        if np.isfinite(label[k]) and settled:
            away = (values[k] - label[k]) * s.scale[k]
            total += away * away
            from_mean = (label[k] - s.first[k]) * s.scale[k]
            spread += from_mean * from_mean
            known += 1
    if decoded and known > 0:
        error[COUNT] += 1
        rate = max(1.0 / error[COUNT], bounds.share)
        error[SQUARED] += rate * (total / known - error[SQUARED])
        error[SPREAD] += rate * (spread / known - error[SPREAD])
    take_in(label, s, 0.0, True, True)
    for k in range(values.shape[0]):
        if np.isfinite(label[k]):
            outputs.least[k] = min(outputs.least[k], float(label[k]))
            outputs.most[k] = max(outputs.most[k], float(label[k]))
    set_range(outputs, bounds)


@compiled
def set_range(outputs: Outputs, bounds: Bounds) -> None:
    """So many standard deviations, or what labels have reached, outliers among them bounded."""
    s = outputs.labels
    for k in range(outputs.low.shape[0]):
        low, high = -np.inf, np.inf
        if s.seen[k] > SETTLED and s.scale[k] > 0:
            farthest, reach = OUTLIER / s.scale[k], bounds.sigma / s.scale[k]
            low = min(s.first[k] - reach, max(outputs.least[k], s.first[k] - farthest))
            high = max(s.first[k] + reach, min(outputs.most[k], s.first[k] + farthest))
        outputs.low[k] = max(low, -bounds.size)
        outputs.high[k] = min(high, bounds.size)
