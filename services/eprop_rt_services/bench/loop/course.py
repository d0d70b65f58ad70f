"""The course of the measurement: start all, learn, then freeze and thaw in turn, stop, count."""

import itertools
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from eprop_rt.config import Settings
from eprop_rt.errors import StreamError
from eprop_rt_protocols.codec import encode
from eprop_rt_protocols.command import Command, CommandHeader, Stamps
from eprop_rt_protocols.status import Status
from eprop_rt_protocols.streams import StreamRequirement
from eprop_rt_protocols.strictness import VERSION
from eprop_rt_services.bench.loop.figures import (
    Kind,
    Round,
    Standstills,
    Way,
    standstills,
    way,
)
from eprop_rt_services.bench.loop.log import RECEIVED, SENT, read
from eprop_rt_services.bench.loop.reader import ReaderSettings
from eprop_rt_services.bench.loop.relay import RelaySettings
from eprop_rt_services.bench.loop.sender import SenderSettings
from eprop_rt_services.config import Config
from eprop_rt_services.daemon.publishing import LSL_CLOCK
from eprop_rt_services.lsl_link import local_clock
from eprop_rt_services.processes.children import Children
from eprop_rt_services.processes.company import company
from eprop_rt_services.processes.page import PageProcess
from eprop_rt_services.zmq_link import ControlClient

READY_S, ANSWER_S, LOOK_S = 300.0, 5.0, 0.5
CHANNELS, RATE_HZ = 96, 1000.0
ROUND_S = 2.0
SETTLE_S = 0.3  # of a round's beginning is not counted: the order, and the bin under way
WARM_UP_S = 3.0
PAGE_SETTLES_S = 5.0
ALONE: tuple[Kind, Kind] = ("learning_off", "learning_on")
FOLLOWED: tuple[Kind, Kind] = ("followed_off", "followed_on")
MODULES = "eprop_rt_services.bench.loop"
PLACEHOLDER_S = 123456.654321


class Plan(Settings):
    """How long, and how samples come; `journal`: the daemon writes down all that it gets.

    `monitor`: as long again, a page follows the daemon, and somebody looks at it.
    """

    seconds: float
    chunk: int = 1
    journal: bool = True
    monitor: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """What came out; `relay` is that of the rounds in which the daemon did not learn.

    `relay_beside` is the relay's in the other rounds. Stages are the daemon's own. All but
    `followed` is of rounds in which nobody looks; that is of those in which it learned.
    """

    relay: Way
    relay_beside: Way
    learning_off: Way
    learning_on: Way
    status: Status
    standstills: Standstills
    stolen_s: float
    followed: Way | None = None


def measure(config: Config, plan: Plan, tell: Callable[[str], None]) -> Measured:
    """Run it all; raises StreamError in one line where a process fails."""
    with company("eprop-rt-bench-") as found:
        return Course(config, plan, found.folder, found.children, tell).run()


class Course:
    """One measurement in a folder of its own."""

    def __init__(
        self,
        config: Config,
        plan: Plan,
        folder: Path,
        children: Children,
        tell: Callable[[str], None],
    ) -> None:
        self._plan, self._folder, self._children, self._tell = plan, folder, children, tell
        self._config = config = self._wired(config)
        self._relayed = f"ipc://{folder}/relayed"
        self._bin_s, self._topic = config.bins.bin_s, config.publish.topic

    def _wired(self, config: Config) -> Config:
        """The configuration with the streams and sockets of this measurement."""
        folder = self._folder
        lsl = {
            "signal": StreamRequirement(source_id="bench-signal"),
            "labels": StreamRequirement(source_id="bench-labels"),
            "wait_s": READY_S,
        }
        journal = {"folder": folder / "journal"} if self._plan.journal else {}
        publish = {
            "endpoint": f"ipc://{folder}/commands",
            "visual_endpoint": f"ipc://{folder}/views" if self._plan.monitor else None,
        }
        updates = {
            "lsl": config.lsl.model_copy(update=lsl),
            "publish": config.publish.model_copy(update=publish),
            "control": config.control.model_copy(update={"endpoint": f"ipc://{folder}/control"}),
            "journal": config.journal.model_copy(update=journal),
        }
        return config.model_copy(update=updates)

    def run(self) -> Measured:
        """Start, measure, stop, count."""
        self._tell("starting")
        self._start_sender()
        self._start_reader("daemon", self._config.publish.endpoint)
        file = self._folder / "daemon.yaml"
        file.write_text(yaml.safe_dump(self._config.model_dump(mode="json")), encoding="utf-8")
        self._children.start("daemon", "eprop_rt_services", "run", str(file))
        with ControlClient(self._config.control.endpoint) as control:
            self._wait_until_learning(control)
            self._start_relay()
            self._start_reader("relay", self._relayed)
            self._pass(self._warm_up_s(), "warming up")
            stolen_s = stolen_by_host_s()
            rounds = self._rounds(control)
            stolen_s = stolen_by_host_s() - stolen_s
            status = self._ask(control)
        self._children.stop()
        return self._count(rounds, status, stolen_s)

    def _start_sender(self) -> None:
        settings = SenderSettings(
            signal_id="bench-signal",
            labels_id="bench-labels",
            file=self._folder / "sent",
            channels=CHANNELS,
            rate_hz=RATE_HZ,
            chunk=self._plan.chunk,
            label_every=max(1, round(self._bin_s * RATE_HZ)),
            realtime=self._config.realtime,
        )
        self._children.start("sender", f"{MODULES}.sender", settings.model_dump_json())

    def _start_reader(self, of: str, endpoint: str) -> None:
        settings = ReaderSettings(
            endpoint=endpoint,
            topic=self._topic,
            file=self._folder / f"of-{of}",
            realtime=self._config.realtime,
        )
        name = f"reader of the {of}"
        self._children.start(name, f"{MODULES}.reader", settings.model_dump_json())

    def _start_relay(self) -> None:
        """With bins that end in the middle of the daemon's: neither is in the other's way then."""
        origin_s = read(self._folder / "of-daemon", RECEIVED)[-1, 0]
        phase_s = (origin_s + 1.0 / RATE_HZ + self._bin_s / 2) % self._bin_s
        before, after = header_like(self._config)
        settings = RelaySettings(
            signal_id="bench-signal",
            rate_hz=RATE_HZ,
            bin_s=self._bin_s,
            phase_s=phase_s,
            endpoint=self._relayed,
            topic=self._topic,
            header=(before, after),
            payload_bytes=4 * len(self._config.publish.names),
            realtime=self._config.realtime,
        )
        self._children.start("relay", f"{MODULES}.relay", settings.model_dump_json())

    def _wait_until_learning(self, control: ControlClient) -> None:
        end_s = time.monotonic() + READY_S
        while time.monotonic() < end_s:
            self._children.check()
            try:
                status = control.ask("status", LOOK_S).status
            except StreamError:
                continue
            wrote = len(read(self._folder / "of-daemon", RECEIVED)) if status else 0
            if status is not None and status.updates > 0 and wrote > 0:
                return
            time.sleep(LOOK_S)
        raise StreamError(
            f"the daemon did not learn within {READY_S:g} s, its last words: "
            f"{self._children.last_line('daemon')}"
        )

    def _warm_up_s(self) -> float:
        """Until rehearsal has a past, and some seconds."""
        rehearsal = getattr(self._config.decoder, "rehearsal", None)
        return WARM_UP_S + (0.0 if rehearsal is None else 2 * rehearsal.segment_s)

    def _pass(self, seconds: float, doing: str) -> None:
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            self._children.check()
            self._tell(f"{doing}, {left_s:.0f} s")
            time.sleep(min(LOOK_S, left_s))

    def _rounds(self, control: ControlClient) -> list[Round]:
        """All of them; those with a page in the middle: what drifts is in both."""
        seconds, alone = self._plan.seconds, ALONE
        if not self._plan.monitor:
            return self._turns(control, seconds, alone)
        before = self._turns(control, seconds / 2, alone)
        with PageProcess(self._folder) as page:
            self._look_at(page)
            followed = self._turns(control, seconds, FOLLOWED)
        self._pass(PAGE_SETTLES_S, "closing the page")
        return before + followed + self._turns(control, seconds / 2, alone)

    def _look_at(self, page: PageProcess) -> None:
        """Let a page follow the daemon, and somebody take all that it sends."""
        self._tell("opening the page")
        views, control = self._config.publish.visual_endpoint, self._config.control.endpoint
        page.start([f"bench={views},{control}"])
        url = page.address()
        if url is None:
            raise StreamError("the page did not come up: see `eprop-rt monitor --no-browser`")
        page.children.start("onlooker", "eprop_rt_services.monitor.onlooker", url)
        self._pass(PAGE_SETTLES_S, "opening the page")
        page.children.check()

    def _turns(
        self, control: ControlClient, seconds: float, kinds: tuple[Kind, Kind]
    ) -> list[Round]:
        """Frozen and learning in turn."""
        rounds: list[Round] = []
        many = max(2, 2 * round(seconds / ROUND_S / 2))
        length_s = seconds / many
        for at, kind in zip(range(many), itertools.cycle(kinds), strict=False):
            control.ask("freeze" if kind == kinds[0] else "thaw", ANSWER_S)
            from_s = local_clock()
            self._pass(length_s, f"round {at + 1} of {many}")
            rounds.append(Round(kind, from_s + min(SETTLE_S, length_s / 4), local_clock()))
        time.sleep(2 * self._bin_s)  # what ended in the last round arrives
        return rounds

    def _ask(self, control: ControlClient) -> Status:
        status = control.ask("status", ANSWER_S).status
        if status is None:
            raise StreamError("the daemon answered without a status: look at its log")
        return status

    def _count(self, rounds: list[Round], status: Status, stolen_s: float) -> Measured:
        sent = read(self._folder / "sent", SENT)
        daemon = read(self._folder / "of-daemon", RECEIVED)
        relay = read(self._folder / "of-relay", RECEIVED)
        off = [each for each in rounds if each.kind == "learning_off"]
        on = [each for each in rounds if each.kind == "learning_on"]
        followed = [each for each in rounds if each.kind == "followed_on"]
        return Measured(
            relay=way(sent, relay, off, self._bin_s),
            relay_beside=way(sent, relay, on, self._bin_s),
            learning_off=way(sent, daemon, off, self._bin_s),
            learning_on=way(sent, daemon, on, self._bin_s),
            status=status,
            standstills=standstills(sent, off + on, self._bin_s),
            stolen_s=stolen_s,
            followed=way(sent, daemon, followed, self._bin_s) if followed else None,
        )


def stolen_by_host_s(stat: Path = Path("/proc/stat")) -> float:
    """Time that a host gave to others while this virtual machine wanted it, of all cores."""
    fields = stat.read_text(encoding="utf-8").splitlines()[0].split()
    return int(fields[8]) / os.sysconf("SC_CLK_TCK")


def header_like(config: Config) -> tuple[str, str]:
    """A header as long as those of the daemon, before and after the stamp of the newest sample."""
    publish = config.publish
    stamps = Stamps(origin_s=PLACEHOLDER_S, bin_end_s=1.0, published_s=2.25, clock=LSL_CLOCK)
    values = np.zeros(len(publish.names), np.float32)
    header = CommandHeader(
        version=VERSION,
        sequence=1000,
        stamps=stamps,
        deadline_s=3.5,
        host="host",
        model_id="0123456789ab",
        update_id=1000,
        learning="off",
        output="decoded",
        dtype="<f4",
        shape=values.shape,
        names=publish.names,
        units=publish.units,
    )
    text = encode(publish.topic, Command(header, values))[1].decode()
    before, _, after = text.partition(str(PLACEHOLDER_S))
    return before, after
