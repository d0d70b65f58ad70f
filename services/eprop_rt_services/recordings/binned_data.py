"""`binnedData` structures of the Miller laboratory (limblab), MATLAB 5 or 7.3.

`timeframe` (n,) in seconds, `spikeratedata` (n, units) in spikes per second, and where they were
recorded `velocbin`, `cursorposbin`, `emgdatabin`, `forcedatabin` with their names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eprop_rt.errors import RecordingError
from eprop_rt.series import F64, StreamInfo
from eprop_rt_services.recordings.rates import rate_of
from eprop_rt_services.recordings.recording import Recording, Selection, Series, channel_names

STRUCTURE = "binnedData"
TIMES, RATES, GUIDE = "timeframe", "spikeratedata", "spikeguide"


@dataclass(frozen=True, slots=True)
class _Behaviour:
    """One table of a structure: by which name it is asked for, and where its names stand."""

    name: str
    field: str
    names: str
    unit: str


BEHAVIOUR = (
    _Behaviour("velocity", "velocbin", "veloclabels", "cm/s"),
    _Behaviour("position", "cursorposbin", "cursorposlabels", "cm"),
    _Behaviour("emg", "emgdatabin", "emgguide", ""),
    _Behaviour("force", "forcedatabin", "forcelabels", ""),
)
DEFAULT = ("velocity", "position")


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """What a file gives of a structure: tables (rows, columns) and lists of names by field."""

    tables: Mapping[str, F64]
    names: Mapping[str, Sequence[str]]


FIELDS = (TIMES, RATES, *(each.field for each in BEHAVIOUR))
NAMES = (GUIDE, *(each.names for each in BEHAVIOUR))


def read_binned_data(structure: Structure, path: Path, selection: Selection) -> Recording:
    """Counts of each unit, and velocity or else position; labels also by name: emg, force.

    Raises RecordingError where the structure lacks a table, or one contradicts another.
    """
    missing = [field for field in (TIMES, RATES) if field not in structure.tables]
    if missing:
        raise RecordingError(f"its {STRUCTURE} has no {' and no '.join(missing)}: expected both")
    if selection.signal not in (None, RATES):
        raise RecordingError(f"it has no signal {selection.signal!r}: its only signal is {RATES}")
    stamps = structure.tables[TIMES].ravel()
    rate_hz = rate_of(stamps)
    if rate_hz == 0.0:
        raise RecordingError(f"its {TIMES} has {len(stamps)} times that follow no rate")
    counts = structure.tables[RATES] / rate_hz
    whole = np.round(counts)
    if np.allclose(counts, whole, rtol=0.0, atol=1e-3, equal_nan=True):
        counts = whole  # rates that were not smoothed: counts, to the bit
    signal = _series(RATES, counts, stamps, structure.names.get(GUIDE, ()), "count")
    return Recording(path.stem, signal, _labels(structure, stamps, selection))


def _labels(structure: Structure, stamps: F64, selection: Selection) -> Series | None:
    if not selection.wants_labels:
        return None
    there = {
        each.name: each for each in BEHAVIOUR if structure.tables.get(each.field, np.empty(0)).size
    }
    if selection.labels is None:
        chosen = next((there[name] for name in DEFAULT if name in there), None)
    else:
        name = selection.labels.casefold()
        chosen = next((each for each in there.values() if name in (each.name, each.field)), None)
        if chosen is None:
            listed = ", ".join(there) or "(it has none)"
            raise RecordingError(f"it has no labels {selection.labels!r}: name one of {listed}")
    if chosen is None:
        return None
    names = structure.names.get(chosen.names, ())
    return _series(chosen.name, structure.tables[chosen.field], stamps, names, chosen.unit)


def _series(name: str, values: F64, stamps: F64, names: Sequence[str], unit: str) -> Series:
    if values.ndim != 2 or values.shape[0] != len(stamps) or values.shape[1] == 0:
        raise RecordingError(
            f"its {name} is {' x '.join(map(str, values.shape))} for {len(stamps)} times: expected "
            "a row a time"
        )
    columns = values.shape[1]
    info = StreamInfo(
        name,
        columns,
        rate_of(stamps),
        channel_names([each.strip() for each in names], columns),
        (unit,) * columns if unit else (),
    )
    return Series(info, stamps, np.ascontiguousarray(values, np.float32))
