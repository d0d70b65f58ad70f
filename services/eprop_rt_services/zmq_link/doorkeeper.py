"""Who may connect: the answers to ZeroMQ's authentication protocol, in a thread of their own."""

import threading
from collections import Counter
from contextlib import ExitStack
from typing import Self

import zmq
from zmq.utils import z85

from eprop_rt_services.zmq_link.bell import Bell
from eprop_rt_services.zmq_link.keys import ServerKeys

ZAP_ENDPOINT = "inproc://zeromq.zap.01"
ZAP_VERSION = b"1.0"
ZAP_DOMAIN = b"eprop-rt"
ZAP_REQUEST_FRAMES = 7  # with the credentials of CURVE

REFUSALS = (
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)


class Doorkeeper:
    """Lets those connect to `socket` whose public key lies in the folder, and counts the others.

    To be made before the socket is bound, with a context that has no other socket with keys.
    Events: `unauthenticated`, connections that were refused, by whom or whatever was tried.
    """

    def __init__(self, socket: zmq.SyncSocket, keys: ServerKeys) -> None:
        self._keys = keys
        self._refused = 0
        self._closing = ExitStack()
        with ExitStack() as undo:
            socket.setsockopt(zmq.ZAP_DOMAIN, ZAP_DOMAIN)
            socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)  # nobody gets in without an answer here
            socket.curve_server = True
            socket.curve_secretkey = keys.secret
            self._monitor = socket.get_monitor_socket(REFUSALS)
            undo.callback(self._monitor.close, linger=0)
            # Before: ZeroMQ would wait for a monitor that nobody reads any more.
            undo.callback(socket.disable_monitor)
            self._zap = socket.context.socket(zmq.REP)
            undo.callback(self._zap.close, linger=0)
            self._zap.setsockopt(zmq.LINGER, 0)
            self._zap.bind(ZAP_ENDPOINT)
            self._bell = undo.enter_context(Bell())
            self._thread = threading.Thread(target=self._serve, name="doorkeeper", daemon=True)
            self._thread.start()
            undo.callback(self._end)
            self._closing = undo.pop_all()

    @property
    def events(self) -> Counter[str]:
        """What was refused so far."""
        return +Counter({"unauthenticated": self._refused})

    def _serve(self) -> None:
        poller = zmq.Poller()
        for source in (self._zap, self._monitor):
            poller.register(source, zmq.POLLIN)
        poller.register(self._bell, zmq.POLLIN)
        while True:
            ready = dict(poller.poll())
            if self._bell.fileno() in ready:
                return
            if self._zap in ready:
                self._zap.send_multipart(self._answer(self._zap.recv_multipart()))
            if self._monitor in ready:
                self._monitor.recv_multipart()
                self._refused += 1

    def _answer(self, question: list[bytes]) -> list[bytes]:
        """Return what the protocol asks for: version, number, code, text, user, metadata."""
        number = question[1] if len(question) > 1 else b""
        well_formed = len(question) == ZAP_REQUEST_FRAMES and question[0] == ZAP_VERSION
        public = z85.encode(question[6]) if well_formed else b""
        if well_formed and question[5] == b"CURVE" and self._keys.admits(public):
            return [ZAP_VERSION, number, b"200", b"OK", public, b""]
        return [ZAP_VERSION, number, b"400", b"this key is not among the clients", b"", b""]

    def _end(self) -> None:
        self._bell.ring()
        self._thread.join()

    def close(self) -> None:
        """End the thread; to be called before the socket is closed."""
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
