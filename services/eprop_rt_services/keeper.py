"""Keeps what a running decoder has learned: snapshots between two bins, files beside the loop."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

from eprop_rt.errors import ConfigError
from eprop_rt_services.checkpoint import Checkpoint, write_checkpoint
from eprop_rt_services.logs import count_and_log

Written = Callable[[Path, str], None]


class CheckpointKeeper:
    """Writes checkpoints, one at a time, each file whole or not at all.

    `written` is told of every file, from another thread, with the digest of its arrays. Events:
    `checkpoint_written`, `checkpoint_failed`.
    """

    def __init__(self, written: Written) -> None:
        self._written = written
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._newest: Future[None] | None = None
        self._failing = False
        self.events: Counter[str] = Counter()

    @property
    def busy(self) -> bool:
        """Whether the newest is still being written."""
        return self._newest is not None and not self._newest.done()

    def begin(self, checkpoint: Checkpoint, paths: Sequence[Path]) -> Future[None]:
        """Write while the loop goes on; raises ConfigError while the one before is not written."""
        if self.busy:
            raise ConfigError("the checkpoint before it is still being written: ask again")
        self._newest = self._pool.submit(self._write, checkpoint, paths)
        return self._newest

    def wait(self) -> None:
        """Until nothing is being written; nothing can be begun after that."""
        self._pool.shutdown(wait=True)

    def finish(self, checkpoint: Checkpoint, paths: Sequence[Path]) -> None:
        """Write the last one, in this thread, once the one before it is written."""
        self.wait()
        self._write(checkpoint, paths)

    def _write(self, checkpoint: Checkpoint, paths: Sequence[Path]) -> None:
        """Each, whatever becomes of the others; raises what the first that failed did."""
        failed: Exception | None = None
        for path in paths:
            try:
                digest = write_checkpoint(path, checkpoint)
            except Exception as error:  # not everybody who asked for one looks at what came of it
                if self._failing:
                    self.events["checkpoint_failed"] += 1
                else:
                    text = f"a checkpoint was not written: {error}"
                    count_and_log(self.events, "checkpoint_failed", text, file=str(path))
                self._failing, failed = True, failed or error
                continue
            self.events["checkpoint_written"] += 1
            self._failing = False
            self._written(path, digest)
        if failed is not None:
            raise failed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True)
