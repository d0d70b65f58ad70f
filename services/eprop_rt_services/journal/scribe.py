"""Who holds the segment in hand, and knows what to do when the disk does not take it."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from eprop_rt_services.journal.segment import Segment
from eprop_rt_services.journal.settings import JournalSettings
from eprop_rt_services.logs import count_and_log

MIB = 2**20


class Scribe:
    """Writes entries into one segment after the other; one thread calls it, others read.

    What the disk refuses waits in memory, up to `backlog_mb`; then the segment is given up, as
    where something fails that nobody foresaw: `broken` until it turns to one that does not go on
    where this one ends. Events: `journal_refused` (once each time that the disk began to refuse),
    `journal_failed`, `journal_given_up`, `journal_entries_lost`.
    """

    def __init__(self, settings: JournalSettings) -> None:
        self._settings = settings
        self._segment: Segment | None = None
        self._waiting = 0  # entries that were gathered and are not written
        self._synced_s = time.monotonic()
        self.flushed_s = self._synced_s
        self.broken = self.refused = False
        self.events: Counter[str] = Counter()

    @property
    def written_bytes(self) -> int:
        """The size of the segment in hand."""
        return 0 if self._segment is None else self._segment.writer.written_bytes

    def write(self, write: Callable[..., None], entry: tuple[Any, ...]) -> None:
        """Gather an entry; `write` takes the segment first."""
        if self.broken or self._segment is None:
            self.lose(1)
            return
        self._waiting += 1
        try:
            write(self._segment, *entry)
        except Exception as error:
            self.fail(error)
            self._give_up()

    def turn_to(self, segment: Segment) -> None:
        """End the segment in hand and take this one."""
        whole = self.leave()
        self._segment = segment
        self.broken = segment.goes_on and not whole  # it would go on after a hole

    def flush(self) -> None:
        """Write what was gathered, and wait for the disk every `sync_s`."""
        segment = self._segment
        if segment is None or self.broken:
            return
        now_s = time.monotonic()
        try:
            segment.flush()
            if now_s - self._synced_s >= self._settings.sync_s:
                segment.writer.sync()
                self._synced_s = now_s
        except OSError as error:
            if not self.refused:
                text = f"the journal cannot be written: {error}; it is kept in memory"
                count_and_log(self.events, "journal_refused", text)
            self.refused = True
            if segment.writer.waiting_bytes > self._settings.backlog_mb * MIB:
                self._give_up()
        except Exception as error:
            self.fail(error)
            self._give_up()
        else:
            self.flushed_s, self.refused, self._waiting = now_s, False, 0

    def leave(self) -> bool:
        """End the segment in hand; whether all of it is on the disk."""
        if self._segment is None or self.broken:
            return not self.broken
        try:
            self._segment.close()
        except OSError as error:
            text = f"the journal could not be ended: {error}; it reads up to there"
            count_and_log(self.events, "journal_refused", text)
        except Exception as error:
            self.fail(error)
        else:
            self._waiting = 0
            return True
        self._lose_what_waits()
        return False

    def lose(self, entries: int) -> None:
        """So many are in no segment."""
        self.events["journal_entries_lost"] += entries

    def fail(self, error: Exception) -> None:
        """Something went wrong that nobody foresaw."""
        text = f"the journal failed ({type(error).__name__}: {error})"
        count_and_log(self.events, "journal_failed", text, exc_info=error)

    def _give_up(self) -> None:
        text = "the journal was given up: it goes on once the disk takes a checkpoint"
        count_and_log(self.events, "journal_given_up", text)
        self.broken = True
        self._lose_what_waits()
        if self._segment is not None:
            with suppress(OSError):
                self._segment.abandon()

    def _lose_what_waits(self) -> None:
        self.lose(self._waiting)
        self._waiting = 0
