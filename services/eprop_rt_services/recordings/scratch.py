"""Arrays that may be larger than memory: those stand in a file that nobody else sees."""

import tempfile
from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from eprop_rt.errors import RecordingError

IN_MEMORY_BYTES = 256 << 20
MOST_BYTES = 1 << 40


def empty(shape: tuple[int, ...], dtype: DTypeLike, of: str) -> NDArray[Any]:
    """An array to be filled, zeros at first; beyond 256 MiB it lies in a file of TMPDIR.

    The file has no name and goes with the array. Raises RecordingError where no disk holds it;
    `of` says what it is for.
    """
    size = prod(shape) * np.dtype(dtype).itemsize
    if size <= IN_MEMORY_BYTES:
        return np.zeros(shape, dtype)
    if size > MOST_BYTES:
        raise RecordingError(f"{of} would take {size >> 30} GiB: no file holds that much")
    try:
        with tempfile.TemporaryFile(prefix="eprop-rt-") as file:
            return np.memmap(file, dtype, "w+", shape=shape)
    except OSError as error:
        raise RecordingError(
            f"{of} takes {size >> 20} MiB of scratch space, and {tempfile.gettempdir()} gives none "
            f"({error.strerror}): set TMPDIR to a folder on a larger disk"
        ) from None
