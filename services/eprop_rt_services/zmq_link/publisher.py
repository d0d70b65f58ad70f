"""The sender of commands."""

from collections import Counter
from typing import Self

import zmq

from eprop_rt_protocols.codec import MAX_TOPIC_BYTES, encode, encode_topic
from eprop_rt_protocols.command import Command
from eprop_rt_protocols.view import VIEW_TOPIC
from eprop_rt_services.zmq_link.doorkeeper import Doorkeeper
from eprop_rt_services.zmq_link.keys import ServerKeys
from eprop_rt_services.zmq_link.sockets import (
    COMMAND_HIGH_WATER,
    MESSAGES_A_LOOK,
    bind,
    has_input,
    opened,
    opening,
    send_frames,
)

# The kernel's share: by default it keeps a minute of commands for a reader that has stalled.
SEND_BUFFER_BYTES = 2**16
# What a reader sends: subscriptions, and a handshake with keys. ZeroMQ keeps topics in a trie that
# it takes down by recursion: one as long as a stack is deep would end the process.
MAX_SUBSCRIPTION_BYTES = 1024 + MAX_TOPIC_BYTES


class CommandPublisher:
    """Sends commands to whoever listens and never waits for them.

    Readers at `visual_endpoint` have a socket and a thread of ZeroMQ's to themselves: however slow
    they are, those at `endpoint`, the effectors, are served as if they were alone. What is only to
    be looked at goes there and nowhere else (`show`), while somebody wants it (`viewed`). Raises
    ConfigError if an endpoint can be reached from another machine and there are no keys,
    StreamError if it is taken. `tcp://127.0.0.1:*` picks a free port: `endpoint` is then the real
    one. Events: `unauthenticated`.
    """

    def __init__(
        self,
        endpoint: str,
        topic: str,
        visual_endpoint: str | None = None,
        keys: ServerKeys | None = None,
        context: zmq.SyncContext | None = None,
    ) -> None:
        self.topic = topic
        self.published = 0
        self._last: list[bytes] | None = None
        with opening() as undo:
            at = [endpoint] if visual_endpoint is None else [endpoint, visual_endpoint]
            self._outlets = [
                undo.enter_context(_Outlet(each, encode_topic(topic), keys, context)) for each in at
            ]
            self.endpoint = self._outlets[0].endpoint
            self.visual_endpoint = visual_endpoint and self._outlets[-1].endpoint
            self._closing = undo.pop_all()

    @property
    def events(self) -> Counter[str]:
        """What was refused so far."""
        return sum((outlet.events for outlet in self._outlets), Counter[str]())

    def publish(self, command: Command) -> None:
        """Send one command; raises LocalProtocolError if it breaks the rules of the wire."""
        frames = encode(self.topic, command)
        for outlet in self._outlets:
            outlet.joined()  # they get this one
        self.send(frames)

    def send(self, frames: list[bytes]) -> None:
        """Send the frames of one command; who does so calls `greet` between two."""
        self._last = frames
        for outlet in self._outlets:
            outlet.send(frames)
        self.published += 1

    @property
    def viewed(self) -> bool:
        """Whether somebody subscribes to views, as far as `greet` has heard."""
        return self.visual_endpoint is not None and bool(self._outlets[-1].viewers)

    def show(self, frames: list[bytes]) -> None:
        """Send a view to those who look."""
        if self.visual_endpoint is not None:
            self._outlets[-1].send(frames)

    def greet(self) -> bool:
        """Send the last command again if somebody has joined since; call it between commands.

        Readers that were there already get it twice and tell it by its sequence number.
        """
        joined = [outlet for outlet in self._outlets if outlet.joined()]
        if self._last is None:
            return False
        for outlet in joined:
            outlet.send(self._last)
        return bool(joined)

    def close(self) -> None:
        """Close the sockets; what was not sent yet is dropped."""
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Outlet:
    """One socket, in a context of its own, which is a thread of ZeroMQ's of its own."""

    def __init__(
        self,
        endpoint: str,
        topic_frame: bytes,
        keys: ServerKeys | None,
        context: zmq.SyncContext | None,
    ) -> None:
        self._topic_frame = topic_frame
        self.viewers: set[bytes] = set()  # what is subscribed to of the beginnings of `view`
        self._doorkeeper: Doorkeeper | None = None
        with opening() as undo:
            self._socket = opened(zmq.XPUB, context, undo)
            self._socket.setsockopt(zmq.SNDHWM, COMMAND_HIGH_WATER)
            self._socket.setsockopt(zmq.SNDBUF, SEND_BUFFER_BYTES)
            self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_SUBSCRIPTION_BYTES)
            # Each subscription is seen here, not only the first of its topic.
            self._socket.setsockopt(zmq.XPUB_VERBOSE, 1)
            if keys is not None:
                self._doorkeeper = undo.enter_context(Doorkeeper(self._socket, keys))
            self.endpoint = bind(self._socket, endpoint, keys is not None)
            self._closing = undo.pop_all()

    @property
    def events(self) -> Counter[str]:
        return Counter() if self._doorkeeper is None else self._doorkeeper.events

    def send(self, frames: list[bytes]) -> None:
        send_frames(self._socket, frames)

    def joined(self) -> bool:
        """Whether somebody has subscribed since the last look."""
        joined = False
        for _ in range(MESSAGES_A_LOOK):
            if not has_input(self._socket):
                break
            change = self._socket.recv(zmq.NOBLOCK)
            if VIEW_TOPIC.startswith(change[1:]):  # told when the first comes and the last goes
                self._count_viewer(change)
            joined |= change[:1] == b"\x01" and self._topic_frame.startswith(change[1:])
        return joined

    def _count_viewer(self, change: bytes) -> None:
        if change[:1] == b"\x01":
            self.viewers.add(change[1:])
        else:
            self.viewers.discard(change[1:])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()
