"""What each process of the measurement writes down: rows of doubles in a file."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import Struct
from typing import BinaryIO

import numpy as np

from eprop_rt.series import F64

SENT = "newest_s", "pushed_s"
RECEIVED = "origin_s", "received_s", "learning"


class Rows:
    """Appends rows of `width` doubles; buffered, so that a row costs next to nothing."""

    def __init__(self, file: BinaryIO, width: int) -> None:
        self._file, self._row = file, Struct(f"={width}d")

    def add(self, *values: float) -> None:
        """One row."""
        self._file.write(self._row.pack(*values))


@contextmanager
def rows(path: Path, columns: tuple[str, ...]) -> Iterator[Rows]:
    """Rows until the block ends, also by SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with path.open("wb") as file:
        yield Rows(file, len(columns))


def read(path: Path, columns: tuple[str, ...]) -> F64:
    """All whole rows (n, columns)."""
    values = np.fromfile(path, np.float64)
    return values[: len(values) // len(columns) * len(columns)].reshape(-1, len(columns))
