"""MATLAB files: what is in one says which laboratory's layout it is."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eprop_rt.errors import RecordingError
from eprop_rt.series import F64
from eprop_rt_services.recordings.absent import marker_names
from eprop_rt_services.recordings.binned_data import (
    FIELDS,
    NAMES,
    STRUCTURE,
    Structure,
    read_binned_data,
)
from eprop_rt_services.recordings.foreign import errors_of, optional_extra
from eprop_rt_services.recordings.hdf5 import table, text
from eprop_rt_services.recordings.hdf5_probe import probe
from eprop_rt_services.recordings.mat5 import variables
from eprop_rt_services.recordings.reaching import is_reaching, read_reaching
from eprop_rt_services.recordings.recording import Recording, Selection

if TYPE_CHECKING:
    import h5py

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
USER_BLOCK = 512  # what MATLAB writes before it
MATLAB_5 = b"MATLAB 5.0 MAT-file"
EXPECTED = (
    f"expected a structure {STRUCTURE}, or spikes, cursor_pos and t as of the primate-reaching sets"
)


def read_mat(path: Path, selection: Selection) -> Recording:
    """Read a file of a known layout; raises RecordingError for any other."""
    with path.open("rb") as file:
        head = file.read(USER_BLOCK + len(HDF5_MAGIC))
    with errors_of(path, "cannot be read as MATLAB"):
        marker_names(selection, ())
        if head.startswith(HDF5_MAGIC) or head[USER_BLOCK:] == HDF5_MAGIC:
            return _read_hdf5(path, selection)
        if head.startswith(MATLAB_5):
            return read_binned_data(_structure_5(path), path, selection)
        raise RecordingError(
            f"it is no MATLAB file: begins with {head[:8]!r}, expected version 5 or 7.3"
        )


def _read_hdf5(path: Path, selection: Selection) -> Recording:
    with optional_extra("h5py"):
        import h5py  # noqa: PLC0415  (an optional extra)
    probe(path)
    with h5py.File(path, "r") as file:
        if STRUCTURE in file:
            return read_binned_data(_structure_73(file), path, selection)
        if is_reaching(file):
            return read_reaching(file, path, selection)
        there = ", ".join(sorted(file)[:20]) or "nothing"
    raise RecordingError(f"it holds {there}: {EXPECTED}")


def _structure_73(file: "h5py.File") -> Structure:
    group = file[STRUCTURE]
    if not hasattr(group, "keys"):
        raise RecordingError(f"its {STRUCTURE} is no structure: expected one")
    tables = {field: table(group[field], field) for field in FIELDS if field in group}
    names = {field: _names_73(file, group[field]) for field in NAMES if field in group}
    return Structure(tables, names)


def _names_73(file: "h5py.File", node: Any) -> list[str]:
    """A matrix of characters, or a cell of strings."""
    if getattr(node, "dtype", None) == np.dtype("O"):
        return [text(file[each]) for each in np.asarray(node[()]).ravel(order="F").tolist()]
    rows = table(node, "a list of names")
    return ["".join(chr(int(each)) for each in row) for row in rows[:10000, :200]]


def _structure_5(path: Path) -> Structure:
    found = variables(path.read_bytes(), STRUCTURE)
    if STRUCTURE not in found:
        raise RecordingError(f"it holds no {STRUCTURE}: {EXPECTED}")
    fields = found[STRUCTURE]
    if not isinstance(fields, dict):
        raise RecordingError(f"its {STRUCTURE} is no structure: expected one")
    tables = {field: _table_5(fields[field], field) for field in FIELDS if field in fields}
    names = {field: _names_5(fields[field]) for field in NAMES if field in fields}
    return Structure(tables, names)


def _table_5(values: Any, field: str) -> F64:
    if not isinstance(values, np.ndarray) or values.ndim != 2:
        raise RecordingError(f"its {field} is no table of numbers: expected one")
    return np.asarray(values, np.float64)


def _names_5(values: Any) -> list[str]:
    """A matrix of characters, or a cell of strings."""
    rows = values if isinstance(values, list) else []
    return ["".join(row) if isinstance(row, list) else str(row) for row in rows]
