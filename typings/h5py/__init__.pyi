"""The part of h5py (which has no types of its own) that this project uses."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

class File:
    def __init__(self, name: str | Path, mode: str = "r") -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def __contains__(self, name: object) -> bool: ...
    def __iter__(self) -> Iterator[str]: ...
    # A group or a dataset, by name or by reference.
    def __getitem__(self, name: object) -> Any: ...
