"""A disk that is full, and has room again."""

import errno
import os
import resource
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path

SIZE_MB = 48


@contextmanager
def own_disk(folder):
    """Yield whether `folder` is a small file system of its own inside this block; root can."""
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "none", str(folder)]
    try:
        mounted = (
            os.geteuid() == 0
            and subprocess.run(mount, capture_output=True, check=False).returncode == 0
        )
    except FileNotFoundError:
        mounted = False
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def full(folder, is_own, pid):
    """Inside this block nothing more can be written in `folder`, at least by the process `pid`.

    On a disk that is not our own a limit on the size of the process's files stands for it.
    """
    ballast = Path(folder) / "ballast"
    if is_own:
        with ballast.open("wb", buffering=0) as file:
            fill(file)
        try:
            yield
        finally:
            ballast.unlink()
        return
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def fill(file):
    for size in (2**20, 2**12, 1):
        try:
            while True:
                file.write(bytes(size))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
