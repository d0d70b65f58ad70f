"""What is known at the end of a bin: all that a source of labels or of rewards may see."""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from eprop_rt.series import F64


class Event(StrEnum):
    """The most important thing that happened in a bin, the least of them first."""

    NONE = "none"
    LEFT = "left"
    ENTERED = "entered"
    TARGET_ON = "target_on"
    FAILURE = "failure"
    SUCCESS = "success"


@dataclass(frozen=True, slots=True)
class Scene:
    """Cursor, target and what the decoder said, at the end of a bin.

    `position` and `velocity` (axes,) are the cursor's, in cm and cm/s; `command` (outputs,) is what
    the decoder said in this bin. `target` (axes,) is NaN where there is none; `since_onset_s`
    counts from when this target was shown. `intent` (axes,) is what the simulated user truly
    intended, NaN where nobody knows: for analysis, and for the oracle among the sources. `selected`
    (axes,) is the middle of the cell of a grid that was selected in this bin, right or wrong, None
    where none was. `box`: inside is within the radius on every axis.
    """

    position: F64
    velocity: F64
    command: F64
    target: F64
    radius_cm: float
    inside: bool
    since_onset_s: float
    event: Event
    intent: F64
    selected: F64 | None = None
    box: bool = False


def within(position: F64, target: F64, radius_cm: float, *, box: bool) -> bool:
    """Whether a position (axes,) is inside a target (axes,); never in one that is not there."""
    way = target - position
    if box:
        return bool(np.max(np.abs(way)) <= radius_cm)
    return bool(math.sqrt(float(way @ way)) <= radius_cm)
