"""Messages as they are, neither made nor read: what a measurement of the wire needs."""

import time
from typing import Self

import zmq

from eprop_rt_protocols.codec import MAX_FRAME_BYTES, encode_topic
from eprop_rt_services.zmq_link.keys import ClientKeys
from eprop_rt_services.zmq_link.sockets import (
    COMMAND_HIGH_WATER,
    bind,
    connect,
    milliseconds_until,
    opened,
    opening,
    send_frames,
)


class FrameSender:
    """Publishes frames on this machine; who does not keep up loses them."""

    def __init__(self, endpoint: str) -> None:
        with opening() as undo:
            self._socket = opened(zmq.PUB, None, undo)
            self._socket.setsockopt(zmq.SNDHWM, COMMAND_HIGH_WATER)
            self.endpoint = bind(self._socket, endpoint)
            self._closing = undo.pop_all()

    def send(self, frames: list[bytes]) -> None:
        """Send one message, the topic first."""
        send_frames(self._socket, frames)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()


class FrameReader:
    """Takes the frames of one topic."""

    def __init__(self, endpoint: str, topic: str, keys: ClientKeys | None = None) -> None:
        """Raises ConfigError where the endpoint is none."""
        with opening() as undo:
            self._socket = opened(zmq.SUB, None, undo)
            self._socket.setsockopt(zmq.RCVHWM, COMMAND_HIGH_WATER)
            self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME_BYTES)
            self._socket.setsockopt(zmq.SUBSCRIBE, encode_topic(topic))
            connect(self._socket, endpoint, keys)
            self._closing = undo.pop_all()

    def take(self, timeout_s: float) -> list[bytes] | None:
        """Return the next message, or None when none came in time."""
        if not self._socket.poll(milliseconds_until(time.monotonic() + timeout_s)):
            return None
        return self._socket.recv_multipart(zmq.NOBLOCK)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()
