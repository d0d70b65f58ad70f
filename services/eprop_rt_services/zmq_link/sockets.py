"""How sockets are opened, and who may reach them."""

import ipaddress
import math
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import zmq

from eprop_rt.errors import ConfigError, StreamError
from eprop_rt_services.stopping import signals_later
from eprop_rt_services.zmq_link.keys import ClientKeys

# A command is worth sending while it is news: two may wait for a reader, what comes meanwhile is
# dropped.
COMMAND_HIGH_WATER = 2
# One look takes this many messages off a socket at most: a flood must not hold up the decoder.
MESSAGES_A_LOOK = 64
# Plain numbers: to combine the flags of the library takes longer than to send a frame.
LAST: Final = int(zmq.NOBLOCK)
MORE: Final = int(zmq.NOBLOCK | zmq.SNDMORE)


@contextmanager
def opening() -> Iterator[ExitStack]:
    """Yield a stack for what is opened inside this block, which no signal interrupts.

    It would leave a socket that is not on the stack yet, and a context waits for its sockets for
    ever.
    """
    with signals_later(), ExitStack() as undo:
        yield undo


def opened(kind: int, context: zmq.SyncContext | None, undo: ExitStack) -> zmq.SyncSocket:
    """Return a socket, in a context of its own unless one is given; `undo` closes both."""
    if context is None:
        context = zmq.Context()
        undo.callback(context.term)
    socket = context.socket(kind)
    undo.callback(socket.close)
    socket.setsockopt(zmq.LINGER, 0)
    return socket


def send_frames(socket: zmq.SyncSocket, frames: list[bytes]) -> None:
    """Send one message without waiting; `send_multipart` does too, and takes three times as long.

    For sockets that drop what nobody takes: one that refuses would do so between two frames.
    """
    last = len(frames) - 1
    for at, frame in enumerate(frames):
        socket.send(frame, LAST if at == last else MORE)


def bind(socket: zmq.SyncSocket, endpoint: str, keyed: bool = False) -> str:
    """Bind and return the real endpoint; the file of an ipc endpoint is its owner's alone.

    Raises ConfigError where another machine could connect and the socket is not `keyed`,
    StreamError where the endpoint is taken.
    """
    check_reach(endpoint, keyed)
    if endpoint.startswith("tcp://["):
        socket.setsockopt(zmq.IPV6, 1)
    mask = os.umask(0o077)
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        raise StreamError(
            f"cannot bind {endpoint!r}: {error.strerror}; stop what uses it or choose another port"
        ) from None
    finally:
        os.umask(mask)
    return socket.getsockopt_string(zmq.LAST_ENDPOINT)


def connect(socket: zmq.SyncSocket, endpoint: str, keys: ClientKeys | None = None) -> None:
    """Connect, now or whenever somebody binds there; raises ConfigError where nobody can."""
    if keys is not None:
        socket.curve_serverkey = keys.server_public
        socket.curve_publickey, socket.curve_secretkey = keys.public, keys.secret
    if endpoint.startswith("tcp://["):
        socket.setsockopt(zmq.IPV6, 1)
    try:
        socket.connect(endpoint)
    except zmq.ZMQError as error:
        raise ConfigError(
            f"cannot connect to {endpoint!r}: {error.strerror}; "
            "expected tcp://HOST:PORT or ipc://PATH"
        ) from None


def has_input(socket: zmq.SyncSocket) -> bool:
    """Whether a message can be taken without waiting."""
    return bool(int(socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN)


def milliseconds_until(end: float) -> int:
    """How long until `end` on the monotonic clock, as a poll takes it; 0 where it is past."""
    return max(0, math.ceil((end - time.monotonic()) * 1e3))


def check_reach(endpoint: str, keyed: bool) -> None:
    """Raise ConfigError where the endpoint is none, or other machines reach it without keys."""
    scheme, _, place = endpoint.partition("://")
    if scheme in ("ipc", "inproc") and place:
        return
    host, _, port = place.rpartition(":")
    if scheme == "tcp" and port and (_is_loopback(host) or (keyed and host)):
        return
    raise ConfigError(
        f"cannot bind {endpoint!r}: only this machine may connect without keys; use "
        "tcp://127.0.0.1:PORT, tcp://[::1]:PORT or ipc://PATH, or make keys with "
        "`eprop-rt keys FOLDER` and give -o security.keys=FOLDER with tcp://ADDRESS:PORT"
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
