"""What a learner is, as named arrays: copied out, or written back in place."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eprop_rt.errors import RestoreError

Arrays = dict[str, NDArray[Any]]


def prefixed(name: str, arrays: Mapping[str, NDArray[Any]]) -> Arrays:
    """The same arrays under `name.`."""
    return {f"{name}.{key}": array for key, array in arrays.items()}


def named(struct: Any, path: str = "") -> Arrays:
    """Every array of a named tuple, and of those in it, by its path; the arrays themselves."""
    return dict(_walk(path, struct))


def _walk(path: str, value: Any) -> Iterator[tuple[str, NDArray[Any]]]:
    if isinstance(value, np.ndarray):
        yield path, value
    elif hasattr(value, "_asdict"):
        for name, part in value._asdict().items():
            yield from _walk(f"{path}.{name}" if path else name, part)


def copied(arrays: Arrays, into: Arrays | None = None) -> Arrays:
    """Copies that later steps do not touch, written over arrays `into` that fit.

    Memory that was never touched costs a fault a page, ten times as much as the copy.
    """
    return {key: _copied(array, (into or {}).get(key)) for key, array in arrays.items()}


def _copied(array: NDArray[Any], spare: NDArray[Any] | None) -> NDArray[Any]:
    if spare is None or spare.shape != array.shape or spare.dtype != array.dtype:
        return array.copy()
    np.copyto(spare, array)
    return spare


def write_back(snapshot: Arrays, arrays: Arrays) -> None:
    """Write `snapshot` into `arrays`, all or nothing; raises RestoreError where they differ."""
    if snapshot.keys() != arrays.keys():
        odd = ", ".join(sorted(snapshot.keys() ^ arrays.keys())[:3])
        raise RestoreError(
            f"the snapshot and this decoder do not hold the same arrays ({odd}): "
            "restore it with the settings that it was taken with"
        )
    for key, array in arrays.items():
        came = snapshot[key]
        if came.shape != array.shape or came.dtype != array.dtype:
            raise RestoreError(
                f"{key} is {came.dtype}{came.shape} in the snapshot and {array.dtype}"
                f"{array.shape} here: restore it with the settings that it was taken with"
            )
    for key, array in arrays.items():
        np.copyto(array, snapshot[key])
