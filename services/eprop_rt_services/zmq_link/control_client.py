"""The operator's end of the wire."""

import time
import uuid
from collections.abc import Mapping
from typing import Self

import zmq
from pydantic import ValidationError

from eprop_rt.errors import ConfigError, StreamError
from eprop_rt_protocols.control import (
    MAX_CONTROL_BYTES,
    ControlReply,
    ControlRequest,
    LabelRows,
    LabelSpan,
    Setting,
    Verb,
    decode_reply,
    encode_request,
)
from eprop_rt_protocols.errors import RemoteProtocolError, refused_fields
from eprop_rt_protocols.strictness import VERSION
from eprop_rt_services.zmq_link.doorkeeper import REFUSALS
from eprop_rt_services.zmq_link.keys import ClientKeys
from eprop_rt_services.zmq_link.sockets import (
    connect,
    has_input,
    milliseconds_until,
    opened,
    opening,
)


class ControlClient:
    """Asks a running daemon."""

    def __init__(
        self,
        endpoint: str,
        keys: ClientKeys | None = None,
        context: zmq.SyncContext | None = None,
    ) -> None:
        self._endpoint = endpoint
        with opening() as undo:
            self._socket = opened(zmq.DEALER, context, undo)
            self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_CONTROL_BYTES)
            # Without it an order would wait for a daemon that starts tomorrow, and stop it.
            self._socket.setsockopt(zmq.IMMEDIATE, 1)
            self._monitor = self._socket.get_monitor_socket(REFUSALS)
            undo.callback(self._monitor.close, linger=0)
            undo.callback(self._socket.disable_monitor)
            connect(self._socket, endpoint, keys)
            self._closing = undo.pop_all()

    def ask(
        self,
        verb: Verb,
        timeout_s: float,
        settings: Mapping[str, Setting] | None = None,
        labels: LabelSpan | LabelRows | None = None,
    ) -> ControlReply:
        """Return the daemon's answer; `settings` go with set, `labels` with relabel.

        Raises ConfigError where an argument is none, StreamError when no answer comes in time.
        """
        request = _request(verb, settings, labels)
        end = time.monotonic() + timeout_s
        if self._ready(zmq.POLLOUT, end):
            self._socket.send(encode_request(request), zmq.NOBLOCK)
            while self._ready(zmq.POLLIN, end):
                reply = self._read_reply()
                if reply.request_id in (request.request_id, ""):
                    return reply
        raise StreamError(
            f"no answer to {verb!r} from {self._endpoint} within {timeout_s:g} s: {self._remedy()}"
        )

    def _remedy(self) -> str:
        if has_input(self._monitor):
            return "it refused the connection: give the --keys that it admits"
        return "check that the daemon runs and that this is its control endpoint"

    def _ready(self, event: int, end: float) -> bool:
        return bool(self._socket.poll(milliseconds_until(end), event))

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


def _request(
    verb: Verb, settings: Mapping[str, Setting] | None, labels: LabelSpan | LabelRows | None
) -> ControlRequest:
    try:
        return ControlRequest(
            version=VERSION,
            request_id=uuid.uuid4().hex,
            verb=verb,
            settings=None if settings is None else dict(settings),
            span=labels if isinstance(labels, LabelSpan) else None,
            labels=labels if isinstance(labels, LabelRows) else None,
        )
    except ValidationError as error:
        raise ConfigError(str(refused_fields("order", error))) from None
