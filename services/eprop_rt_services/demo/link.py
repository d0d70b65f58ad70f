"""A line to the processes of one seat."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from eprop_rt.errors import StreamError
from eprop_rt_protocols.control import ControlReply, Verb
from eprop_rt_services.demo.children import Children
from eprop_rt_services.demo.messages import Order, Report
from eprop_rt_services.zmq_link import Asker, ControlClient

LOOK_AGAIN_S = 0.5
ANSWER_S = 3.0

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Link:
    """A line to the screen and the daemon of a seat.

    Raises StreamError where one does not answer, with its last words where it has ended.
    """

    name: str
    children: Children
    screen: Asker
    daemon: ControlClient

    def wait_until_frozen(self, most_s: float) -> None:
        """Wait until the daemon decodes: it is frozen before its first bin."""
        looks = round(most_s / LOOK_AGAIN_S)
        for _ in range(looks):
            self.children.check()
            try:
                if self.daemon.ask("freeze", LOOK_AGAIN_S).ok:
                    return
            except StreamError:
                continue
            time.sleep(LOOK_AGAIN_S)  # it answers while it starts, and refuses
        raise StreamError(
            f"the {self.name} daemon was not ready within {most_s:g} s, its last words: "
            f"{self.children.last_line(f'{self.name} daemon')}"
        )

    def tell(self, verb: Verb) -> ControlReply:
        """Give the daemon an order."""
        return self._asked(lambda: self.daemon.ask(verb, ANSWER_S))

    def restart(self, seed: int) -> None:
        """Let the screen begin a series of trials."""
        self._order(Order(restart_seed=seed))

    def report(self) -> Report:
        """Ask the screen how it goes."""
        return self._order(Order())

    def _order(self, order: Order) -> Report:
        question = order.model_dump_json().encode()
        answer = self._asked(lambda: self.screen.ask(question, ANSWER_S))
        try:
            return Report.model_validate_json(answer)
        except ValidationError as error:
            raise StreamError(
                f"the {self.name} screen answered {answer[:80]!r}: {error.title} was expected"
            ) from None

    def _asked(self, question: Callable[[], Answer]) -> Answer:
        self.children.check()
        try:
            return question()
        except StreamError:
            self.children.check()
            raise
