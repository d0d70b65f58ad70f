"""Lines to the processes of the bench: to a task, and to a simulator."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from eprop_rt.errors import StreamError
from eprop_rt_services.closed_loop.messages import Order, Report, WireReport
from eprop_rt_services.processes.children import Children
from eprop_rt_services.zmq_link import Asker

ANSWER_S = 10.0  # a process that lives may be starved for seconds

Answer = TypeVar("Answer")
Message = TypeVar("Message", bound=BaseModel)


def asked(children: Children, question: Callable[[], Answer]) -> Answer:
    """Return what a question is answered with; raises StreamError where a process has ended."""
    children.check()
    try:
        return question()
    except StreamError:
        children.check()
        raise


@dataclass(frozen=True, slots=True)
class TaskLine:
    """A line to a task; raises StreamError where it does not answer."""

    name: str
    children: Children
    asker: Asker

    def restart(self, seed: int) -> Report:
        """Let it begin a series of trials."""
        return self._order(Order(restart_seed=seed))

    def listen_to(self, place: int) -> Report:
        """Let it listen to another decoder."""
        return self._order(Order(listen_to=place))

    def teach(self, on: bool) -> Report:
        """Let its labels be known, or not."""
        return self._order(Order(labels=on))

    def report(self) -> Report:
        """Ask how it goes."""
        return self._order(Order())

    def _order(self, order: Order) -> Report:
        question = order.model_dump_json().encode()
        answer = asked(self.children, lambda: self.asker.ask(question, ANSWER_S))
        return understood(f"{self.name} task", answer, Report)


@dataclass(frozen=True, slots=True)
class SimulatorLine:
    """A line to a simulator; raises StreamError where it does not answer."""

    name: str
    children: Children
    asker: Asker

    def report(self) -> WireReport:
        """Ask what has become of its samples."""
        answer = asked(self.children, lambda: self.asker.ask(b"", ANSWER_S))
        return understood(f"{self.name} simulator", answer, WireReport)


def understood(whose: str, answer: bytes, kind: type[Message]) -> Message:
    """Read an answer; raises StreamError where it is none."""
    try:
        return kind.model_validate_json(answer)
    except ValidationError as error:
        raise StreamError(
            f"the {whose} answered {answer[:80]!r}: {error.title} was expected"
        ) from None


def wait_for(children: Children, question: Callable[[], object], most_s: float) -> None:
    """Ask again until there is an answer; raises the last StreamError where none comes."""
    end_s = time.monotonic() + most_s
    while True:
        children.check()
        try:
            question()
            return
        except StreamError:
            if time.monotonic() > end_s:
                raise
