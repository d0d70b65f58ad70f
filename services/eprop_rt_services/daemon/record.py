"""What a session leaves behind: journal, checkpoints, and a digest of it all."""

import logging
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from eprop_rt.errors import ConfigError
from eprop_rt.ladder import Rung
from eprop_rt.orders import Freeze, Order, Set, Thaw
from eprop_rt.pipeline import Output, Pipeline
from eprop_rt.series import Chunk, LabelChunk, MarkerChunk
from eprop_rt.snapshot import Arrays
from eprop_rt_services.checkpoint import Checkpoint, check_writable, digest, write_checkpoint
from eprop_rt_services.config import Config
from eprop_rt_services.daemon.session import Beginning, Session
from eprop_rt_services.digest import SessionDigest
from eprop_rt_services.journal.events import (
    Counted,
    End,
    Event,
    Guarded,
    Kept,
    Noted,
    Ordered,
    Taken,
    as_text,
)
from eprop_rt_services.journal.folder import JournalFolder, Standing
from eprop_rt_services.journal.reader import head_of
from eprop_rt_services.journal.writer import Journal
from eprop_rt_services.keeper import CheckpointKeeper

log = logging.getLogger("eprop_rt")

COUNTED_S = 1.0
STOPPED = "stopped"  # an end in good order


@dataclass(frozen=True, slots=True)
class KeptFile:
    """The newest checkpoint on the disk; `at_s` of the monotonic clock."""

    path: Path
    sha256: str
    at_s: float


class Record:
    """Writes down one session; without a folder for the journal only `checkpoint.file`.

    Raises ConfigError where folder or file cannot be written to.
    """

    def __init__(self, config: Config, now: Callable[[], float]) -> None:
        self._settings, self._every_s = config.journal, config.checkpoint.every_s
        self._keep, self._file = config.checkpoint.keep, config.checkpoint.file
        if self._file is not None:
            check_writable(self._file)
        self._folder: JournalFolder | None = None
        self._needed: frozenset[str] = frozenset()  # checkpoints without which nothing replays
        self.journal: Journal | None = None
        if config.journal.folder is not None:
            self._folder = JournalFolder(config.journal.folder)
            self._folder.make()
            self._needed = begun_with(self._folder)
            self.journal = Journal(config.journal, now)
        self._keeper = CheckpointKeeper(self._on_the_disk)
        self._spare: Arrays | None = None  # of the newest checkpoint, once that is written
        self._digest = SessionDigest()
        self._taken: frozenset[str] = frozenset()  # files, of which this journal says so
        self._counted: Counter[str] = Counter()
        self._counted_s = self._kept_s = time.monotonic()
        self._guard: tuple[Rung, str | None] = (Rung.ACCEPT, None)
        self._standing = Standing()
        self.newest: KeptFile | None = None
        self._closing = ExitStack()
        # Whoever else wants to hear of events, in the thread of the loop.
        self.listener: Callable[[str], None] = lambda _: None

    def newest_checkpoint(self) -> Beginning | None:
        """What a session that is resumed starts with; None where there is none yet.

        Raises ConfigError without a folder, CheckpointError where no checkpoint in it is whole.
        """
        if self._folder is None:
            raise ConfigError("--resume needs journal.folder: it is resumed from what is in there")
        found = self._folder.newest_checkpoint()
        if found is None:
            return None
        for line in found.damaged:
            log.warning("%s; an older one is taken", line)
        return Beginning(found.checkpoint, found.path)

    def begin(self, session: Session, beginning: Beginning | None) -> None:
        """Begin the journal of a data path that is at its beginning."""
        self._digest = SessionDigest()
        if self._folder is None or self.journal is None:
            return
        segment = self._folder.next_segment()
        start = session.start()
        if beginning is not None:
            file, sha256 = filed(self._folder.next_checkpoint(segment), beginning)
            self._needed |= {file.name}
            origin = {"origin": "checkpoint", "checkpoint": file.name, "sha256": sha256}
            start = start.model_copy(update=origin)
        self._taken = frozenset()
        self.journal.begin(segment, session.layout(), start)

    def prepare(self, pipeline: Pipeline) -> None:
        """Ask now for the memory that a checkpoint will take, and not when a bin is due."""
        self._spare = pipeline.decoder.snapshot()

    def item(self, item: Chunk | LabelChunk | MarkerChunk) -> None:
        """What goes into the data path next."""
        if self.journal is None:
            return
        match item:
            case Chunk():
                self.journal.signal(item)
            case LabelChunk():
                self.journal.labels(item)
            case MarkerChunk():
                self.journal.markers(item.stamps, item.texts)

    def order(self, place: tuple[int, int], order: Order, by: str) -> None:
        """An order that was carried out."""
        self._tell(Ordered(decoded=place[0], finished=place[1], by=by, order=order))
        match order:
            case Freeze():
                self._leave(replace(self._standing, frozen_by=by))
            case Thaw():
                self._leave(replace(self._standing, frozen_by=""))
            case Set():
                settings = {**self._standing.settings, **order.values}
                self._leave(replace(self._standing, settings=settings))

    def stood(self) -> list[tuple[Order, str]]:
        """The orders that bring back what was in force when the daemon before crashed."""
        stood = Standing() if self._folder is None else self._folder.stands()
        orders: list[tuple[Order, str]] = []
        if stood.settings:
            orders.append((Set(stood.settings), "operator"))
        if stood.frozen_by:
            orders.append((Freeze(), stood.frozen_by))
        return orders

    def _leave(self, standing: Standing) -> None:
        self._standing = standing
        if self._folder is not None:
            try:
                self._folder.leave(standing)
            except OSError as error:
                log.warning("what an operator said would not outlive a crash: %s", error)

    def command(self, output: Output, published_s: float, updates: int) -> None:
        """A command that went out."""
        self._digest.add(output.index, output.values)
        if self.journal is not None:
            self.journal.command(output, published_s, updates)
            self.journal.time()

    def guard(self, pipeline: Pipeline) -> None:
        """Write down where the guard stands, where that is another rung or cause than before."""
        stands = pipeline.guard.rung, pipeline.guard.cause
        if stands != self._guard:
            self._guard = stands
            rung, cause = stands
            self._tell(Guarded(decoded=pipeline.decoded, rung=rung.name.lower(), cause=cause or ""))

    def note(self, text: str) -> None:
        """Something that people will want to read."""
        self._tell(Noted(text=text))

    def checkpoint(self, session: Session, pipeline: Pipeline, *, asked: bool) -> "Future[None]":
        """Copy what has been learned and write it beside the loop.

        `checkpoint.file` is written where it was `asked` for. Raises ConfigError where there is
        nowhere to write to, or the one before is still being written.
        """
        paths = self._places(asked)
        if not paths:
            raise ConfigError(
                "there is no file to write to: start the daemon with -o checkpoint.file=FILE or "
                "-o journal.folder=FOLDER"
            )
        if self._keeper.busy:
            raise ConfigError("the checkpoint before it is still being written: ask again")
        taken = session.checkpoint(pipeline, self._spare)
        self._spare = taken.arrays
        self._tell_taken(pipeline, paths)
        self._kept_s = time.monotonic()
        return self._keeper.begin(taken, paths)

    @property
    def broken(self) -> bool:
        """Whether the journal has a hole, and must begin anew from a checkpoint on the disk."""
        return self.journal is not None and self.journal.broken

    @property
    def journal_path(self) -> Path | None:
        """The newest segment."""
        return None if self.journal is None else self.journal.path

    @property
    def busy(self) -> bool:
        """Whether a checkpoint is being written."""
        return self._keeper.busy

    def keep(self, checkpoint: Checkpoint) -> "tuple[Beginning, Future[None]]":
        """Write a checkpoint into the folder, to begin with; the journal says nothing of it."""
        (path,) = self._places(asked=False)
        return Beginning(checkpoint, path), self._keeper.begin(checkpoint, [path])

    def tend(
        self, session: Session, pipeline: Pipeline, events: Callable[[], Counter[str]]
    ) -> None:
        """What is due now and then, between two steps."""
        if self.journal is None or self.journal.broken:
            return
        now_s = time.monotonic()
        out = pipeline.decoded > pipeline.finished  # a command: the next one is a bin away
        if now_s - self._counted_s > (COUNTED_S if out else 2 * COUNTED_S):
            self._counted_s = now_s
            self._count(events())
        if now_s - self._kept_s > self._every_s and not self._keeper.busy:
            self.checkpoint(session, pipeline, asked=False)
        if self.journal.is_long and pipeline.decoded == pipeline.finished:
            with suppress(ConfigError):  # tried again, and the long one goes on
                self._go_on_in_another(session)

    def end(self, session: Session, pipeline: Pipeline, cause: str) -> list[Path]:
        """Write the last checkpoint and the end of the journal; returns where it was kept.

        Raises ConfigError where the disk refuses the checkpoint: the journal is ended all the same.
        """
        paths = self._places(asked=True)
        try:
            if paths:
                self._tell_taken(pipeline, paths)
                self._keeper.finish(session.checkpoint(pipeline), paths)
        finally:
            total = self._digest.with_decoder(pipeline.decoder)
            place = {"decoded": pipeline.decoded, "finished": pipeline.finished}
            self._tell(End(**place, cause=cause, digest=total))
            if cause == STOPPED:
                self._leave(Standing())
            if self.journal is not None:
                self.journal.close()
                log.info("digest of the session: %s", total)
        return paths

    @property
    def events(self) -> Counter[str]:
        """Everything unusual so far, by name."""
        # Copied at once: other threads count.
        journal = Counter[str]() if self.journal is None else self.journal.events.copy()
        return self._keeper.events.copy() + journal

    def __enter__(self) -> Self:
        self._closing.enter_context(self._keeper)
        if self.journal is not None:
            self._closing.enter_context(self.journal)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def _places(self, asked: bool) -> list[Path]:
        paths = [self._file] if asked and self._file is not None else []
        if self._folder is not None and self.journal is not None and self.journal.path is not None:
            paths.insert(0, self._folder.next_checkpoint(self.journal.path))
        return paths

    def _tell_taken(self, pipeline: Pipeline, paths: list[Path]) -> None:
        if self._folder is not None:
            place = {"decoded": pipeline.decoded, "finished": pipeline.finished}
            self._taken |= {paths[0].name}
            self._tell(Taken(**place, file=paths[0].name))

    def _on_the_disk(self, path: Path, sha256: str) -> None:
        self.newest = KeptFile(path, sha256, time.monotonic())
        if self._folder is not None and path.parent == self._folder.path:
            if path.name in self._taken:  # else in a stretch that is not in the journal
                self._taken -= {path.name}
                if self.journal is not None:
                    self.journal.tell(Kept(file=path.name, sha256=sha256))
            self._folder.prune(self._keep, self._needed)

    def _count(self, events: Counter[str]) -> None:
        if events != self._counted:
            self._counted = events.copy()
            self._tell(Counted(events=dict(events)))

    def _go_on_in_another(self, session: Session) -> None:
        if self._folder is not None and self.journal is not None:
            start = session.start().model_copy(update={"origin": "before"})
            self.journal.begin(self._folder.next_segment(), session.layout(), start)

    def _tell(self, event: Event) -> None:
        self.listener(as_text(event))
        if self.journal is not None:
            self.journal.tell(event)


def filed(place: Path, beginning: Beginning) -> tuple[Path, str]:
    """Its file, written to `place` where it has none yet, and the digest of its arrays."""
    if beginning.file is not None:
        return beginning.file, digest(beginning.checkpoint.arrays)
    return place, write_checkpoint(place, beginning.checkpoint)


def begun_with(folder: JournalFolder) -> frozenset[str]:
    """The checkpoints that segments of a folder begin with."""
    heads = (head_of(path) for path in folder.segments())
    return frozenset(h.checkpoint for h in heads if h is not None and h.checkpoint is not None)
