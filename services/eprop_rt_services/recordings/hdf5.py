"""Datasets of HDF5 files that nobody vouches for."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eprop_rt.errors import RecordingError
from eprop_rt.series import F64

if TYPE_CHECKING:
    import h5py

SMALL_BYTES = 64 << 20
BEST_RATIO = 1100  # no compression of HDF5's own goes beyond that of deflate


def checked(data: Any, label: str) -> Any:
    """A dataset, or what stands for one; raises RecordingError where it claims more than it has.

    A damaged size is otherwise allocated before anything else is looked at.
    """
    dataset = getattr(data, "dataset", data)
    stored = getattr(getattr(dataset, "id", None), "get_storage_size", None)
    if stored is not None and dataset.nbytes > max(SMALL_BYTES, BEST_RATIO * stored()):
        raise RecordingError(
            f"{label} claims {dataset.nbytes >> 20} MiB of which the file holds "
            f"{stored() >> 10} KiB: it is damaged, or was never filled"
        )
    return data


def table(node: Any, label: str) -> F64:
    """Numbers of a MATLAB variable as (rows, columns); raises RecordingError for anything else.

    MATLAB writes its axes the other way round, and an empty array as its size.
    """
    dtype = getattr(node, "dtype", None)
    if dtype is None or dtype.kind not in "biuf":
        raise RecordingError(f"{label} is no table of numbers: expected one")
    if node.attrs.get("MATLAB_empty"):
        return np.empty((0, 0))
    values = np.asarray(checked(node, label), np.float64)
    if values.ndim != 2:
        raise RecordingError(f"{label} has {values.ndim} axes: expected 2")
    return np.ascontiguousarray(values.T)


def references(file: "h5py.File", name: str) -> NDArray[np.object_]:
    """The references of a cell array (rows, columns); raises RecordingError where it is none."""
    node = file[name]
    if getattr(node, "dtype", None) != np.dtype("O") or node.ndim != 2:
        raise RecordingError(f"{name} is no cell array: expected references to spike times")
    return np.asarray(checked(node, name)[()]).T


def text(node: Any) -> str:
    """A string that MATLAB wrote as numbers of characters."""
    return "".join(chr(int(each)) for each in np.asarray(checked(node, "a name")).ravel()[:200])
