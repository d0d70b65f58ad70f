"""Keeps what a running decoder has learned: snapshots between two bins, files beside the loop."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

from eprop_rt.errors import ConfigError
from eprop_rt_services.checkpoint import Checkpoint, check_writable, write_checkpoint


class CheckpointKeeper:
    """Writes checkpoints to one file, one at a time, each whole or not at all.

    Events: `checkpoint_written`, `checkpoint_failed`. Raises ConfigError where `path` cannot be
    written to; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            check_writable(path)
        self._path = path
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._newest: Future[None] | None = None
        self.events: Counter[str] = Counter()

    def begin(self, take: Callable[[], Checkpoint]) -> Future[None]:
        """Take a checkpoint now and write it while the loop goes on; raises ConfigError.

        There is no file to write to, or the one before is not written yet.
        """
        if self._path is None:
            raise ConfigError(
                "there is no file to write to: start the daemon with -o checkpoint.file=FILE"
            )
        if self._newest is not None and not self._newest.done():
            raise ConfigError("the checkpoint before it is still being written: ask again")
        self._newest = self._pool.submit(self._write, self._path, take())
        return self._newest

    def finish(self, take: Callable[[], Checkpoint]) -> Path | None:
        """Wait for what is being written, then write the last one; None where nothing is kept."""
        self._pool.shutdown(wait=True)
        if self._path is not None:
            self._write(self._path, take())
        return self._path

    def _write(self, path: Path, checkpoint: Checkpoint) -> None:
        try:
            write_checkpoint(path, checkpoint)
        except ConfigError:
            self.events["checkpoint_failed"] += 1
            raise
        self.events["checkpoint_written"] += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True)
