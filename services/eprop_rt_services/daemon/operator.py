"""Orders of people: what came over the control socket, carried out between two steps."""

from collections.abc import Callable
from concurrent.futures import Future

from eprop_rt.errors import EpropError
from eprop_rt.orders import Freeze, Order, Thaw
from eprop_rt_protocols.control import ControlReply, ControlRequest
from eprop_rt_protocols.status import Status
from eprop_rt_services.zmq_link import ControlServer, ReplyAddress

OPERATOR = "operator"


class Operator:
    """Answers every request once; a checkpoint is answered when it is on the disk.

    `obey` carries out an order, `keep` begins a checkpoint; both raise EpropError where they
    refuse, which is the answer then.
    """

    def __init__(
        self,
        server: ControlServer,
        obey: Callable[[Order, str], None],
        keep: Callable[[], "Future[None]"],
        status: Callable[[], Status],
    ) -> None:
        self._server = server
        self._obey, self._keep, self._status = obey, keep, status
        self._kept: list[tuple[ReplyAddress, ControlRequest, Future[None]]] = []  # being written
        self.stop_asked = False

    def attend(self) -> None:
        """Carry out what has come; call it between two steps."""
        for address, request in self._server.poll():
            try:
                if request.verb == "checkpoint":
                    self._kept.append((address, request, self._keep()))
                    continue
                self._carry_out(request)
            except EpropError as error:
                self._server.reply(address, refusal(request, error))
                continue
            self._server.reply(address, self._done(request))
        if self._kept:
            self.answer_kept()

    def answer_kept(self) -> None:
        """Answer those who asked for what is on the disk by now."""
        for asked in [one for one in self._kept if one[2].done()]:
            self._kept.remove(asked)
            address, request, written = asked
            error = written.exception()
            reply = self._done(request) if error is None else refusal(request, error)
            self._server.reply(address, reply)

    def _carry_out(self, request: ControlRequest) -> None:
        match request.verb:
            case "stop":
                self.stop_asked = True
            case "freeze":
                self._obey(Freeze(), OPERATOR)
            case "thaw":
                self._obey(Thaw(), OPERATOR)
            case _:
                pass

    def _done(self, request: ControlRequest) -> ControlReply:
        return ControlReply(
            version=2, request_id=request.request_id, ok=True, status=self._status()
        )


def refusal(request: ControlRequest, error: BaseException) -> ControlReply:
    """Why an order was not carried out."""
    return ControlReply(version=2, request_id=request.request_id, ok=False, error=str(error)[:1000])
