"""The table of trials in an NWB file."""

from typing import TYPE_CHECKING, Any

import numpy as np

from eprop_rt.errors import RecordingError
from eprop_rt.series import F64
from eprop_rt.structs import Ints
from eprop_rt_services.recordings.hdf5 import checked
from eprop_rt_services.recordings.trials import Trials

if TYPE_CHECKING:
    import pynwb
    from pynwb.epoch import TimeIntervals

# From when on the cursor could be moved, and which part of the session: NWB has no standard names.
MOVES = ("move_time", "go_cue_time", "gocue_time")
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
        ("",) * len(table) if block is None else _texts(table, block),
    )
    return trials if trials.block else None


def _times(table: "TimeIntervals", name: str) -> F64:
    values, rows = _first_of_each(table, name)
    if not len(values):
        return np.full(len(rows), np.nan)
    return np.where(rows < 0, np.nan, np.asarray(values, np.float64)[np.maximum(rows, 0)])


def _texts(table: "TimeIntervals", name: str) -> tuple[str, ...]:
    values, rows = _first_of_each(table, name)
    return tuple("" if row < 0 else str(values[row]) for row in rows.tolist())


def _first_of_each(table: "TimeIntervals", name: str) -> tuple[Any, Ints]:
    """The values of a column, and which is the first of each trial: -1 where a list is empty.

    A column may hold lists, or lists of lists: what counts is when, or where, it was first.
    """
    column = table[name]
    rows = np.arange(len(table), dtype=np.int64)
    while hasattr(column, "target"):
        ends = np.asarray(checked(column.data, name)[:], np.int64)
        begins = np.concatenate([[0], ends[:-1]])
        at = np.minimum(rows, len(ends) - 1)
        rows = np.where((rows >= 0) & (ends[at] > begins[at]), begins[at], -1)
        column = column.target
    values = checked(column.data, name)[:]
    if np.ndim(values) != 1 or (len(rows) and int(rows.max()) >= len(values)):
        raise RecordingError(
            f"its trials have a column {name} of shape {np.shape(values)} for {len(rows)} trials: "
            "expected one value each, or lists of them"
        )
    return values, rows
