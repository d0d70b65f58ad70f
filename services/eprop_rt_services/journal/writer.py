"""Writing a journal beside the loop: the loop hands over, a thread encodes and writes."""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any, Self

import numpy as np

from eprop_rt.errors import ConfigError, RecordingError
from eprop_rt.pipeline import Output
from eprop_rt.series import F64, Chunk, LabelChunk
from eprop_rt_services.journal.events import Event, Start
from eprop_rt_services.journal.segment import Layout, Segment
from eprop_rt_services.journal.settings import JournalSettings

log = logging.getLogger("eprop_rt")

MIB = 2**20
ENTRY_BYTES = 200  # an entry in the queue, beside its samples
# What a segment does with it (none: it is the next segment), what it is, its bytes.
Entry = tuple[Callable[..., None] | None, tuple[Any, ...], int]


class Journal:
    """Segments of one session; `begin` opens one, entries go to the newest.

    Entries are queued, and written by a thread every `flush_s` at the latest: earlier when told
    that there is `time`, since it shares the interpreter with who hands them over. It waits for
    the disk every `sync_s`. While the disk refuses, or does not answer, `backlog_mb` are kept;
    beyond that entries are lost, `broken` is set, and the daemon begins a new segment from a
    checkpoint. Events: `journal_refused` (once each time that the disk began to refuse),
    `journal_entries_lost`.
    """

    def __init__(self, settings: JournalSettings, now: Callable[[], float]) -> None:
        self._settings, self._now = settings, now
        self._queue: deque[Entry] = deque()
        self._segment: Segment | None = None
        self._refused = False
        self._flushed_s = self._synced_s = self._timely_s = time.monotonic()
        self._closed, self._told = False, threading.Event()
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self.path: Path | None = None
        self._broken = self._turning = False
        # Of the queue; one counts what goes in, the thread what comes out.
        self._queued_bytes = self._taken_bytes = 0
        self._overflown, self._unqueued, self._unqueued_counted = False, 0, 0
        self.events: Counter[str] = Counter()

    def begin(self, path: Path, layout: Layout, start: Start) -> None:
        """Open the next segment; raises ConfigError where it cannot be made.

        Where the disk takes nothing just now, the segment waits like everything else.
        """
        try:
            segment = Segment(path, layout, start, self._now())
            with suppress(OSError):
                segment.flush()
        except (RecordingError, OSError) as error:
            raise ConfigError(
                f"cannot begin the journal {path} ({error}): see its folder"
            ) from None
        self._turning, self._overflown = True, False
        self._queue.append((None, (segment,), 0))
        self.path = path
        if not self._thread.is_alive():
            self._thread.start()

    def signal(self, chunk: Chunk) -> None:
        """Samples that go into the data path next."""
        self._put(Segment.signal, chunk, size=chunk.samples.nbytes)

    def labels(self, chunk: LabelChunk) -> None:
        """Labels that go into the data path next."""
        self._put(Segment.label, chunk)

    def markers(self, stamps: F64, texts: tuple[str, ...]) -> None:
        """Markers that came; what they mean is an order of its own."""
        self._put(Segment.mark, stamps, texts)

    def command(self, output: Output, published_s: float, updates: int) -> None:
        """A command that went out."""
        self._put(Segment.command, output, published_s, updates)

    def tell(self, event: Event) -> None:
        """An event."""
        self._put(Segment.tell, event, self._now())

    def time(self) -> None:
        """Nothing urgent is to be done now: a good moment to write, where half a flush is due."""
        now_s = time.monotonic()
        if now_s - self._timely_s > 0.5 * self._settings.flush_s:
            self._timely_s = now_s
            self._told.set()

    @property
    def age_s(self) -> float:
        """How old the oldest entry may be that is not written yet."""
        return time.monotonic() - self._flushed_s

    @property
    def written_bytes(self) -> int:
        """The size of the newest segment."""
        return 0 if self._segment is None else self._segment.writer.written_bytes

    @property
    def broken(self) -> bool:
        """Whether entries are lost until another segment is begun."""
        return (self._broken or self._overflown) and not self._turning

    @property
    def is_long(self) -> bool:
        """Whether another segment is due, and may be had."""
        if self._turning or self._refused:
            return False
        return self.written_bytes > self._settings.segment_mb * MIB

    def close(self) -> None:
        """Write what is left, and the footers."""
        if self._thread.is_alive():
            self._closed = True
            self._told.set()
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _put(self, write: Callable[..., None], *entry: object, size: int = 0) -> None:
        size += ENTRY_BYTES
        if self._queued_bytes - self._taken_bytes > self._settings.backlog_mb * MIB:
            self._overflown = True
        if self._overflown:
            self._unqueued += 1
            return
        self._queued_bytes += size
        self._queue.append((write, entry, size))

    # What follows runs in the thread.

    def _work(self) -> None:
        while not self._closed:
            self._told.wait(self._settings.flush_s)
            self._told.clear()
            self._write_all()
        self._write_all()
        self._leave()

    def _write_all(self) -> None:
        for write, entry in self._entries():
            if write is None:
                self._turn_to(*entry)
            elif self._broken or self._segment is None:
                self.events["journal_entries_lost"] += 1
            else:
                write(self._segment, *entry)
        unqueued = self._unqueued
        if unqueued > self._unqueued_counted:
            self.events["journal_entries_lost"] += unqueued - self._unqueued_counted
            self._unqueued_counted = unqueued
        if self._segment is not None and not self._broken:
            self._flush(self._segment)

    def _entries(self) -> Iterator[tuple[Callable[..., None] | None, tuple[Any, ...]]]:
        """What is queued; samples that came one after the other are written at once.

        A thousand chunks a second, each written alone, would keep the interpreter from the loop,
        and how samples were cut into chunks decides nothing.
        """
        came = [self._queue.popleft() for _ in range(len(self._queue))]
        for stream, group in groupby(came, stream_of):
            entries = list(group)
            self._taken_bytes += sum(size for _, _, size in entries)
            if stream is None:
                yield from ((write, entry) for write, entry, _ in entries)
            else:
                chunks = [chunk for _, (chunk,), _ in entries if isinstance(chunk, Chunk)]
                yield Segment.signal, (joined(chunks),)

    def _flush(self, segment: Segment) -> None:
        now_s, writer = time.monotonic(), segment.writer
        try:
            segment.flush()
            if now_s - self._synced_s >= self._settings.sync_s:
                writer.sync()
                self._synced_s = now_s
        except OSError as error:
            if not self._refused:
                self.events["journal_refused"] += 1
                log.warning("the journal cannot be written: %s; it is kept in memory", error)
            self._refused = True
            if writer.waiting_bytes > self._settings.backlog_mb * MIB:
                log.error("the journal was given up: it goes on once the disk takes a checkpoint")
                segment.abandon()
                self._broken = True
            return
        self._flushed_s, self._refused = now_s, False

    def _turn_to(self, segment: Segment) -> None:
        whole = self._leave()
        self._segment, self._turning = segment, False
        self._broken = segment.goes_on and not whole  # it would go on after a hole
        if self._broken:
            segment.abandon()

    def _leave(self) -> bool:
        """Whether all of the segment in hand is on the disk."""
        if self._segment is None or self._broken:
            return not self._broken
        try:
            self._segment.close()
        except OSError as error:
            self.events["journal_refused"] += 1
            log.warning("the journal could not be ended: %s; it reads up to there", error)
            self._segment.abandon()
            return False
        return True


def stream_of(entry: Entry) -> int | None:
    """Of which signal it holds samples."""
    first = entry[1][0]
    return first.stream if isinstance(first, Chunk) else None


def joined(chunks: Sequence[Chunk]) -> Chunk:
    """One chunk of several of a stream."""
    if len(chunks) == 1:
        return chunks[0]
    stamps = np.concatenate([chunk.stamps for chunk in chunks])
    samples = np.concatenate([chunk.samples for chunk in chunks])
    return Chunk(stamps, samples, chunks[0].stream)
