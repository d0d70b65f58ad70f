"""Orders of people: what came over the control socket, carried out between two steps."""

from collections.abc import Callable
from concurrent.futures import Future

import numpy as np

from eprop_rt.errors import ConfigError, DataError, EpropError
from eprop_rt.orders import Freeze, Order, Relabel, RollBack, Set, Thaw
from eprop_rt_protocols.control import ControlRequest, LabelSpan, carried_out, refused
from eprop_rt_protocols.status import Status
from eprop_rt_services.zmq_link import ControlServer, ReplyAddress

OPERATOR = "operator"
UNKEPT = "the daemon has stopped, but what it learned last is not on the disk"


class Operator:
    """Answers every request once; a checkpoint is answered when it is on the disk.

    `obey` carries out an order, `keep` begins a checkpoint; both raise EpropError where they
    refuse, which is the answer then.
    """

    def __init__(
        self,
        server: ControlServer,
        bin_s: float,
        obey: Callable[[Order, str], None],
        keep: Callable[[], "Future[None]"],
        status: Callable[[], Status],
    ) -> None:
        self._server, self._bin_s = server, bin_s
        self._obey, self._keep, self._status = obey, keep, status
        self._ending = False  # nothing is carried out any more
        self._lost = ""
        self._kept: list[tuple[ReplyAddress, ControlRequest, Future[None]]] = []  # being written

    def attend(self) -> None:
        """Carry out what has come; call it between two steps."""
        for address, request in self._server.poll():
            try:
                if self._ending and request.verb not in ("status", "stop"):
                    raise ConfigError(f"the daemon is stopping: {request.verb} comes too late")
                if request.verb == "checkpoint":
                    self._kept.append((address, request, self._keep()))
                    continue
                order = order_of(request, self._bin_s)
                if order is not None:
                    self._obey(order, OPERATOR)
            except EpropError as error:
                self._server.reply(address, refused(request.request_id, str(error)))
                continue
            if request.verb == "stop" and self._lost:
                self._server.reply(address, refused(request.request_id, self._lost))
            else:
                self._server.reply(address, carried_out(request, self._status()))
        if self._kept:
            self.answer_kept()

    def end(self) -> None:
        """Carry out nothing more."""
        self._ending = True

    def part(self, lost: str | None) -> None:
        """Answer who waits, a stop first: `lost` says why what was learned is not on the disk."""
        self._lost = self._server.lost = f"{UNKEPT}: {lost}" if lost else ""
        self.attend()

    def answer_kept(self) -> None:
        """Answer those who asked for what is on the disk by now."""
        for asked in [one for one in self._kept if one[2].done()]:
            self._kept.remove(asked)
            address, request, written = asked
            error = written.exception()
            if error is None:
                reply = carried_out(request, self._status())
            else:
                reply = refused(request.request_id, str(error))
            self._server.reply(address, reply)


def order_of(request: ControlRequest, bin_s: float) -> Order | None:
    """What a request asks of the data path; None where it asks nothing of it."""
    order: Order | None = None
    match request.verb:
        case "freeze":
            order = Freeze()
        case "thaw":
            order = Thaw()
        case "rollback":
            order = RollBack()
        case "set":
            order = Set(dict(request.settings or {}))
        case "relabel" if request.span is not None:
            order = relabel_span(request.span, bin_s)
        case "relabel" if request.labels is not None:
            order = Relabel(request.labels.stamps_s, request.labels.rows)
        case _:
            pass
    return order


def relabel_span(span: LabelSpan, bin_s: float) -> Relabel:
    """One label for every bin of a stretch of time; raises DataError where no bin is in it."""
    stamps = np.arange(span.from_s + 0.5 * bin_s, span.to_s, bin_s)
    if len(stamps) == 0:
        raise DataError(
            f"{span.to_s - span.from_s:g} s came, a bin is {bin_s:g} s long: give a longer span"
        )
    return Relabel(tuple(stamps.tolist()), (span.values,) * len(stamps))
