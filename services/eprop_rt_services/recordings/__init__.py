"""Recorded sessions, from and to the formats that laboratories have."""

import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np

from eprop_rt.errors import RecordingError
from eprop_rt_services.recordings.brainflow_table import read_brainflow
from eprop_rt_services.recordings.edf import read_edf
from eprop_rt_services.recordings.foreign import errors_of, one_line
from eprop_rt_services.recordings.markers import Markers
from eprop_rt_services.recordings.mat import HDF5_MAGIC, MATLAB_5, USER_BLOCK, read_mat
from eprop_rt_services.recordings.nwb import read_nwb, write_nwb
from eprop_rt_services.recordings.recording import (
    Recording,
    Selection,
    Series,
    block_of,
    put_apart,
)
from eprop_rt_services.recordings.whole_file import whole_file
from eprop_rt_services.recordings.xdf import read_xdf, write_xdf
from eprop_rt_services.recordings.xdf_chunks import MAGIC

__all__ = ["Markers", "Recording", "Selection", "Series", "read_recording", "write_recording"]

_READERS = {
    ".nwb": read_nwb,
    ".xdf": read_xdf,
    ".mat": read_mat,
    ".csv": read_brainflow,
    ".edf": read_edf,
    ".bdf": read_edf,
}
# By what a file begins with, where its suffix says nothing.
_CONTENTS = {
    (0, MAGIC): read_xdf,
    (0, HDF5_MAGIC): read_mat,
    (USER_BLOCK, HDF5_MAGIC): read_mat,
    (0, MATLAB_5): read_mat,
}
_WRITERS = {".nwb": write_nwb, ".xdf": write_xdf}

READ = ", ".join(_READERS)


def read_recording(path: Path, selection: Selection | None = None) -> Recording:
    """Read a recording; the suffix says the format, or how the file begins where it says none.

    Raises RecordingError for a file that is missing, of another kind, damaged beyond reading, or
    without the series that `selection` asks for.
    """
    _check_readable(path)
    reader = _READERS.get(path.suffix.lower()) or _reader_by_content(path)
    selection = selection or Selection()
    # What float32 cannot hold becomes infinite, and stamps may be anything: that is counted later.
    with np.errstate(all="ignore"):
        recording = reader(path, selection)
        with errors_of(path, "cannot be read"):
            if selection.block is not None:
                recording = block_of(recording, selection.block)
            if selection.join_gap_s is not None:
                recording = put_apart(recording, selection.join_gap_s)
    return recording


def write_recording(path: Path, recording: Recording, description: str) -> None:
    """Write a recording whole or not at all, over what stood there; the suffix says the format.

    Raises RecordingError where it cannot be written.
    """
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        raise RecordingError(f"{path} names no format: expected a file ending in .nwb or .xdf")
    for series in (recording.signal, recording.labels):
        if series is not None and len(series.stamps) == 0:
            raise RecordingError(f"series {series.info.name!r} holds no samples: nothing to write")
    with errors_of(path, "cannot be written"), whole_file(path) as unfinished:
        writer(unfinished, recording, description)


def _reader_by_content(path: Path) -> Callable[[Path, Selection], Recording]:
    with errors_of(path, "cannot be read"), path.open("rb") as file:
        head = file.read(2 * USER_BLOCK)
    for (at, begins), reader in _CONTENTS.items():
        if head[at:].startswith(begins):
            return reader
    raise RecordingError(f"{path} is no recording: expected a file ending in {READ}")


def _check_readable(path: Path) -> None:
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise RecordingError(
            f"{path} does not exist: expected a recording ending in {READ}"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        raise RecordingError(f"{str(path)!r} cannot be read: {one_line(error)}") from error
    if stat.S_ISDIR(status.st_mode):
        raise RecordingError(f"{path} is a folder: expected a file ending in {READ}")
    if not stat.S_ISREG(status.st_mode):
        raise RecordingError(f"{path} is no regular file: expected one ending in {READ}")
    if status.st_size == 0:
        raise RecordingError(f"{path} is empty (0 bytes): expected a recording ending in {READ}")
