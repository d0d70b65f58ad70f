"""Commands out and control in, over ZeroMQ; the one file that imports zmq.

Nothing here blocks the decoder: a reader that does not keep up loses commands, not time. Commands
go by XPUB, so that a reader that joins late gets the last one; control goes by ROUTER. Sockets
bind to this machine only, because nobody is asked who he is.
"""

import ipaddress
import math
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Self

import zmq

from eprop_rt.errors import ConfigError, StreamError
from eprop_rt_protocols.codec import MAX_FRAME_BYTES, decode, encode, encode_topic
from eprop_rt_protocols.command import Command
from eprop_rt_protocols.control import (
    MAX_CONTROL_BYTES,
    ControlReply,
    ControlRequest,
    Verb,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
)
from eprop_rt_protocols.errors import RemoteProtocolError

# A command is worth sending while it is news: two may wait for a reader, older ones are dropped.
COMMAND_HIGH_WATER = 2
# One look takes this many messages off a socket at most: a flood must not hold up the decoder.
MESSAGES_A_LOOK = 64
ENVELOPE_FRAMES = 3
# Between programs of the same family.
MAX_MESSAGE_BYTES = 2**20

ReplyAddress = tuple[bytes, ...]


class CommandPublisher:
    """Sends commands to whoever listens and never waits for them.

    Raises ConfigError if `endpoint` can be reached from another machine, StreamError if it is
    taken. `tcp://127.0.0.1:*` picks a free port: `endpoint` is then the real one.
    """

    def __init__(self, endpoint: str, topic: str, context: zmq.SyncContext | None = None) -> None:
        self.topic = topic
        self.published = 0
        self._last: list[bytes] | None = None
        self._topic_frame = encode_topic(topic)
        self._closing = ExitStack()
        with ExitStack() as undo:
            self._socket = _open(zmq.XPUB, context, undo)
            self._socket.setsockopt(zmq.SNDHWM, COMMAND_HIGH_WATER)
            # Each subscription is seen here, not only the first of its topic.
            self._socket.setsockopt(zmq.XPUB_VERBOSE, 1)
            self.endpoint = _bind(self._socket, endpoint)
            self._closing = undo.pop_all()

    def publish(self, command: Command) -> None:
        """Send one command; raises LocalProtocolError if it breaks the rules of the wire."""
        frames = encode(self.topic, command)
        self._read_subscriptions()
        self._last = frames
        self._socket.send_multipart(frames, zmq.NOBLOCK)
        self.published += 1

    def greet(self) -> bool:
        """Send the last command again if somebody has joined since; call it between commands.

        Readers that were there already get it twice and tell it by its sequence number.
        """
        if not self._read_subscriptions() or self._last is None:
            return False
        self._socket.send_multipart(self._last, zmq.NOBLOCK)
        return True

    def _read_subscriptions(self) -> bool:
        joined = False
        for _ in range(MESSAGES_A_LOOK):
            if not _has_input(self._socket):
                break
            change = self._socket.recv(zmq.NOBLOCK)
            joined |= change[:1] == b"\x01" and self._topic_frame.startswith(change[1:])
        return joined

    def close(self) -> None:
        """Close the socket; what was not sent yet is dropped."""
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


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
        context: zmq.SyncContext | None = None,
    ) -> None:
        self.events: Counter[str] = Counter()
        self._now = now
        self._topic_frame = encode_topic(topic)
        self._last_seen: tuple[int, float] | None = None
        self._closing = ExitStack()
        with ExitStack() as undo:
            self._socket = _open(zmq.SUB, context, undo)
            self._socket.setsockopt(zmq.RCVHWM, COMMAND_HIGH_WATER)
            self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME_BYTES)
            self._socket.setsockopt(zmq.SUBSCRIBE, self._topic_frame)
            _connect(self._socket, endpoint)
            self._closing = undo.pop_all()

    def poll(self, timeout_s: float) -> Command | None:
        """Return the next command that still holds, or None when none came in time."""
        end = time.monotonic() + timeout_s
        while self._socket.poll(_milliseconds_until(end)):
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


class ControlServer:
    """Takes questions and orders from operators, without waiting for them.

    `events` counts `malformed` messages: they are answered with an error, since a program of
    another version deserves to know. Raises as CommandPublisher does.
    """

    def __init__(self, endpoint: str, context: zmq.SyncContext | None = None) -> None:
        self.events: Counter[str] = Counter()
        self._closing = ExitStack()
        with ExitStack() as undo:
            self._socket = _open(zmq.ROUTER, context, undo)
            self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_CONTROL_BYTES)
            self.endpoint = _bind(self._socket, endpoint)
            self._closing = undo.pop_all()

    def poll(self) -> list[tuple[ReplyAddress, ControlRequest]]:
        """Return what has come, stop before everything else."""
        requests = []
        for _ in range(MESSAGES_A_LOOK):
            if not _has_input(self._socket):
                break
            *envelope, body = self._socket.recv_multipart(zmq.NOBLOCK)
            address = tuple(envelope[:ENVELOPE_FRAMES])
            try:
                requests.append((address, decode_request(body)))
            except RemoteProtocolError as error:
                self.events["malformed"] += 1
                refusal = ControlReply(version=2, request_id="", ok=False, error=str(error)[:1000])
                self.reply(address, refusal)
        return sorted(requests, key=lambda request: request[1].verb != "stop")

    def reply(self, address: ReplyAddress, reply: ControlReply) -> None:
        """Answer; whoever has gone in the meantime gets nothing."""
        self._socket.send_multipart([*address, encode_reply(reply)], zmq.NOBLOCK)

    def close(self) -> None:
        """Close the socket."""
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ControlClient:
    """Asks a running daemon."""

    def __init__(self, endpoint: str, context: zmq.SyncContext | None = None) -> None:
        self._endpoint = endpoint
        self._closing = ExitStack()
        with ExitStack() as undo:
            self._socket = _open(zmq.DEALER, context, undo)
            self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_CONTROL_BYTES)
            # Without it an order would wait for a daemon that starts tomorrow, and stop it.
            self._socket.setsockopt(zmq.IMMEDIATE, 1)
            _connect(self._socket, endpoint)
            self._closing = undo.pop_all()

    def ask(self, verb: Verb, timeout_s: float) -> ControlReply:
        """Return the daemon's answer; raises StreamError when none comes in time."""
        request = ControlRequest(version=2, request_id=uuid.uuid4().hex, verb=verb)
        end = time.monotonic() + timeout_s
        if self._ready(zmq.POLLOUT, end):
            self._socket.send(encode_request(request), zmq.NOBLOCK)
            while self._ready(zmq.POLLIN, end):
                reply = self._read_reply()
                if reply.request_id in (request.request_id, ""):
                    return reply
        raise StreamError(
            f"no answer to {verb!r} from {self._endpoint} within {timeout_s:g} s: "
            "check that the daemon runs and that this is its control endpoint"
        )

    def _ready(self, event: int, end: float) -> bool:
        return bool(self._socket.poll(_milliseconds_until(end), event))

    def _read_reply(self) -> ControlReply:
        try:
            return decode_reply(self._socket.recv_multipart(zmq.NOBLOCK)[-1])
        except RemoteProtocolError as error:
            raise StreamError(
                f"{self._endpoint} answered, but not as a daemon of this version does: {error}"
            ) from None

    def close(self) -> None:
        """Close the socket; what was not sent yet is dropped."""
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Replier:
    """Answers programs of the same family, one question at a time; bytes in, bytes out.

    Raises as CommandPublisher does.
    """

    def __init__(self, endpoint: str, context: zmq.SyncContext | None = None) -> None:
        self._closing = ExitStack()
        with ExitStack() as undo:
            self._socket = _open(zmq.REP, context, undo)
            self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
            self.endpoint = _bind(self._socket, endpoint)
            self._closing = undo.pop_all()

    def poll(self) -> bytes | None:
        """Return a question if one has come, without waiting; `reply` must follow."""
        return self._socket.recv(zmq.NOBLOCK) if _has_input(self._socket) else None

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
        with ExitStack() as undo:
            self._socket = _open(zmq.REQ, context, undo)
            self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
            # A question that was not answered in time is given up, and so is its late answer.
            self._socket.setsockopt(zmq.REQ_RELAXED, 1)
            self._socket.setsockopt(zmq.REQ_CORRELATE, 1)
            _connect(self._socket, endpoint)
            self._closing = undo.pop_all()

    def ask(self, message: bytes, timeout_s: float) -> bytes:
        """Return the answer to `message`; raises StreamError when none comes in time."""
        self._socket.send(message)
        end = time.monotonic() + timeout_s
        while self._socket.poll(_milliseconds_until(end)):
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


def _open(kind: int, context: zmq.SyncContext | None, undo: ExitStack) -> zmq.SyncSocket:
    if context is None:
        context = zmq.Context()
        undo.callback(context.term)
    socket = context.socket(kind)
    undo.callback(socket.close, linger=0)
    socket.setsockopt(zmq.LINGER, 0)
    return socket


def _bind(socket: zmq.SyncSocket, endpoint: str) -> str:
    if not _is_on_this_machine(endpoint):
        raise ConfigError(
            f"cannot bind {endpoint!r}: only this machine may connect while there are no keys; "
            "use tcp://127.0.0.1:PORT, tcp://[::1]:PORT or ipc://PATH"
        )
    if endpoint.startswith("tcp://["):
        socket.setsockopt(zmq.IPV6, 1)
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        raise StreamError(
            f"cannot bind {endpoint!r}: {error.strerror}; stop what uses it or choose another port"
        ) from None
    return socket.getsockopt_string(zmq.LAST_ENDPOINT)


def _connect(socket: zmq.SyncSocket, endpoint: str) -> None:
    if endpoint.startswith("tcp://["):
        socket.setsockopt(zmq.IPV6, 1)
    try:
        socket.connect(endpoint)
    except zmq.ZMQError as error:
        raise ConfigError(
            f"cannot connect to {endpoint!r}: {error.strerror}; "
            "expected tcp://HOST:PORT or ipc://PATH"
        ) from None


def _has_input(socket: zmq.SyncSocket) -> bool:
    return bool(int(socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN)


def _milliseconds_until(end: float) -> int:
    return max(0, math.ceil((end - time.monotonic()) * 1e3))


def _is_on_this_machine(endpoint: str) -> bool:
    scheme, _, place = endpoint.partition("://")
    if scheme in ("ipc", "inproc"):
        return bool(place)
    host = place.rpartition(":")[0]
    try:
        return scheme == "tcp" and ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
