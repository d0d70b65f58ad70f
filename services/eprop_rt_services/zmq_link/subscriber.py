"""The reader of commands."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Self

import zmq

from eprop_rt_protocols.codec import MAX_FRAME_BYTES, decode, encode_topic
from eprop_rt_protocols.command import Command
from eprop_rt_protocols.errors import RemoteProtocolError
from eprop_rt_services.zmq_link.keys import ClientKeys
from eprop_rt_services.zmq_link.sockets import (
    COMMAND_HIGH_WATER,
    connect,
    milliseconds_until,
    opened,
    opening,
)


class CommandSubscriber:
    """Receives commands and drops those that came too late to be true.

    `now` reads the clock that the stamps name. `events` counts what was dropped: `late` for past
    its deadline, `repeated` for the greeting of another reader, `malformed` for what breaks the
    rules of the wire.
    """

    def __init__(
        self,
        endpoint: str,
        topic: str,
        now: Callable[[], float],
        keys: ClientKeys | None = None,
        context: zmq.SyncContext | None = None,
    ) -> None:
        self.events: Counter[str] = Counter()
        self._now = now
        self._topic_frame = encode_topic(topic)
        self._last_seen: tuple[int, float] | None = None
        self._closing = ExitStack()
        with opening() as undo:
            self._socket = opened(zmq.SUB, context, undo)
            self._socket.setsockopt(zmq.RCVHWM, COMMAND_HIGH_WATER)
            self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME_BYTES)
            self._socket.setsockopt(zmq.SUBSCRIBE, self._topic_frame)
            connect(self._socket, endpoint, keys)
            self._closing = undo.pop_all()

    def poll(self, timeout_s: float) -> Command | None:
        """Return the next command that still holds, or None when none came in time."""
        end = time.monotonic() + timeout_s
        while self._socket.poll(milliseconds_until(end)):
            command = self._read(self._socket.recv_multipart(zmq.NOBLOCK))
            if command is not None:
                return command
        return None

    def _read(self, frames: list[bytes]) -> Command | None:
        if frames[0] != self._topic_frame:  # a longer topic with the same beginning
            return None
        try:
            command = decode(frames)
        except RemoteProtocolError:
            self.events["malformed"] += 1
            return None
        # A daemon that starts anew counts from zero again, but never at the same instant.
        seen = (command.header.sequence, command.header.stamps.published_s)
        if seen == self._last_seen:
            self.events["repeated"] += 1
            return None
        self._last_seen = seen
        if command.header.deadline_s < self._now():
            self.events["late"] += 1
            return None
        return command

    def close(self) -> None:
        """Close the socket."""
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
