"""A seat: one person, one screen, one decoder; how its processes are named and joined."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import yaml

from eprop_rt.config import DecoderSettings
from eprop_rt_protocols.streams import StreamRequirement
from eprop_rt_services.config import Config
from eprop_rt_services.demo.brain import BrainSettings
from eprop_rt_services.demo.children import Children
from eprop_rt_services.demo.link import Link
from eprop_rt_services.demo.screen import ScreenSettings
from eprop_rt_services.zmq_link import Asker, ControlClient

READY_S = 120.0  # the first time ever, kernels are compiled


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
        self._folder = folder
        spikes, screen, labels = (f"{plan.name}-{part}" for part in ("spikes", "screen", "labels"))
        commands, control, orders = (
            f"ipc://{folder}/{plan.name}-{part}" for part in ("commands", "control", "orders")
        )
        streams = {
            "signal": StreamRequirement(source_id=spikes),
            "labels": StreamRequirement(source_id=labels) if plan.learns else None,
            "wait_s": READY_S,
        }
        self._daemon_config = config.model_copy(
            update={
                "decoder": plan.decoder,
                "lsl": config.lsl.model_copy(update=streams),
                "publish": config.publish.model_copy(update={"endpoint": commands}),
                "control": config.control.model_copy(update={"endpoint": control}),
            }
        )
        self._brain = BrainSettings(
            seat=plan.name,
            spikes_id=spikes,
            screen_id=screen,
            seed=seed,
            phase_s=plan.phase_s,
            wait_s=READY_S,
        )
        self._screen = ScreenSettings(
            seat=plan.name,
            screen_id=screen,
            labels_id=labels,
            commands=commands,
            topic=config.publish.topic,
            orders=orders,
            phase_s=plan.phase_s,
        )

    def start(self, children: Children) -> None:
        """Start screen, brain and daemon."""
        file = self._folder / f"{self.name}.yaml"
        content = yaml.safe_dump(self._daemon_config.model_dump(mode="json"))
        file.write_text(content, encoding="utf-8")
        demo = "eprop_rt_services.demo"
        children.start(f"{self.name} screen", f"{demo}.screen", self._screen.model_dump_json())
        children.start(f"{self.name} brain", f"{demo}.brain", self._brain.model_dump_json())
        children.start(f"{self.name} daemon", "eprop_rt_services", "run", str(file))

    def connect(self, children: Children, closing: ExitStack) -> Link:
        """Connect to screen and daemon; `closing` will let go of them."""
        return Link(
            name=self.name,
            children=children,
            screen=closing.enter_context(Asker(self._screen.orders)),
            daemon=closing.enter_context(ControlClient(self._daemon_config.control.endpoint)),
        )
