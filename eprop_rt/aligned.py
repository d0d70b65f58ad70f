"""Arrays that begin where a cache line does."""

from typing import Any

import numpy as np

from eprop_rt.structs import Floats

LINE_BYTES = 64  # as long as the widest vectors: one that straddles two lines is loaded twice


def aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Floats:
    """Zeros of `shape`, the first at a multiple of LINE_BYTES."""
    size = int(np.prod(shape)) * dtype.itemsize
    room = np.zeros(size + LINE_BYTES, np.uint8)
    start = -room.ctypes.data % LINE_BYTES
    return room[start : start + size].view(dtype).reshape(shape)


def aligned_copy(array: Floats) -> Floats:
    """A copy of `array`, in C order."""
    copy = aligned(array.shape, array.dtype)
    copy[...] = array
    return copy
