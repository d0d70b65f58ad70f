"""A damaged HDF5 file can end the process that reads it: another process looks at it first.

The HDF5 library follows damaged references into nowhere, and takes whatever memory and time a
damaged size names. A fork of ours opens the file, reads all that is not plain numbers, and is
thrown away; only where it comes back is the file opened here. Its time is that of the processor: a
slow disk is no damage.
"""

import os
import resource
import signal
import time
import warnings
from pathlib import Path
from typing import Any

from eprop_rt.errors import RecordingError
from eprop_rt_services.recordings.foreign import optional_extra

PATIENCE_S = 120
LOOK_S = 0.002
MEMORY_BYTES = 8 << 30
SMALL_BYTES = 1 << 20
OUT_OF_MEMORY = 12  # what the fork says then
ALLOCATION = "alloc"  # in every message of HDF5 about memory that it did not get


def probe(path: Path) -> None:
    """Raise RecordingError where a process that reads the file crashes, or does not come back."""
    with optional_extra("h5py"):
        import h5py  # noqa: F401, PLC0415  (before the fork, which then need not import it)
    with warnings.catch_warnings():
        # The fork calls nothing but HDF5, whose lock no other thread of ours ever holds.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _look_and_leave(path)
    status = _end_of(child)
    if os.WIFSIGNALED(status):
        ended = signal.Signals(os.WTERMSIG(status))
        if ended == signal.SIGXCPU:
            raise RecordingError(
                f"HDF5 was at it for {PATIENCE_S:g} s of work without an end: it is damaged"
            )
        raise RecordingError(f"it is damaged: HDF5 crashes on it ({ended.name})")
    if os.WEXITSTATUS(status) == OUT_OF_MEMORY:
        raise RecordingError(
            f"it is damaged, or holds more than {MEMORY_BYTES >> 20} MiB of text in one place"
        )


def _end_of(child: int) -> int:
    """How it ended; whatever happens here, it ends."""
    ended = False
    try:
        while True:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                ended = True
                return status
            time.sleep(LOOK_S)
    finally:
        if not ended:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _look_and_leave(path: Path) -> None:
    """In the fork: never returns, and says nothing; what is an error is one again, later."""
    said = 0
    try:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 2)
        _limit(resource.RLIMIT_CORE, 0)
        _limit(resource.RLIMIT_CPU, PATIENCE_S)
        _limit(resource.RLIMIT_AS, _size() + MEMORY_BYTES)
        _look(path)
    except Exception as error:
        said = OUT_OF_MEMORY if _is_of_memory(error) else 0
    finally:
        os._exit(said)


def _is_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or ALLOCATION in str(error)


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    if hard == resource.RLIM_INFINITY or most <= hard:
        resource.setrlimit(what, (most, hard))


def _size() -> int:
    """How much address space this process has already."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


def _look(path: Path) -> None:
    import h5py  # noqa: PLC0415

    with h5py.File(path, "r") as file:
        file.visititems(_look_at)


def _look_at(_: str, node: Any) -> None:
    """Its attributes, and its values where they refer to elsewhere or are few."""
    try:
        dict(node.attrs)
        dtype = getattr(node, "dtype", None)
        if dtype is not None and (dtype.kind not in "biuf" or node.nbytes <= SMALL_BYTES):
            node[()]
    except Exception as error:  # another one is not what is looked for here; the others still are
        if _is_of_memory(error):
            raise
