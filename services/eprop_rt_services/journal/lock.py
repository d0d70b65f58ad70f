"""One daemon writes into the folder of a journal: who comes second is told who came first."""

import fcntl
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from eprop_rt.errors import ConfigError

log = logging.getLogger("eprop_rt")

LOCK = "daemon.lock"
PATIENCE_S, LOOK_S = 2.0, 0.05
MOST_BYTES = 400


@contextmanager
def held(folder: Path, control: str) -> Iterator[None]:
    """Inside this block the folder is ours, and of what is forked in it; `control` tells others.

    Waits a little for one that was killed and is about to be gone. Raises ConfigError where
    another daemon has it.
    """
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _take(handle, folder)
        with suppress(OSError):  # a full disk: others are told nothing of us, and refused
            os.truncate(handle, 0)
            us = f"process {os.getpid()} on {socket.gethostname()}, control at {control}"
            os.pwrite(handle, us.encode()[:MOST_BYTES], 0)
        yield
    finally:
        os.close(handle)


def _take(handle: int, folder: Path) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end_s:
                raise ConfigError(
                    f"another daemon ({_holder(handle)}) writes into the journal's folder "
                    f"{folder}: stop that one, or set journal.folder to another folder"
                ) from None
            time.sleep(LOOK_S)
        except OSError as error:  # a network's file system may know no locks
            text = "%s cannot be locked (%s): see that nobody else uses it"
            log.warning(text, folder, error, extra={"event": "folder_not_locked"})
            return
        else:
            return


def _holder(handle: int) -> str:
    said = os.pread(handle, MOST_BYTES, 0).decode("utf-8", "replace")
    return " ".join(said.split()) or "which says nothing of itself"
