"""What the user of a cursor wanted, as far as cursor and target tell.

Straight to the target: the assumption of Gilja et al. 2012, Nat. Neurosci. 15:1752. It holds once
people have reacted to a new target.
"""

import numpy as np
from numpy.typing import ArrayLike

from eprop_rt.series import F64

_ROUNDING_S = 1e-6  # stamps are multiples of an interval


def towards(position: ArrayLike, target: ArrayLike, speed: ArrayLike = 1.0) -> F64:
    """The velocity (..., axes) of this speed (...) from position to target, both (..., axes).

    Zero where the cursor is on the target, NaN where either is unknown.
    """
    way = np.asarray(target, np.float64) - np.asarray(position, np.float64)
    distance = np.sqrt(np.sum(way * way, axis=-1))
    speed = np.broadcast_to(np.asarray(speed, np.float64), distance.shape)
    pace = np.divide(speed, distance, out=np.zeros_like(distance), where=distance != 0)
    return np.asarray(way * pace[..., None])


def intended_direction(
    stamps: F64, position: F64, target: F64, begins_s: F64, reaction_s: float
) -> F64:
    """A unit vector (n, axes) a stamp (n,), from position to target (n, axes).

    NaN where there is no target, and until `reaction_s` after what is asked for began: at
    `begins_s` (n,), NaN outside of trials, or when the target last changed.
    """
    same = (target[1:] == target[:-1]) | (np.isnan(target[1:]) & np.isnan(target[:-1]))
    changed = np.concatenate([[True], ~same.all(axis=1)])
    shown_s = stamps[np.maximum.accumulate(np.where(changed, np.arange(len(stamps)), 0))]
    reacted = stamps >= np.maximum(begins_s, shown_s) + reaction_s - _ROUNDING_S
    return np.where(reacted[:, None], towards(position, target), np.nan)
