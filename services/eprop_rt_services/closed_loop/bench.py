"""One decoder on the bench: task and simulator as processes, and what comes of it."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from eprop_rt.closed_loop.live import LiveSettings
from eprop_rt.config import RlsSettings, Settings
from eprop_rt_services.closed_loop.daemon_line import DaemonLine
from eprop_rt_services.closed_loop.faults import FaultSettings
from eprop_rt_services.closed_loop.line import SimulatorLine, TaskLine, wait_for
from eprop_rt_services.closed_loop.messages import Report, WireReport
from eprop_rt_services.closed_loop.places import READY_S, Places
from eprop_rt_services.closed_loop.score import Score, score, score_of_all
from eprop_rt_services.config import Config, load_config
from eprop_rt_services.processes.company import Company
from eprop_rt_services.zmq_link import Asker, ControlClient

OwnDecoder = Literal["eprop", "rls", "untrained"]
OWN_DECODERS: tuple[OwnDecoder, ...] = get_args(OwnDecoder)
PRESET = "preset:demo"
RLS = RlsSettings(lags=5, forgetting=0.99995, ridge=1.0)
MODULES = "eprop_rt_services.closed_loop"
NEWEST = 20  # trials whose figures are told beside those of all


class BenchSettings(Settings):
    """Who is on the bench, and under which circumstances.

    `commands` are endpoints of decoders that somebody else runs; `own` are decoders of ours that
    are started beside the task, where there are none of the former. `wishes`: a person steers.
    """

    name: str = "bench"
    commands: tuple[str, ...] = ()
    own: tuple[OwnDecoder, ...] = ("eprop",)
    topic: str = "decoded"
    screens: str = "tcp://127.0.0.1:*"
    wishes: str | None = None
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    loop: LiveSettings = LiveSettings()
    faults: FaultSettings = FaultSettings()


@dataclass(frozen=True, slots=True)
class Standing:
    """How it goes."""

    report: Report
    wire: WireReport

    @property
    def all(self) -> Score:
        """Of all trials."""
        return score_of_all(self.report)

    @property
    def newest(self) -> Score:
        """Of the newest trials."""
        return score(self.report.trials[-NEWEST:])

    def to_json(self) -> dict[str, Any]:
        """The contract of `--json`."""
        report = self.report
        return {
            "trials": self.all.trials,
            "success_rate": self.all.success_rate,
            "time_to_target_s": self.all.time_to_target_s,
            "newest": {
                "trials": self.newest.trials,
                "success_rate": self.newest.success_rate,
                "time_to_target_s": self.newest.time_to_target_s,
            },
            "latency_ms": report.latency_ms,
            "commands": report.bins,
            "missed": report.missed,
            "wire": self.wire.model_dump(),
        }


class Bench:
    """Starts the processes of one bench in a company, and talks to them."""

    def __init__(self, settings: BenchSettings, company: Company, closing: ExitStack) -> None:
        self.settings = settings
        self._children, self._closing = company.children, closing
        self._places = places = Places(settings.name, company.folder)
        config = load_config(PRESET)
        self._own = {} if settings.commands else {n: self._daemon(config, n) for n in settings.own}
        commands = settings.commands or tuple(c.publish.endpoint for c in self._own.values())
        topic = settings.topic if settings.commands else config.publish.topic
        told = {"loop": settings.loop}
        self._task = places.task(commands, topic, settings.screens).model_copy(update=told)
        self._simulator = places.simulator(settings.seed).model_copy(
            update={**told, "faults": settings.faults, "wishes": settings.wishes}
        )
        self.decoders = tuple(self._own) or settings.commands
        self.daemons: dict[str, DaemonLine] = {}

    def _daemon(self, config: Config, name: OwnDecoder) -> Config:
        decoder = RLS if name == "rls" else config.decoder
        bins = config.bins.model_copy(update={"bin_s": self.settings.loop.bin_s})
        return self._places.daemon(
            config.model_copy(update={"bins": bins}),
            decoder,
            learns=name != "untrained",
            part=f"-{name}",
        )

    @property
    def streams(self) -> dict[str, str]:
        """The source ids of the streams, by what they carry."""
        places = self._places
        return {
            "spikes": places.spikes_id,
            "labels": places.labels_id,
            "screen": places.screen_id,
            "markers": places.markers_id,
        }

    def start(self) -> None:
        """Start task, simulator and what decoders are our own."""
        start, name = self._children.start, self.settings.name
        start(f"{name} task", f"{MODULES}.task", self._task.model_dump_json())
        start(f"{name} simulator", f"{MODULES}.simulator", self._simulator.model_dump_json())
        enter = self._closing.enter_context
        self.task = TaskLine(name, self._children, enter(Asker(self._task.orders)))
        self._wire = SimulatorLine(name, self._children, enter(Asker(self._simulator.orders)))
        for own, config in self._own.items():
            file = self._places.write(config, f"-{own}")
            start(f"{own} daemon", "eprop_rt_services", "run", file)
            control = enter(ControlClient(config.control.endpoint))
            self.daemons[own] = DaemonLine(own, self._children, control)

        wait_for(self._children, self.task.report, READY_S)
        wait_for(self._children, self._wire.report, READY_S)

    def wait_for_own(self) -> None:
        """Wait until the decoders of our own obey."""
        for daemon in self.daemons.values():
            daemon.wait_for("thaw", READY_S)

    def check(self) -> None:
        """Raise StreamError where a process has ended."""
        self._children.check()

    def standing(self) -> Standing:
        """Ask everybody how it goes."""
        return Standing(self.task.report(), self._wire.report())
