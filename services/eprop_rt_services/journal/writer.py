"""Writing a journal beside the loop: the loop hands over, a thread encodes and writes."""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from eprop_rt.errors import ConfigError, RecordingError
from eprop_rt.pipeline import Output
from eprop_rt.series import F64, Chunk, LabelChunk, StreamInfo
from eprop_rt_services.journal.events import Event, Start, as_text
from eprop_rt_services.journal.settings import JournalSettings
from eprop_rt_services.recordings.xdf import JOURNAL_EVENTS
from eprop_rt_services.recordings.xdf_writer import Values, XdfWriter

log = logging.getLogger("eprop_rt")

MIB = 2**20
EVENTS, COMMANDS = JOURNAL_EVENTS, "eprop-rt commands"
# Beside the values of a command, in the columns after them.
BESIDE = ("bin", "origin", "published", "updates")


@dataclass(frozen=True, slots=True)
class Layout:
    """The streams of a segment: what the data path reads, and the names of what it says."""

    signals: tuple[StreamInfo, ...]
    labels: StreamInfo | None
    names: tuple[str, ...]
    units: tuple[str, ...]
    topic: str

    def commands(self) -> StreamInfo:
        """The stream of commands, with what stands beside them."""
        seconds = ("", "s", "s", "")
        return StreamInfo(
            COMMANDS,
            len(self.names) + len(BESIDE),
            0.0,
            (*self.names, *BESIDE),
            (*self.units, *seconds),
        )


class _Segment:
    """One file, and the numbers of its streams."""

    def __init__(self, path: Path, layout: Layout, start: Start) -> None:
        self.writer = XdfWriter(path, "journal of eprop-rt", gathering=True)
        add, topic = self.writer.add_stream, layout.topic
        self.signals = [
            add(info, "Signal", f"{topic}-signal-{at}") for at, info in enumerate(layout.signals)
        ]
        self.labels = (
            None if layout.labels is None else add(layout.labels, "Labels", f"{topic}-labels")
        )
        self.commands = add(layout.commands(), "Decoded", f"{topic}-commands", "double64")
        events = StreamInfo(EVENTS, 1, 0.0)
        self.events = add(events, "Markers", f"{topic}-events", "string")
        self.markers = add(StreamInfo("markers", 1, 0.0), "Markers", f"{topic}-markers", "string")
        for stream in (*self.signals, self.labels, self.commands, self.events, self.markers):
            if stream is not None:  # stamps are on this machine's clock already
                self.writer.write_clock_offset(stream, 0.0, 0.0)


class Journal:
    """Segments of one session; `begin` opens one, entries go to the newest.

    Entries are queued, and written by a thread every `flush_s`; the thread waits for the disk
    every `sync_s`. While the disk refuses, `backlog_mb` are kept; beyond that entries are lost,
    `broken` is set, and the daemon begins a new segment from a checkpoint. Events:
    `journal_refused` (once each time that the disk began to refuse), `journal_entries_lost`.
    """

    def __init__(self, settings: JournalSettings, now: Callable[[], float]) -> None:
        self._settings, self._now = settings, now
        self._queue: deque[tuple[Callable[..., None], tuple[object, ...]]] = deque()
        self._segment: _Segment | None = None
        self._refused = False
        self._flushed_s = self._synced_s = time.monotonic()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self.path: Path | None = None
        self._broken = self._turning = False
        self.events: Counter[str] = Counter()

    def begin(self, path: Path, layout: Layout, start: Start) -> None:
        """Open the next segment; raises ConfigError where it cannot be made."""
        try:
            segment = _Segment(path, layout, start)
        except (RecordingError, OSError) as error:
            raise ConfigError(
                f"cannot begin the journal {path} ({error}): see its folder"
            ) from None
        self._turning = True
        self._put(self._turn_to, segment)
        self.path = path
        self.tell(start)
        if not self._thread.is_alive():
            self._thread.start()

    def signal(self, chunk: Chunk) -> None:
        """Samples that go into the data path next."""
        self._put(self._write_signal, chunk)

    def labels(self, chunk: LabelChunk) -> None:
        """Labels that go into the data path next."""
        self._put(self._write_labels, chunk)

    def markers(self, stamps: F64, texts: tuple[str, ...]) -> None:
        """Markers that came; what they mean is an order of its own."""
        self._put(self._write_markers, stamps, texts)

    def command(self, output: Output, published_s: float, updates: int) -> None:
        """A command that went out."""
        self._put(self._write_command, output, published_s, updates)

    def tell(self, event: Event) -> None:
        """An event."""
        self._put(self._write_event, event, self._now())

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
        return self._broken and not self._turning

    @property
    def is_long(self) -> bool:
        """Whether another segment is due."""
        return self.written_bytes > self._settings.segment_mb * MIB

    def close(self) -> None:
        """Write what is left, and the footers."""
        if self._thread.is_alive():
            self._closing.set()
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _put(self, write: Callable[..., None], *entry: object) -> None:
        self._queue.append((write, entry))

    # What follows runs in the thread.

    def _work(self) -> None:
        while not self._closing.wait(self._settings.flush_s):
            self._write_all()
        self._write_all()
        self._leave()

    def _write_all(self) -> None:
        for _ in range(len(self._queue)):
            write, entry = self._queue.popleft()
            if self._broken and write != self._turn_to:
                self.events["journal_entries_lost"] += 1
                continue
            write(*entry)
        if self._segment is not None and not self._broken:
            self._flush(self._segment.writer)

    def _flush(self, writer: XdfWriter) -> None:
        now_s = time.monotonic()
        try:
            writer.flush()
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
                writer.abandon()
                self._broken = True
            return
        self._flushed_s, self._refused = now_s, False

    def _turn_to(self, segment: _Segment) -> None:
        self._leave()
        self._segment, self._broken, self._turning = segment, False, False

    def _leave(self) -> None:
        if self._segment is None:
            return
        try:
            self._segment.writer.close()
        except OSError as error:
            self.events["journal_refused"] += 1
            log.warning("the journal could not be ended: %s; it reads up to there", error)
            self._segment.writer.abandon()

    def _write(self, stream: int, stamps: F64, values: Values) -> None:
        if self._segment is not None:
            self._segment.writer.write(stream, stamps, values)

    def _write_signal(self, chunk: Chunk) -> None:
        if self._segment is not None:
            self._write(self._segment.signals[chunk.stream], chunk.stamps, chunk.samples)

    def _write_labels(self, chunk: LabelChunk) -> None:
        if self._segment is not None and self._segment.labels is not None:
            self._write(self._segment.labels, chunk.stamps, chunk.values)

    def _write_markers(self, stamps: F64, texts: tuple[str, ...]) -> None:
        if self._segment is not None:
            self._write(self._segment.markers, stamps, [[text] for text in texts])

    def _write_command(self, output: Output, published_s: float, updates: int) -> None:
        if self._segment is not None:
            beside = (output.index, output.origin_s, published_s, updates)
            row = np.array([[*output.values, *beside]], np.float64)
            self._write(self._segment.commands, np.array([output.bin_end_s]), row)

    def _write_event(self, event: Event, stamp_s: float) -> None:
        if self._segment is not None:
            self._write(self._segment.events, np.array([stamp_s]), [[as_text(event)]])
