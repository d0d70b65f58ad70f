"""Spike times in the table of units of an NWB file."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eprop_rt.errors import RecordingError
from eprop_rt.structs import Ints
from eprop_rt_services.recordings.hdf5 import checked
from eprop_rt_services.recordings.spike_times import SpikeTrains

if TYPE_CHECKING:
    import pynwb
    from pynwb.epoch import DynamicTable

UNITS = "units"
SPIKES, OBSERVED, ELECTRODES = "spike_times", "obs_intervals", "electrodes"


def has_spikes(file: "pynwb.NWBFile") -> bool:
    """Whether there are spike times, of however many units."""
    return file.units is not None and SPIKES in file.units.colnames


def trains_of(file: "pynwb.NWBFile", by: str) -> SpikeTrains:
    """A train a unit, or all units of an electrode together.

    Raises RecordingError where the table is not one, or names no electrodes.
    """
    table = file.units
    if table is None or SPIKES not in table.colnames:
        raise RecordingError("it has no units with spike times: name another signal")
    times, ends = _ragged(table, SPIKES)
    trains = np.split(np.asarray(times, np.float64).ravel(), ends[:-1])
    names = tuple(f"unit {each}" for each in np.asarray(table.id.data[:]).tolist())
    observed = np.empty((0, 2))
    if OBSERVED in table.colnames:
        intervals, _ = _ragged(table, OBSERVED)
        if intervals.ndim == 2 and intervals.shape[1] == 2:
            observed = np.unique(np.asarray(intervals, np.float64), axis=0)
    found = SpikeTrains(trains, names, observed)
    return found if by == "unit" else found.merged(_electrodes(table))


def _electrodes(table: "DynamicTable") -> list[str]:
    """The first electrode of each unit."""
    if ELECTRODES not in table.colnames:
        raise RecordingError(
            "its units name no electrodes: leave out recording.spikes_by, or let it be unit"
        )
    rows, ends = _ragged(table, ELECTRODES)
    begins = np.concatenate([[0], ends[:-1]])
    return [
        f"electrode {rows[begin]}" if end > begin else "no electrode"
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
    ]


def _ragged(table: "DynamicTable", column: str) -> tuple[NDArray[Any], Ints]:
    """A column of lists: everything in it, and where the list of each row ends."""
    index = table[column]
    if not hasattr(index, "target"):
        raise RecordingError(f"its column {column} holds no lists: expected one a unit")
    data = np.asarray(checked(index.target.data, column)[:])
    ends = np.asarray(index.data[:], np.int64)
    if len(ends) != len(table) or np.any(np.diff(ends, prepend=0) < 0) or not _fits(data, ends):
        raise RecordingError(f"its column {column} is damaged: lists end before they begin")
    return data, ends


def _fits(data: NDArray[Any], ends: Ints) -> bool:
    return len(ends) == 0 or int(ends[-1]) <= len(data)
