"""Questions and orders from operators, taken in a thread of their own."""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Self

import zmq

from eprop_rt.errors import EpropError
from eprop_rt_protocols.control import (
    MAX_CONTROL_BYTES,
    ControlReply,
    ControlRequest,
    carried_out,
    decode_request,
    encode_reply,
    refused,
)
from eprop_rt_protocols.errors import LocalProtocolError, RemoteProtocolError
from eprop_rt_services.zmq_link.bell import Bell
from eprop_rt_services.zmq_link.doorkeeper import Doorkeeper
from eprop_rt_services.zmq_link.keys import ServerKeys
from eprop_rt_services.zmq_link.sockets import bind, opened, opening

log = logging.getLogger("eprop_rt")

ENVELOPE_FRAMES = 3
# What is longer than a control message is counted and answered up to here; beyond, ZeroMQ ends the
# connection before it has read it.
MAX_FRAME_BYTES = 4 * MAX_CONTROL_BYTES
MAX_WAITING = 256
MAX_WAITING_A_CLIENT = 64
REQUESTS_A_LOOK = 8
# In a flood the thread takes so many messages, then leaves the interpreter to the loop for a while;
# it would otherwise get it only as often as Python's switch interval says.
MESSAGES_A_TURN = 128
BREATH_S = 50e-6
QUEUED_A_PEER = 64
FAREWELL_MS = 200

BUSY = "too many questions wait for an answer: ask again later, and wait for each answer"
GONE = "the daemon has stopped"
REASONS = {"version": "wrong_version", "size": "oversized"}

ReplyAddress = tuple[bytes, ...]
Answering = Callable[[ControlRequest], ControlReply]


class ControlServer:
    """Takes questions and orders in its own thread; the loop polls them and hands replies back.

    A stop sets `stop_asked` and calls `on_stop` (in that thread) as soon as it has been read,
    whatever waits before it. Until `open()`, `meanwhile` answers in that thread, and a stop is
    answered there too; without one, requests wait for the first `poll`. Every polled request must
    be replied to. Raises as CommandPublisher does.

    Events: `malformed`, `wrong_version`, `oversized` (all answered with the reason),
    `unauthenticated`, `control_busy` (more waited than is allowed; one refusal a client and turn),
    `control_failed` (no answer could be made).
    """

    def __init__(
        self,
        endpoint: str,
        keys: ServerKeys | None = None,
        on_stop: Callable[[], None] | None = None,
        meanwhile: Answering | None = None,
        context: zmq.SyncContext | None = None,
    ) -> None:
        self._on_stop, self._meanwhile = on_stop, meanwhile
        self.lost = ""  # what is said to a stop instead of yes, once all is over
        self._stop_asked = self._closed = False
        self._waiting: deque[tuple[ReplyAddress, ControlRequest]] = deque()
        self._replies: deque[tuple[ReplyAddress, ControlReply]] = deque()
        self._unanswered: Counter[bytes] = Counter()  # by client; the thread's own
        self._told_busy: set[bytes] = set()  # in this turn; the thread's own
        self._doorkeeper: Doorkeeper | None = None
        names = "malformed", *REASONS.values(), "control_busy", "control_failed"
        self._counts = dict.fromkeys(names, 0)  # of one size: two threads look at it
        with opening() as undo:
            self._socket = opened(zmq.ROUTER, context, undo)
            self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME_BYTES)
            self._socket.setsockopt(zmq.RCVHWM, QUEUED_A_PEER)
            self._socket.setsockopt(zmq.SNDHWM, QUEUED_A_PEER)
            self._socket.setsockopt(zmq.LINGER, FAREWELL_MS)  # for the answer to a stop
            if keys is not None:
                self._doorkeeper = undo.enter_context(Doorkeeper(self._socket, keys))
            self.endpoint = bind(self._socket, endpoint, keys is not None)
            self._bell = undo.enter_context(Bell())
            self._thread = threading.Thread(target=self._serve, name="control", daemon=True)
            self._thread.start()
            undo.callback(self._end)
            self._closing = undo.pop_all()

    @property
    def stop_asked(self) -> bool:
        """Whether a stop has come."""
        return self._stop_asked

    @property
    def events(self) -> Counter[str]:
        """What went wrong so far."""
        events = +Counter(self._counts)
        return events if self._doorkeeper is None else events + self._doorkeeper.events

    def open(self) -> None:
        """From now on requests are polled, and not answered `meanwhile`."""
        self._meanwhile = None

    def poll(self) -> list[tuple[ReplyAddress, ControlRequest]]:
        """Return what has come, a stop before everything else, and few at a time."""
        taken: list[tuple[ReplyAddress, ControlRequest]] = []
        while self._waiting and len(taken) < REQUESTS_A_LOOK:
            taken.append(self._waiting.popleft())
        return taken

    def reply(self, address: ReplyAddress, reply: ControlReply) -> None:
        """Hand over an answer, from any thread; whoever has gone in the meantime gets nothing."""
        self._replies.append((address, reply))
        self._bell.ring()

    def _serve(self) -> None:
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._bell, zmq.POLLIN)
        while not self._closed:
            if self._bell.fileno() in dict(poller.poll()):
                self._bell.quiet()
            self._send_replies()
            self._read()
        self._dismiss()

    def _read(self) -> None:
        self._told_busy.clear()
        for _ in range(MESSAGES_A_TURN):
            try:
                address = [self._socket.recv(zmq.NOBLOCK)]
            except zmq.Again:
                return
            frame = self._socket.recv(copy=False)
            while frame.more:
                if len(address) < ENVELOPE_FRAMES:
                    address.append(frame.bytes)
                frame = self._socket.recv(copy=False)
            self._take(tuple(address), frame.bytes)
        time.sleep(BREATH_S)

    def _take(self, address: ReplyAddress, body: bytes) -> None:
        full = address[0] in self._told_busy or self._is_full(address[0])
        # A stop is found behind any number of questions that there is no time to read.
        if full and not may_be_stop(body):
            self._refuse_busy(address)
            return
        try:
            request = decode_request(body)
        except RemoteProtocolError as error:
            self._counts[REASONS.get(error.reason, "malformed")] += 1
            self._send(address, refused("", str(error)))
            return
        if request.verb == "stop":
            self._stop(address, request)
        elif full:
            self._refuse_busy(address)
        elif (meanwhile := self._meanwhile) is not None:
            self._send(address, self._answered(meanwhile, request))
        else:
            self._unanswered[address[0]] += 1
            self._waiting.append((address, request))

    def _is_full(self, client: bytes) -> bool:
        if self._unanswered[client] >= MAX_WAITING_A_CLIENT:
            return True
        return self._unanswered.total() >= MAX_WAITING

    def _refuse_busy(self, address: ReplyAddress) -> None:
        self._counts["control_busy"] += 1
        if address[0] not in self._told_busy:
            self._told_busy.add(address[0])
            self._send(address, refused("", BUSY))

    def _stop(self, address: ReplyAddress, request: ControlRequest) -> None:
        first, self._stop_asked = not self._stop_asked, True
        if first and self._meanwhile is None:
            self._unanswered[address[0]] += 1
            self._waiting.appendleft((address, request))
        else:  # the loop has one already, or is not there yet
            self._send(address, carried_out(request))
        if first and self._on_stop is not None:
            self._on_stop()

    def _answered(self, answering: Answering, request: ControlRequest) -> ControlReply:
        try:
            return answering(request)
        except EpropError as error:
            return refused(request.request_id, str(error))
        except Exception:  # this thread must outlive everything: the next message may be a stop
            failed = {"event": "answer_failed", "verb": request.verb}
            log.exception("no answer to %s", request.verb, extra=failed)
            self._counts["control_failed"] += 1
            return refused(request.request_id, "no answer could be made: see the daemon's log")

    def _send_replies(self) -> None:
        while self._replies:
            address, reply = self._replies.popleft()
            self._unanswered[address[0]] -= 1
            if self._unanswered[address[0]] <= 0:
                del self._unanswered[address[0]]
            self._send(address, reply)

    def _send(self, address: ReplyAddress, reply: ControlReply) -> None:
        try:
            body = encode_reply(reply)
        except LocalProtocolError as error:
            self._counts["control_failed"] += 1
            body = encode_reply(refused(reply.request_id, f"no answer could be made: {error}"))
        self._socket.send_multipart([*address, body], zmq.NOBLOCK)

    def _dismiss(self) -> None:
        """Answer those who still wait, when the loop has ended."""
        self._send_replies()
        while self._waiting:
            address, request = self._waiting.popleft()
            why = self.lost if request.verb == "stop" else GONE
            self._send(
                address,
                refused(request.request_id, why) if why else carried_out(request),
            )

    def _end(self) -> None:
        self._closed = True
        self._bell.ring()
        self._thread.join()

    def close(self) -> None:
        """End the thread and close the socket; who still waits is told so."""
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def may_be_stop(body: bytes) -> bool:
    """Whether a message is worth reading for a stop in it; JSON may also escape its letters."""
    return len(body) <= MAX_CONTROL_BYTES and (b"stop" in body or b"\\" in body)
