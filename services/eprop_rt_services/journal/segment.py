"""One file of a journal: its streams, and when it gets its name."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eprop_rt.pipeline import Output
from eprop_rt.series import F64, Chunk, LabelChunk, StreamInfo
from eprop_rt_services.journal.events import Event, Start, as_text
from eprop_rt_services.recordings.xdf import JOURNAL_EVENTS
from eprop_rt_services.recordings.xdf_writer import XdfWriter

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


class Segment:
    """One file, and the numbers of its streams.

    The file has its name from the moment that its head is in it: a kill leaves none without one.
    The disk is asked for nothing before `open`, or the first flush.
    """

    def __init__(self, path: Path, layout: Layout, start: Start, now_s: float) -> None:
        self._path, self._hidden = path, path.with_name(f".{path.name}.unfinished")
        self._opened = self._named = False
        self.writer = XdfWriter(self._hidden, "journal of eprop-rt", gathering=True)
        self.goes_on = start.origin == "before"
        add, topic = self.writer.add_stream, layout.topic
        self._signals = [
            add(info, "Signal", f"{topic}-signal-{at}") for at, info in enumerate(layout.signals)
        ]
        self._labels = (
            None if layout.labels is None else add(layout.labels, "Labels", f"{topic}-labels")
        )
        self._commands = add(layout.commands(), "Decoded", f"{topic}-commands", "double64")
        events = StreamInfo(EVENTS, 1, 0.0)
        self._events = add(events, "Markers", f"{topic}-events", "string")
        self._markers = add(StreamInfo("markers", 1, 0.0), "Markers", f"{topic}-markers", "string")
        for stream in (*self._signals, self._labels, self._commands, self._events, self._markers):
            if stream is not None:  # stamps are on this machine's clock already
                self.writer.write_clock_offset(stream, 0.0, 0.0)
        self.tell(start, now_s)

    def tell(self, event: Event, stamp_s: float) -> None:
        """Gather an event."""
        self.writer.write(self._events, np.array([stamp_s]), [[as_text(event)]])

    def signal(self, chunk: Chunk) -> None:
        """Gather samples."""
        self.writer.write(self._signals[chunk.stream], chunk.stamps, chunk.samples)

    def label(self, chunk: LabelChunk) -> None:
        """Gather labels, where there are any."""
        if self._labels is not None:
            self.writer.write(self._labels, chunk.stamps, chunk.values)

    def mark(self, stamps: F64, texts: tuple[str, ...]) -> None:
        """Gather markers."""
        self.writer.write(self._markers, stamps, [[text] for text in texts])

    def command(self, output: Output, published_s: float, updates: int) -> None:
        """Gather a command, with what stands beside it."""
        beside = (output.index, output.origin_s, published_s, updates)
        row = np.array([[*output.values, *beside]], np.float64)
        self.writer.write(self._commands, np.array([output.bin_end_s]), row)

    def open(self) -> None:
        """Make the file, where that was not done yet; raises OSError where the disk refuses."""
        if not self._opened:
            self._hidden.unlink(missing_ok=True)  # of a daemon that was killed here
            self.writer.open()
            self._opened = True

    def flush(self) -> None:
        """Write what was gathered; OSError as above, and it still waits."""
        self.open()
        self.writer.flush()
        self._name()

    def close(self) -> None:
        """Write what was gathered and the footers; OSError as above, and nothing is changed."""
        self.open()
        self.writer.close()
        self._name()

    def _name(self) -> None:
        if not self._named:
            self._hidden.replace(self._path)
            self._named = True

    def abandon(self) -> None:
        """Leave the file as it is."""
        self.writer.abandon()
        if self._opened and not self._named:
            self._hidden.unlink(missing_ok=True)
