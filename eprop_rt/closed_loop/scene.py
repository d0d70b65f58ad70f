"""What is known at the end of a bin: all that a source of labels or of rewards may see."""

from dataclasses import dataclass
from enum import StrEnum

from eprop_rt.series import F64


class Event(StrEnum):
    """The most important thing that happened in a bin, the least of them first."""

    NONE = "none"
    LEFT = "left"
    ENTERED = "entered"
    TARGET_ON = "target_on"
    SELECTED = "selected"  # of a grid: a cell was dwelt on, right or wrong
    FAILURE = "failure"
    SUCCESS = "success"


@dataclass(frozen=True, slots=True)
class Scene:
    """Cursor, target and what the decoder said, at the end of a bin.

    `position` and `velocity` (axes,) are the cursor's, in cm and cm/s; `command` (outputs,) is what
    the decoder said in this bin. `target` (axes,) is NaN where there is none; `since_onset_s`
    counts from when this target was shown. `intent` (axes,) is what the simulated user truly
    intended, NaN where nobody knows: for analysis, and for the oracle among the sources.
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
