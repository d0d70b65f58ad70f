"""A line to a daemon of ours beside the bench."""

import time
from dataclasses import dataclass

from eprop_rt.errors import StreamError
from eprop_rt_protocols.control import Verb
from eprop_rt_protocols.status import Status
from eprop_rt_services.closed_loop.line import ANSWER_S, asked
from eprop_rt_services.processes.children import Children
from eprop_rt_services.zmq_link import ControlClient

LOOK_AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class DaemonLine:
    """A line to a daemon; raises StreamError where it does not answer, with its last words."""

    name: str
    children: Children
    control: ControlClient

    def wait_for(self, verb: Verb, most_s: float) -> None:
        """Wait until the daemon obeys: while it starts it refuses."""
        for _ in range(round(most_s / LOOK_AGAIN_S)):
            self.children.check()
            try:
                if self.control.ask(verb, LOOK_AGAIN_S).ok:
                    return
            except StreamError:
                continue
            time.sleep(LOOK_AGAIN_S)
        raise StreamError(
            f"the {self.name} daemon was not ready within {most_s:g} s, its last words: "
            f"{self.children.last_line(f'{self.name} daemon')}"
        )

    def tell(self, verb: Verb) -> Status:
        """Give the daemon an order; how it is doing then. StreamError where it refuses, too."""
        reply = asked(self.children, lambda: self.control.ask(verb, ANSWER_S))
        if reply.status is None:
            raise StreamError(f"the {self.name} daemon did not obey {verb}: {reply.error}")
        return reply.status
