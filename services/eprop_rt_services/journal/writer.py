"""Writing a journal beside the loop: the loop hands over, a thread encodes and writes."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any, Self

import numpy as np

from eprop_rt.errors import ConfigError
from eprop_rt.pipeline import Output
from eprop_rt.series import F64, Chunk, LabelChunk
from eprop_rt_services.journal.events import Event, Start
from eprop_rt_services.journal.scribe import MIB, Scribe
from eprop_rt_services.journal.segment import Layout, Segment
from eprop_rt_services.journal.settings import JournalSettings
from eprop_rt_services.logs import count_and_log

LEAVE_S = 10.0  # how long a stop waits for the disk
ENTRY_BYTES = 200  # an entry in the queue, beside its samples
# What a segment does with it (none: it is the next segment), what it is, its bytes.
Entry = tuple[Callable[..., None] | None, tuple[Any, ...], int]


class Journal:
    """Segments of one session; `begin` opens one, entries go to the newest.

    Entries are queued, and written by a thread every `flush_s` at the latest: earlier when told
    that there is `time`, since it shares the interpreter with who hands them over. It waits for
    the disk every `sync_s`; nobody else does, once the first segment is begun. While the disk
    refuses, or does not answer, `backlog_mb` are kept; beyond that entries are lost, `broken` is
    set, and the daemon begins a new segment from a checkpoint; as where something fails that nobody
    foresaw. Events are those of Scribe.
    """

    def __init__(self, settings: JournalSettings, now: Callable[[], float]) -> None:
        self._settings, self._now = settings, now
        self._queue: deque[Entry] = deque()
        self._scribe = Scribe(settings)
        self._timely_s = time.monotonic()
        self._started = self._closed = False
        self._told = threading.Event()
        self._errands: deque[Callable[[], None]] = deque(maxlen=1)
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self.path: Path | None = None
        self._turning = False
        # Of the queue; one counts what goes in, the thread what comes out.
        self._queued_bytes = self._taken_bytes = 0
        self._overflown, self._unqueued, self._unqueued_counted = False, 0, 0

    def begin(self, path: Path, layout: Layout, start: Start) -> None:
        """Begin the next segment; it waits for the disk like everything else.

        Raises ConfigError where the file of the first one cannot be made.
        """
        segment = Segment(path, layout, start, self._now())
        if not self._started:
            begin_on_disk(segment, path)
        self._turning, self._overflown = True, False
        self._queue.append((None, (segment,), 0))
        self.path = path
        if not self._started:
            self._started = True
            self._thread.start()

    def beside(self, errand: Callable[[], None]) -> None:
        """Have something done in the thread, soon, for it may wait for the disk.

        Of several that wait only the newest is done. Before the first segment is begun, it is done
        at once.
        """
        if not self._started:
            errand()
            return
        self._errands.append(errand)
        self._told.set()

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
    def events(self) -> Counter[str]:
        """Everything unusual so far, by name."""
        return self._scribe.events

    @property
    def age_s(self) -> float:
        """How old the oldest entry may be that is not written yet."""
        return time.monotonic() - self._scribe.flushed_s

    @property
    def written_bytes(self) -> int:
        """The size of the newest segment."""
        return self._scribe.written_bytes

    @property
    def broken(self) -> bool:
        """Whether entries are lost until another segment is begun."""
        return (self._scribe.broken or self._overflown) and not self._turning

    @property
    def is_long(self) -> bool:
        """Whether another segment is due, and may be had."""
        if self._turning or self._scribe.refused:
            return False
        return self.written_bytes > self._settings.segment_mb * MIB

    def close(self) -> None:
        """Write what is left, and the footers; a disk that does not answer is not waited for."""
        if self._thread.is_alive() and not self._closed:
            self._closed = True
            self._told.set()
            self._thread.join(LEAVE_S)
            if self._thread.is_alive():
                text = f"the disk did not take the end of the journal within {LEAVE_S:g} s"
                count_and_log(self._scribe.events, "journal_not_ended", text)

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
            self._do_what_is_due()
        self._do_what_is_due()
        self._scribe.leave()

    def _do_what_is_due(self) -> None:
        for write, entry in self._entries():
            if write is None:
                self._scribe.turn_to(*entry)
                self._turning = False
            else:
                self._scribe.write(write, entry)
        unqueued = self._unqueued
        if unqueued > self._unqueued_counted:
            self._scribe.lose(unqueued - self._unqueued_counted)
            self._unqueued_counted = unqueued
        self._scribe.flush()
        while self._errands:
            try:
                self._errands.popleft()()
            except Exception as error:
                self._scribe.fail(error)

    def _entries(self) -> Iterator[tuple[Callable[..., None] | None, tuple[Any, ...]]]:
        """What is queued now; samples that came one after the other are written at once.

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
                yield gather_signal, tuple(chunks)


def begin_on_disk(segment: Segment, path: Path) -> None:
    """Make its file; raises ConfigError where that cannot be. A disk that is full may have room."""
    try:
        segment.open()
    except OSError as error:
        raise ConfigError(f"cannot begin the journal {path} ({error}): see its folder") from None
    with suppress(OSError):
        segment.flush()


def gather_signal(segment: Segment, *chunks: Chunk) -> None:
    """Samples of one stream, as one chunk."""
    segment.signal(joined(chunks))


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
