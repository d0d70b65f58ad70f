"""A seat: one person, one screen, one decoder; how its processes are named and joined."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from eprop_rt.config import DecoderSettings
from eprop_rt_services.closed_loop.line import TaskLine
from eprop_rt_services.closed_loop.places import READY_S, Places
from eprop_rt_services.config import Config
from eprop_rt_services.demo.link import Link
from eprop_rt_services.processes.children import Children
from eprop_rt_services.zmq_link import Asker, ControlClient

__all__ = ["READY_S", "Seat", "SeatPlan"]


@dataclass(frozen=True, slots=True)
class SeatPlan:
    """Which decoder sits there, and whether it is ever shown a label.

    `phase_s` shifts its ticks against those of the others: they need not all want the processor
    at one instant.
    """

    name: str
    decoder: DecoderSettings
    learns: bool = True
    phase_s: float = 0.0


class Seat:
    """The names and sockets of a seat, and its settings, derived from those of the daemon."""

    def __init__(self, plan: SeatPlan, config: Config, folder: Path, seed: int) -> None:
        self.name = plan.name
        self._places = places = Places(plan.name, folder)
        phase = {"phase_s": plan.phase_s}
        daemon = places.daemon(config, plan.decoder, learns=plan.learns)
        shown = {"visual_endpoint": places.socket("views")}
        self._daemon_config = daemon.model_copy(
            update={"publish": daemon.publish.model_copy(update=shown)}
        )
        self._brain = places.simulator(seed).model_copy(update=phase)
        publish = self._daemon_config.publish
        self._screen = places.task((publish.endpoint,), publish.topic).model_copy(update=phase)

    @property
    def screens(self) -> str:
        """The endpoint at which it publishes what it shows (`eprop_rt_protocols.screen`)."""
        return self._screen.screens

    @property
    def seen_at(self) -> str:
        """Where it is seen, as `eprop-rt monitor --daemon` takes it."""
        daemon = self._daemon_config
        views, control = daemon.publish.visual_endpoint, daemon.control.endpoint
        return f"{self.name}={views},{control},{self.screens}"

    def start(self, children: Children) -> None:
        """Start screen, brain and daemon."""
        file = self._places.write(self._daemon_config)
        bench = "eprop_rt_services.closed_loop"
        children.start(f"{self.name} screen", f"{bench}.task", self._screen.model_dump_json())
        children.start(f"{self.name} brain", f"{bench}.simulator", self._brain.model_dump_json())
        children.start(f"{self.name} daemon", "eprop_rt_services", "run", file)

    def connect(self, children: Children, closing: ExitStack) -> Link:
        """Connect to screen and daemon; `closing` will let go of them."""
        asker = closing.enter_context(Asker(self._screen.orders))
        return Link(
            name=self.name,
            children=children,
            screen=TaskLine(self.name, children, asker),
            daemon=closing.enter_context(ControlClient(self._daemon_config.control.endpoint)),
        )
