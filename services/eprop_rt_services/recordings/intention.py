"""Labels that a recording does not hold but tells: where the user of a cursor wanted it to go."""

import numpy as np

from eprop_rt.errors import RecordingError
from eprop_rt.intention import intended_direction
from eprop_rt.series import F64, StreamInfo
from eprop_rt_services.recordings.recording import Series
from eprop_rt_services.recordings.trials import ROUNDING_S, Trials

INTENTION = "intention"


def intention(cursor: Series, target: Series, trials: Trials | None, reaction_s: float) -> Series:
    """Unit vectors from the cursor to the newest target, on the cursor's stamps.

    Where the recording has trials: only inside them, and only while the cursor can be moved.
    """
    axes = cursor.info.channels
    if target.info.channels != axes:
        raise RecordingError(
            f"cursor {cursor.info.name!r} has {axes} axes, target {target.info.name!r} "
            f"{target.info.channels}: name others by recording.cursor and recording.target"
        )
    stamps = cursor.stamps
    begins_s = np.full(len(stamps), -np.inf)
    movable = np.full(len(stamps), True)
    if trials is not None:
        at = trials.at(stamps)
        begins_s = np.where(at < 0, np.nan, trials.start_s[at])
        movable = stamps >= trials.moves_s[at] - ROUNDING_S
    position = cursor.values.astype(np.float64)
    direction = intended_direction(stamps, position, newest(target, stamps), begins_s, reaction_s)
    direction[~movable] = np.nan
    info = StreamInfo(
        name=INTENTION,
        channels=axes,
        sample_rate_hz=cursor.info.sample_rate_hz,
        channel_names=cursor.info.channel_names,
        units=("1",) * axes,
    )
    return Series(info, stamps, direction.astype(np.float32))


def newest(series: Series, stamps: F64) -> F64:
    """The value (n, channels) that was the newest at each stamp (n,), NaN before the first."""
    at = np.searchsorted(series.stamps, stamps + ROUNDING_S, side="right") - 1
    return np.where(at[:, None] < 0, np.nan, series.values[at].astype(np.float64))
