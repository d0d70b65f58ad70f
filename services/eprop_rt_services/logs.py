"""What the daemon says on stderr: lines for people, for the systemd journal, or for programs.

A record's `extra` holds its event name and fields, as in
log.warning("the source is gone", extra={"event": "source_lost", "silent_s": 2.5}): for programs,
while the message alone is for people.
"""

import json
import logging
import math
import os
import select
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener
from queue import SimpleQueue
from typing import Any, Final, Literal, TextIO

from pydantic import Field

from eprop_rt.config import Settings

# What every record has; whatever else it has came as a field.
ORDINARY: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
PRIORITIES: Final = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}
LOOK_MS: Final = 100
LEAVE_S = 5.0  # how long an end waits for who does not read
FOR_PEOPLE: Final = "%(asctime)s %(levelname)s %(message)s"


class LogSettings(Settings):
    """How the daemon logs, on stderr."""

    format: Literal["text", "json"] = Field("text", description="json: one object a line")
    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="debug: every second what was counted, too"
    )


class JsonFormatter(logging.Formatter):
    """One object a line: time (UTC), level, event, message, and the record's fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; what JSON has no form for is written as text."""
        fields = {key: told(value) for key, value in vars(record).items() if key not in ORDINARY}
        event = fields.pop("event", "log")
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": time,
            "level": record.levelname.lower(),
            "event": event,
            "message": record.getMessage(),
        }
        return json.dumps(line | {key: fields[key] for key in fields if key not in line})


class JournalFormatter(logging.Formatter):
    """Lines with their priority in front, as journald takes it; it adds the time itself."""

    def format(self, record: logging.LogRecord) -> str:
        """The lines of one record."""
        priority = PRIORITIES.get(record.levelno, PRIORITIES[logging.INFO])
        return "\n".join(f"<{priority}>{line}" for line in record.getMessage().splitlines())


def told(value: Any) -> Any:
    """A value as it is where JSON has a form for it, and as text otherwise."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return str(value)
    return value


class PatientHandler(logging.StreamHandler[TextIO]):
    """Writes to a file descriptor as far as somebody reads, and loses patience after `line_s`.

    A write that waits for a reader could not be ended, nor could the process.
    """

    def __init__(self, stream: TextIO, line_s: float) -> None:
        super().__init__(stream)
        self._line_s = line_s
        self._ready = select.poll()
        self._ready.register(stream.fileno(), select.POLLOUT)
        self.until_s = math.inf  # of the monotonic clock; what nobody has read by then is dropped

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        try:
            line = (self.format(record) + self.terminator).encode("utf-8", "backslashreplace")
            self._write(memoryview(line))
        except OSError:  # the reader is gone
            pass
        except Exception:
            self.handleError(record)

    def _write(self, rest: memoryview) -> None:
        begun_s = time.monotonic()
        while rest:
            impatient = time.monotonic() > min(self.until_s, begun_s + self._line_s)
            if self._ready.poll(0 if impatient else LOOK_MS):  # takes a whole piece now
                rest = rest[os.write(self.stream.fileno(), rest[: select.PIPE_BUF]) :]
            elif impatient:
                return


def handler_for(
    settings: LogSettings, stream: TextIO, line_s: float = math.inf
) -> logging.StreamHandler[TextIO]:
    """Writes to the stream as `settings` say; a line waits for `line_s` for its reader."""
    try:
        handler: logging.StreamHandler[TextIO] = PatientHandler(stream, line_s)
    except (OSError, ValueError):  # no file
        handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter_for(settings, stream))
    return handler


def formatter_for(settings: LogSettings, stream: TextIO) -> logging.Formatter:
    """Who reads decides: programs, the systemd journal where it is the stream, or people."""
    if settings.format == "json":
        return JsonFormatter()
    if is_journal(stream):
        return JournalFormatter()
    return logging.Formatter(FOR_PEOPLE)


def is_journal(stream: TextIO, environment: Mapping[str, str] | None = None) -> bool:
    """Whether the stream is the one that systemd connected with its journal (JOURNAL_STREAM)."""
    given = os.environ if environment is None else environment
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # closed, or no file at all
        return False
    return given.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def count_and_log(
    events: Counter[str],
    event: str,
    text: str,
    exc_info: BaseException | None = None,
    **values: Any,
) -> None:
    """Count an event, and warn of it in a line, with how often it was and its values."""
    events[event] += 1
    fields = {"event": event, "count": events[event], **values}
    logging.getLogger("eprop_rt").warning("%s", text, exc_info=exc_info, extra=fields)


@contextmanager
def logging_to(settings: LogSettings, stream: TextIO | None = None) -> Iterator[None]:
    """Inside this block log records are written by a thread: who logs does not wait for a reader.

    Nor does the end of the block for long, for one that does not read. Put around everything that
    logs, by the main thread, once real-time settings are applied.
    """
    writer = handler_for(settings, sys.stderr if stream is None else stream)
    queue: SimpleQueue[logging.LogRecord] = SimpleQueue()
    handler, listener = QueueHandler(queue), QueueListener(queue, writer)
    root = logging.getLogger()
    level_before = root.level
    root.addHandler(handler)
    root.setLevel(settings.level.upper())
    listener.start()
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level_before)
        if isinstance(writer, PatientHandler):
            writer.until_s = time.monotonic() + LEAVE_S
        listener.stop()  # once everything is written
