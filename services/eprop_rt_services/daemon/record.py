"""What a session leaves behind: journal, checkpoints, and a digest of it all."""

import logging
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from eprop_rt.errors import ConfigError
from eprop_rt.ladder import Rung
from eprop_rt.orders import Order
from eprop_rt.pipeline import Output, Pipeline
from eprop_rt.series import Chunk, LabelChunk, MarkerChunk
from eprop_rt_services.checkpoint import Checkpoint
from eprop_rt_services.config import Config
from eprop_rt_services.daemon.keeping import Keeping, KeptFile, Resume
from eprop_rt_services.daemon.session import Beginning, Session
from eprop_rt_services.daemon.standing import InForce
from eprop_rt_services.digest import SessionDigest
from eprop_rt_services.journal.events import Counted, End, Event, Guarded, Noted, Ordered, as_text
from eprop_rt_services.journal.folder import JournalFolder
from eprop_rt_services.journal.names import Names
from eprop_rt_services.journal.writer import Journal

log = logging.getLogger("eprop_rt")

COUNTED_S = 1.0
STOPPED = "stopped"  # an end in good order


@dataclass(frozen=True, slots=True)
class Left:
    """What an end left behind: where the last checkpoint is, or else why there is none."""

    files: tuple[Path, ...]
    lost: str | None = None


class Record:
    """Writes down one session; without a folder for the journal only `checkpoint.file`.

    Raises ConfigError where folder or file cannot be written to.
    """

    def __init__(self, config: Config, now: Callable[[], float]) -> None:
        folder: JournalFolder | None = None
        self._names: Names | None = None
        self.journal: Journal | None = None
        if config.journal.folder is not None:
            folder = JournalFolder(config.journal.folder)
            folder.make()
            self._names = Names(folder)
            self.journal = Journal(config.journal, now)
        self._keeping = Keeping(config.checkpoint, folder, self._names, self._tell)
        self._in_force = InForce(folder, self._beside)
        self._digest = SessionDigest()
        self._counted: Counter[str] = Counter()
        self._counted_s = time.monotonic()
        self._guard: tuple[Rung, str | None] = (Rung.ACCEPT, None)
        self._closing = ExitStack()
        # Whoever else wants to hear of events, in the thread of the loop.
        self.listener: Callable[[str], None] = lambda _: None

    def resumed(self, resume: Resume) -> Beginning | None:
        """What a session that is resumed starts with, as Keeping says it."""
        return self._keeping.beginning(resume)

    def begin_afresh(self) -> None:
        """What an operator said to a session before this one is none of this one's business."""
        self._in_force.forget()

    def begin(self, session: Session, beginning: Beginning | None) -> None:
        """Begin the journal of a data path that is at its beginning."""
        self._digest = SessionDigest()
        if self._names is None or self.journal is None:
            return
        segment = self._names.segment()
        origin = self._keeping.begin(beginning)
        start = session.start().model_copy(update=origin)
        self.journal.begin(segment, session.layout(), start)

    def prepare(self, pipeline: Pipeline) -> None:
        """Ask now for the memory that a checkpoint will take, and not when a bin is due."""
        self._keeping.prepare(pipeline)

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
        self._in_force.heed(order, by)

    def stood(self) -> list[tuple[Order, str]]:
        """The orders that bring back what was in force when the daemon before crashed."""
        return self._in_force.recall()

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

    def checkpoint(self, session: Session, pipeline: Pipeline) -> "Future[None]":
        """Write what has been learned beside the loop; ConfigError where Keeping refuses."""
        return self._keeping.checkpoint(session, pipeline)

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
        return self._keeping.busy

    @property
    def newest(self) -> KeptFile | None:
        """The newest checkpoint on the disk."""
        return self._keeping.newest

    def keep(self, checkpoint: Checkpoint) -> "tuple[Beginning, Future[None]]":
        """Write a checkpoint into the folder, to begin with; the journal says nothing of it."""
        return self._keeping.keep(checkpoint)

    def tend(
        self, session: Session, pipeline: Pipeline, events: Callable[[], Counter[str]]
    ) -> None:
        """What is due now and then, between two steps."""
        self._keeping.settle()
        if self.journal is None or self.journal.broken:
            return
        now_s = time.monotonic()
        out = pipeline.decoded > pipeline.finished  # a command: the next one is a bin away
        if now_s - self._counted_s > (COUNTED_S if out else 2 * COUNTED_S):
            self._counted_s = now_s
            self._count(events())
        self._keeping.tend(session, pipeline)
        if self.journal.is_long and pipeline.decoded == pipeline.finished:
            with suppress(ConfigError):  # tried again, and the long one goes on
                self._go_on_in_another(session)

    def end(self, session: Session, pipeline: Pipeline, cause: str, *, whole: bool) -> Left:
        """Write the last checkpoint, if that is worth it, and the end of the journal.

        `whole`: the data path stands between two steps, and what it said last is written down;
        else there is no digest that a replay would come to, and nothing sound to keep.
        """
        if pipeline.guard.exit_cause is not None:
            self._keeping.blame()
        if whole:
            left = self._last(session, pipeline)
            total = self._digest.with_decoder(pipeline.decoder)
            place = {"decoded": pipeline.decoded, "finished": pipeline.finished}
            self._tell(End(**place, cause=cause, digest=total))
            if self.journal is not None:
                told = {"event": "digest", "digest": total}
                log.info("digest of the session: %s", total, extra=told)
        else:
            left = Left((), "it failed in the midst of a step")
            self.note(f"ended: {cause}")
        if cause == STOPPED:
            self._in_force.forget()
        if self.journal is not None:
            self.journal.close()
        return left

    def _last(self, session: Session, pipeline: Pipeline) -> Left:
        try:
            return Left(tuple(self._keeping.last(session, pipeline)))
        except ConfigError as error:
            return Left((), str(error))
        except Exception as error:  # the journal is to be ended, whatever it is
            log.exception("the last checkpoint failed", extra={"event": "checkpoint_failed"})
            return Left((), f"{type(error).__name__}: {error}")

    @property
    def events(self) -> Counter[str]:
        """Everything unusual so far, by name."""
        # Copied at once: other threads count.
        journal = Counter[str]() if self.journal is None else self.journal.events.copy()
        return self._keeping.events + journal

    def __enter__(self) -> Self:
        self._closing.enter_context(self._keeping)
        if self.journal is not None:
            self._closing.enter_context(self.journal)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def _count(self, events: Counter[str]) -> None:
        if events != self._counted:
            changed = {name: n for name, n in events.items() if n != self._counted[name]}
            line = ", ".join(f"{name} {n}" for name, n in sorted(changed.items()))
            log.debug("counted so far: %s", line, extra={"event": "counted", "counts": changed})
            self._counted = events.copy()
            self._tell(Counted(events=dict(events)))

    def _go_on_in_another(self, session: Session) -> None:
        if self._names is not None and self.journal is not None:
            start = session.start().model_copy(update={"origin": "before"})
            self.journal.begin(self._names.segment(), session.layout(), start)

    def _beside(self, errand: Callable[[], None]) -> None:
        """Who gives orders does not wait for the disk."""
        if self.journal is not None:
            self.journal.beside(errand)

    def _tell(self, event: Event) -> None:
        self.listener(as_text(event))
        if self.journal is not None:
            self.journal.tell(event)
