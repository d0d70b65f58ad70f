"""A line to the processes of one seat."""

from dataclasses import dataclass

from eprop_rt_protocols.control import Verb
from eprop_rt_protocols.status import Status
from eprop_rt_services.closed_loop.daemon_line import DaemonLine
from eprop_rt_services.closed_loop.line import TaskLine
from eprop_rt_services.closed_loop.messages import Report
from eprop_rt_services.processes.children import Children
from eprop_rt_services.zmq_link import ControlClient


@dataclass(frozen=True, slots=True)
class Link:
    """A line to the screen and the daemon of a seat.

    Raises StreamError where one does not answer, with its last words where it has ended, or where
    the daemon refuses.
    """

    name: str
    children: Children
    screen: TaskLine
    daemon: ControlClient

    @property
    def _daemon(self) -> DaemonLine:
        return DaemonLine(self.name, self.children, self.daemon)

    def wait_until_frozen(self, most_s: float) -> None:
        """Wait until the daemon decodes: it is frozen before its first bin."""
        self._daemon.wait_for("freeze", most_s)

    def tell(self, verb: Verb) -> Status:
        """Give the daemon an order; how it is doing then."""
        return self._daemon.tell(verb)

    def restart(self, seed: int) -> None:
        """Let the screen begin a series of trials."""
        self.screen.restart(seed)

    def report(self) -> Report:
        """Ask the screen how it goes."""
        return self.screen.report()
