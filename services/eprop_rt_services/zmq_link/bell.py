"""What wakes a thread that waits for sockets."""

import os
from typing import Self


class Bell:
    """Rung from any thread, heard by a poll; rings in a row are heard as one."""

    def __init__(self) -> None:
        self._handle = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def fileno(self) -> int:
        """What a poll waits for."""
        return self._handle

    def ring(self) -> None:
        """Wake who waits."""
        os.eventfd_write(self._handle, 1)

    def quiet(self) -> None:
        """Forget the rings so far; one that was rung must have been heard."""
        os.eventfd_read(self._handle)

    def close(self) -> None:
        """Close it; nobody may wait for it any more."""
        os.close(self._handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
