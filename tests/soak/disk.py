"""A disk that is full, or does not answer, and does its work again."""

import errno
import os
import resource
import shutil
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path

SIZE_MB = 48
LONGEST_HANG_S = 30  # who waits for a disk cannot even be killed: it answers again, come what may


class Disk:
    """Where a journal is; `kind` is that of a file system of its own, None where it has none."""

    def __init__(self, folder, kind):
        self.folder, self.kind = folder, kind

    @property
    def can_hang(self):
        return self.kind == "ext4" and shutil.which("fsfreeze") is not None

    @contextmanager
    def full(self, processes):
        """Inside this block nothing more can be written, at least by what `processes` returns.

        On a disk that is not our own a limit on the size of their files stands for it, which who is
        forked from them inherits.
        """
        if self.kind is not None:
            ballast = self.folder / "ballast"
            with ballast.open("wb", buffering=0) as file:
                fill(file)
            try:
                yield
            finally:
                ballast.unlink()
            return
        before = resource.prlimit(processes()[0], resource.RLIMIT_FSIZE)
        limit(processes(), (0, before[1]))
        try:
            yield
        finally:
            limit(processes(), before)

    @contextmanager
    def hanging(self):
        """Inside this block whoever writes waits."""
        answer = f"sleep {LONGEST_HANG_S}; fsfreeze --unfreeze {self.folder}"
        in_the_end = subprocess.Popen(["sh", "-c", answer], start_new_session=True)
        try:
            subprocess.run(["fsfreeze", "--freeze", str(self.folder)], check=True)
            yield
        finally:
            subprocess.run(["fsfreeze", "--unfreeze", str(self.folder)], check=True)
            os.killpg(in_the_end.pid, 9)
            in_the_end.wait()


def limit(processes, limits):
    for pid in processes:
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


@contextmanager
def own_disk(folder):
    """Yield the disk of `folder`: a small file system of its own where root can make one."""
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    kind = mounted(folder) if os.geteuid() == 0 else None
    try:
        yield Disk(folder, kind)
    finally:
        if kind is not None:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def mounted(folder):
    """Mount one there, and return its kind."""
    image = folder.with_name(f"{folder.name}.ext4")
    with image.open("wb") as file:
        file.truncate(SIZE_MB * 2**20)
    if (
        succeeds("mkfs.ext4", "-q", "-m", "0", image)
        and succeeds("mount", "-o", "loop", image, folder)
    ):  # fmt: skip
        return "ext4"
    if succeeds("mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "none", folder):
        return "tmpfs"
    return None


def succeeds(*command):
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def fill(file):
    for size in (2**20, 2**12, 1):
        try:
            while True:
                file.write(bytes(size))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
