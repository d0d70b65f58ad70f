"""Reaching of monkeys as the Sabes laboratory published it, which NeuroBench decodes.

A MATLAB 7.3 file holds `spikes` (channels x units, a cell of spike times each, unit 0 what no unit
was made of), `cursor_pos` and `target_pos` (samples x 2, mm), `t` (samples, s; 250 Hz) and more.
Source: https://doi.org/10.5281/zenodo.583331
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from eprop_rt.errors import RecordingError
from eprop_rt.series import F64, StreamInfo
from eprop_rt_services.recordings.hdf5 import checked, references, table, text
from eprop_rt_services.recordings.intention import INTENTION, intention
from eprop_rt_services.recordings.rates import rate_of
from eprop_rt_services.recordings.recording import Recording, Selection, Series
from eprop_rt_services.recordings.spike_times import SpikeTrains, counted

if TYPE_CHECKING:
    import h5py

FIELDS = ("spikes", "cursor_pos", "t")
POSITIONS = {"cursor_pos": "cursor", "target_pos": "target", "finger_pos": "finger"}
VELOCITY = "cursor_velocity"
MOST_TRAINS = 1 << 16


def is_reaching(file: "h5py.File") -> bool:
    """Whether an HDF5 file has this layout."""
    return all(name in file for name in FIELDS)


def read_reaching(file: "h5py.File", path: Path, selection: Selection) -> Recording:
    """Counts of each channel (or unit, by `spikes_by`), and the velocity of the cursor.

    Labels may be named: velocity, position, cursor_pos, finger_pos, target_pos, intention.
    Raises RecordingError where the file departs from the layout.
    """
    stamps = table(file["t"], "t").ravel()
    if len(stamps) < 2 or not np.isfinite(stamps).all():
        raise RecordingError(f"its t has {len(stamps)} samples: expected times that are finite")
    if selection.signal not in (None, "spikes"):
        raise RecordingError(f"it has no signal {selection.signal!r}: its only signal is spikes")
    spikes = _trains(file, np.array([[stamps[0], stamps[-1]]]), selection.spikes_by or "channel")
    positions = {name: _position(file, name, stamps) for name in POSITIONS if has_array(file, name)}
    return Recording(
        name=path.stem,
        signal=counted(spikes, "spikes", selection.spike_bin_s),
        labels=_labels(positions, selection),
    )


def has_array(file: "h5py.File", name: str) -> bool:
    """Whether a variable is there and is an array."""
    return name in file and hasattr(file[name], "dtype")


def _trains(file: "h5py.File", observed_s: F64, by: str) -> SpikeTrains:
    cells = references(file, "spikes")
    channels, units = cells.shape
    if channels * units > MOST_TRAINS:
        raise RecordingError(f"its spikes are {channels} x {units} cells: no array has as many")
    names = _channel_names(file, channels)
    trains, groups, of_units = [], [], []
    for channel in range(channels):
        for unit in range(units):
            train = table(file[cells[channel, unit]], f"spikes {names[channel]}").ravel()
            if by == "unit" and (unit == 0 or not len(train)):
                continue  # what no unit was made of, and units that there are not
            trains.append(train)
            groups.append(names[channel])
            of_units.append(f"{names[channel]} unit {unit}")
    found = SpikeTrains(trains, tuple(of_units), observed_s)
    return found if by == "unit" else found.merged(groups)


def _channel_names(file: "h5py.File", channels: int) -> list[str]:
    if has_array(file, "chan_names") and file["chan_names"].dtype == np.dtype("O"):
        named = checked(file["chan_names"], "chan_names")[()].ravel()
        if len(named) == channels:
            found = [text(file[each]) for each in named]
            if len(set(found)) == channels:
                return found
    return [f"ch{channel}" for channel in range(channels)]


def _position(file: "h5py.File", name: str, stamps: F64) -> Series:
    values = table(file[name], name)
    axes = values.shape[1]
    if len(values) != len(stamps) or axes == 0:
        raise RecordingError(
            f"its {name} has {len(values)} rows of {axes} for {len(stamps)} times: expected a row "
            "a time"
        )
    names = tuple("xyz"[axis] if axes <= 3 else f"axis{axis}" for axis in range(axes))
    info = StreamInfo(name, axes, rate_of(stamps), names, ("mm",) * axes)
    return Series(info, stamps, values.astype(np.float32))


def _labels(positions: Mapping[str, Series], selection: Selection) -> Series | None:
    if not selection.wants_labels:
        return None
    name = (selection.labels or VELOCITY).casefold()
    if name in ("velocity", VELOCITY):
        return _velocity(_named(positions, "cursor_pos"))
    if name == INTENTION:
        cursor, target = _named(positions, "cursor_pos"), _named(positions, "target_pos")
        return intention(cursor, target, None, selection.reaction_s)
    return _named(positions, "cursor_pos" if name == "position" else name)


def _named(positions: Mapping[str, Series], name: str) -> Series:
    if name not in positions:
        raise RecordingError(
            f"it has no labels {name!r}: name velocity, position, intention or one of "
            f"{', '.join(positions)}"
        )
    return positions[name]


def _velocity(position: Series) -> Series:
    """Central differences, as the file has positions only."""
    info, stamps = position.info, position.stamps
    values = np.gradient(position.values.astype(np.float64), stamps, axis=0)
    named = StreamInfo(
        VELOCITY, info.channels, info.sample_rate_hz, info.channel_names, ("mm/s",) * info.channels
    )
    return Series(named, stamps, values.astype(np.float32))
