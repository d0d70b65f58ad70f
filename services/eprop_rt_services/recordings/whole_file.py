"""A file that is there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A hidden file to write to; it takes the place of `path` if nothing is raised meanwhile.

    It is in the same folder, so that the rename stays on one file system, and of the same suffix,
    as pynwb insists on it.
    """
    unfinished = path.with_name(f".{path.stem}.{os.getpid()}.unfinished{path.suffix}")
    try:
        unfinished.unlink(missing_ok=True)
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
