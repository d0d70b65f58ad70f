"""Checkpoints of a session: when they are written, and whether what was learned is worth it."""

import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from eprop_rt.errors import CheckpointError, ConfigError
from eprop_rt.pipeline import Pipeline
from eprop_rt.snapshot import Arrays
from eprop_rt_services.checkpoint import Checkpoint, check_writable, digest, write_checkpoint
from eprop_rt_services.daemon.session import Beginning, Session
from eprop_rt_services.journal.events import Event, Kept, Taken
from eprop_rt_services.journal.folder import JournalFolder
from eprop_rt_services.journal.names import Names
from eprop_rt_services.journal.reader import head_of
from eprop_rt_services.journal.settings import CheckpointSettings
from eprop_rt_services.keeper import CheckpointKeeper
from eprop_rt_services.logs import count_and_log


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on from the journal's folder, with what was learned in its segments `since` on.

    `required`: it is refused to begin otherwise where there is something, and none of it is sound.
    """

    since: int = 0
    required: bool = True


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A checkpoint on the disk; `at_s` of the monotonic clock."""

    path: Path
    sha256: str
    at_s: float


class Keeping:
    """Writes checkpoints into the folder of the journal and to `checkpoint.file`.

    What the guard does not trust, or is not finite, is not written: it would be the newest, and
    what a restart begins with. Used by the thread of the loop; a thread of its own writes.

    Events: those of the keeper; `checkpoint_withheld`, one that was due and not worth it;
    `checkpoint_passed_over`, one that was not gone on from; `blame_not_written`.
    """

    def __init__(
        self,
        settings: CheckpointSettings,
        folder: JournalFolder | None,
        names: Names | None,
        tell: Callable[[Event], None],
    ) -> None:
        """`names` are of the folder; `tell` writes into the journal.

        Raises ConfigError where `file` cannot be written to.
        """
        if settings.file is not None:
            check_writable(settings.file)
        self._settings, self._folder, self._names, self._tell = settings, folder, names, tell
        # Checkpoints without which nothing replays.
        self._needed = frozenset[str]() if folder is None else begun_with(folder)
        self._keeper = CheckpointKeeper(self._on_the_disk)
        self._spare: Arrays | None = None  # of the newest checkpoint, once that is written
        self._written: deque[KeptFile] = deque()  # by the keeper's thread, and not told of yet
        self._taken: set[str] = set()  # files, of which this journal says so
        self._events: Counter[str] = Counter()
        self._begun_with: str | None = None  # and nothing of its own was kept since
        self._kept_s = time.monotonic()
        self.newest: KeptFile | None = None

    def beginning(self, resume: Resume) -> Beginning | None:
        """What a session that is resumed starts with; None where there is nothing yet.

        Raises ConfigError without a folder, CheckpointError where nothing in it is sound.
        """
        if self._folder is None:
            raise ConfigError("--resume needs journal.folder: it is resumed from what is in there")
        try:
            found = self._folder.newest_checkpoint(resume.since)
        except CheckpointError as error:
            if resume.required:
                raise
            text = f"{error}; what it had learned is lost"
            count_and_log(self._events, "checkpoint_passed_over", text)
            return None
        if found is None:
            return None
        for line in found.passed_over:
            text = f"{line}; {found.path.name} is taken"
            count_and_log(self._events, "checkpoint_passed_over", text, taken=found.path.name)
        return Beginning(found.checkpoint, found.path)

    def begin(self, beginning: Beginning | None) -> dict[str, str]:
        """A data path is at its beginning, in the segment named last: its origin, for the head.

        Raises ConfigError where what it begins with cannot be written beside that.
        """
        self._taken, self._begun_with = set(), None
        if beginning is None or self._names is None:
            return {"origin": "zero"}
        file, sha256 = filed(self._names, beginning)
        self._needed |= {file.name}
        self._begun_with = file.name
        return {"origin": "checkpoint", "checkpoint": file.name, "sha256": sha256}

    def prepare(self, pipeline: Pipeline) -> None:
        """Ask now for the memory that a checkpoint will take, and not when a bin is due."""
        self._spare = pipeline.decoder.snapshot()

    def tend(self, session: Session, pipeline: Pipeline) -> None:
        """Begin one where it is due; while the guard has stopped learning there is nothing new."""
        now_s = time.monotonic()
        if now_s - self._kept_s < self._settings.every_s or self.busy or pipeline.guard.frozen:
            return
        self._kept_s = now_s
        if pipeline.guard.distrust is None:
            self._begin(session, pipeline, self._places(asked=False))
        else:
            self._events["checkpoint_withheld"] += 1

    def checkpoint(self, session: Session, pipeline: Pipeline) -> "Future[None]":
        """Copy what has been learned and write it beside the loop, as somebody asked for.

        Raises ConfigError where there is nowhere to write to, where the one before is still being
        written, or where it is not worth it.
        """
        paths = self._places(asked=True)
        if not paths:
            raise ConfigError(
                "there is no file to write to: start the daemon with -o checkpoint.file=FILE or "
                "-o journal.folder=FOLDER"
            )
        if self.busy:
            raise ConfigError("the checkpoint before it is still being written: ask again")
        self._refuse_distrusted(pipeline)
        return self._begin(session, pipeline, paths)

    def keep(self, checkpoint: Checkpoint) -> "tuple[Beginning, Future[None]]":
        """Write a checkpoint into the folder, to begin with; the journal says nothing of it."""
        (path,) = self._places(asked=False)
        return Beginning(checkpoint, path), self._keeper.begin(checkpoint, [path])

    def last(self, session: Session, pipeline: Pipeline) -> list[Path]:
        """Write the last one, and wait for it; where it was written to.

        Raises ConfigError where it is not worth it, or where the disk refuses.
        """
        self._keeper.wait()
        self.settle()
        paths = self._places(asked=True)
        if paths:
            self._refuse_distrusted(pipeline)
            self._tell_taken(pipeline, paths)
            try:
                self._keeper.finish(session.checkpoint(pipeline), paths)
            finally:
                self.settle()
        return paths

    def blame(self) -> None:
        """The guard gave up: to blame is what this data path began with, if none was kept since."""
        if self._folder is not None and self._begun_with is not None:
            try:
                self._folder.blame(self._begun_with)
            except OSError as error:
                text = f"{self._begun_with} will be gone on from again: {error}"
                count_and_log(self._events, "blame_not_written", text, file=self._begun_with)

    def settle(self) -> None:
        """Let the journal know what is on the disk by now."""
        while self._written:
            kept = self._written.popleft()
            if kept.path.name in self._taken:  # else in a stretch that is not in the journal
                self._taken.remove(kept.path.name)
                self._begun_with = None
                self._tell(Kept(file=kept.path.name, sha256=kept.sha256))

    @property
    def busy(self) -> bool:
        """Whether a checkpoint is being written."""
        return self._keeper.busy

    @property
    def events(self) -> Counter[str]:
        """Everything unusual so far, by name."""
        return self._keeper.events.copy() + self._events  # a copy at once: its thread counts

    def __enter__(self) -> Self:
        self._keeper.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._keeper.__exit__()

    def _begin(self, session: Session, pipeline: Pipeline, paths: list[Path]) -> "Future[None]":
        taken = session.checkpoint(pipeline, self._spare)
        self._spare = taken.arrays
        self._tell_taken(pipeline, paths)
        self._kept_s = time.monotonic()
        return self._keeper.begin(taken, paths)

    def _refuse_distrusted(self, pipeline: Pipeline) -> None:
        why = pipeline.guard.distrust
        if why is not None:
            self._events["checkpoint_withheld"] += 1
            raise ConfigError(
                f"the guard does not trust what was learned ({why}): go on from an older checkpoint"
            )

    def _places(self, asked: bool) -> list[Path]:
        paths = [self._settings.file] if asked and self._settings.file is not None else []
        if self._names is not None and self._names.begun:
            paths.insert(0, self._names.checkpoint())
        return paths

    def _tell_taken(self, pipeline: Pipeline, paths: list[Path]) -> None:
        if self._folder is not None:
            place = {"decoded": pipeline.decoded, "finished": pipeline.finished}
            self._taken.add(paths[0].name)
            self._tell(Taken(**place, file=paths[0].name))

    def _on_the_disk(self, path: Path, sha256: str) -> None:
        """In the thread of the keeper."""
        self.newest = kept = KeptFile(path, sha256, time.monotonic())
        if self._folder is not None and path.parent == self._folder.path:
            self._written.append(kept)
            self._folder.prune(self._settings.keep, self._needed)


def filed(names: Names, beginning: Beginning) -> tuple[Path, str]:
    """Its file, a new one where it has none yet, and the digest of its arrays."""
    if beginning.file is not None:
        return beginning.file, digest(beginning.checkpoint.arrays)
    place = names.checkpoint()
    return place, write_checkpoint(place, beginning.checkpoint)


def begun_with(folder: JournalFolder) -> frozenset[str]:
    """The checkpoints that segments of a folder begin with."""
    heads = (head_of(path) for path in folder.segments())
    return frozenset(h.checkpoint for h in heads if h is not None and h.checkpoint is not None)
