"""The table of trials in an NWB file."""

from typing import TYPE_CHECKING

import numpy as np

from eprop_rt.series import F64
from eprop_rt_services.recordings.trials import Trials

if TYPE_CHECKING:
    import pynwb
    from pynwb.epoch import TimeIntervals

# From when on the cursor could be moved, and which part of the session: NWB has no standard names.
MOVES = ("move_time", "go_cue_time")
BLOCK = ("block", "task_block")


def trials_of(file: "pynwb.NWBFile") -> Trials | None:
    """The trials, with what the table says of them; None without any."""
    table = file.trials
    if table is None:
        return None
    moves = next((name for name in MOVES if name in table.colnames), "start_time")
    block = next((name for name in BLOCK if name in table.colnames), None)
    trials = Trials.ordered(
        _times(table, "start_time"),
        _times(table, "stop_time"),
        _times(table, moves),
        ("",) * len(table) if block is None else tuple(map(str, table[block].data[:])),
    )
    return trials if trials.block else None


def _times(table: "TimeIntervals", column: str) -> F64:
    return np.asarray(table[column].data[:], np.float64)
