"""Questions between programs of the same family, on one machine: bytes in, bytes out."""

import time
from contextlib import ExitStack, suppress
from typing import Self

import zmq

from eprop_rt.errors import StreamError
from eprop_rt_services.zmq_link.sockets import (
    bind,
    connect,
    has_input,
    milliseconds_until,
    opened,
    opening,
)

MAX_MESSAGE_BYTES = 2**20


class Replier:
    """Answers programs of the same family, one question at a time; bytes in, bytes out.

    Raises as CommandPublisher does.
    """

    def __init__(self, endpoint: str, context: zmq.SyncContext | None = None) -> None:
        self._closing = ExitStack()
        with opening() as undo:
            self._socket = opened(zmq.REP, context, undo)
            self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
            self.endpoint = bind(self._socket, endpoint)
            self._closing = undo.pop_all()

    def poll(self) -> bytes | None:
        """Return a question if one has come, without waiting; `reply` must follow."""
        return self._socket.recv(zmq.NOBLOCK) if has_input(self._socket) else None

    def reply(self, message: bytes) -> None:
        """Answer the question polled last."""
        self._socket.send(message, zmq.NOBLOCK)

    def close(self) -> None:
        """Close the socket."""
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Asker:
    """Asks a Replier."""

    def __init__(self, endpoint: str, context: zmq.SyncContext | None = None) -> None:
        self._endpoint = endpoint
        self._closing = ExitStack()
        with opening() as undo:
            self._socket = opened(zmq.REQ, context, undo)
            self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
            # A question that was not answered in time is given up, and so is its late answer.
            self._socket.setsockopt(zmq.REQ_RELAXED, 1)
            self._socket.setsockopt(zmq.REQ_CORRELATE, 1)
            connect(self._socket, endpoint)
            self._closing = undo.pop_all()

    def ask(self, message: bytes, timeout_s: float) -> bytes:
        """Return the answer to `message`; raises StreamError when none comes in time."""
        self._socket.send(message)
        end = time.monotonic() + timeout_s
        while self._socket.poll(milliseconds_until(end)):
            with suppress(zmq.Again):  # what made it readable was a late answer, now dropped
                return self._socket.recv(zmq.NOBLOCK)
        raise StreamError(
            f"no answer from {self._endpoint} within {timeout_s:g} s: "
            "check that the program behind it runs"
        )

    def close(self) -> None:
        """Close the socket; what was not sent yet is dropped."""
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
