"""Hours of a simulated stream through the whole daemon at speed, to see whether memory grows."""

import gc
import resource
import signal
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Self

import numpy as np

from eprop_rt.errors import EpropError
from eprop_rt.series import Chunk, Item, LabelChunk, StreamInfo
from eprop_rt_protocols.control import LabelRows, Verb
from eprop_rt_services.config import Config
from eprop_rt_services.daemon import Daemon
from eprop_rt_services.journal.folder import JournalFolder
from eprop_rt_services.lsl_link import local_clock
from eprop_rt_services.sources.happenings import Notice
from eprop_rt_services.sources.kind import Role, Standing
from eprop_rt_services.zmq_link import CommandSubscriber, ControlClient

HOUR_S = 3600.0
MIB = 2**20
CHUNK = 10  # samples
RATE_HZ, CHANNELS = 50.0, 96
TABLE = 1024  # rows that come again and again
FAULTY = 50  # one chunk in so many has something wrong
GAP_S = 2.0
ASK_S = 0.1
ORDERS: tuple[Verb, ...] = ("status", "checkpoint", "freeze", "thaw", "set", "relabel")


@dataclass(frozen=True, slots=True)
class Hour:
    """After so many hours of stream: resident memory, bins, and how many times real time."""

    hours: int
    resident_mib: float
    bins: int
    speed: float


class SimulatedSource:
    """Counts and labels as fast as they are taken, with what goes wrong in a laboratory.

    Samples are lost, repeated and no numbers, labels come late, and there are gaps. `passed` is
    told of every hour of stream; after `hours` the process is told to end.
    """

    def __init__(self, hours: int, passed: Callable[[int], None], hour_s: float = HOUR_S) -> None:
        self._hours, self._passed, self._hour_s = hours, passed, hour_s
        self._random = np.random.default_rng(0)
        self._counts = self._random.poisson(0.4, (TABLE, CHANNELS)).astype(np.float32)
        self._labels = self._random.normal(size=(TABLE, 2)).astype(np.float32)
        self._begun_s = self._at_s = local_clock()
        self._row, self._told = 0, 0
        self.events: Counter[str] = Counter()
        self.notices: deque[Notice] = deque(maxlen=1000)
        self.signal_infos = (StreamInfo("simulated spikes", CHANNELS, RATE_HZ),)
        self.age_s = 0.0

    def open(self, ended: Callable[[], bool]) -> tuple[StreamInfo, StreamInfo | None]:
        """Begin."""
        return self.signal_infos[0], StreamInfo("simulated velocity", 2, RATE_HZ)

    def pull(self, timeout_s: float, due_s: float | None = None) -> list[Item]:
        """Return the next fifth of a second."""
        self._tell()
        stamps = self._at_s + np.arange(CHUNK) / RATE_HZ
        self._at_s += CHUNK / RATE_HZ
        rows = np.arange(self._row, self._row + CHUNK) % TABLE
        self._row = (self._row + CHUNK) % TABLE
        counts, labels = self._counts[rows], self._labels[rows]
        if self._random.integers(FAULTY) == 0:
            return self._faulty(stamps, counts, labels)
        return [LabelChunk(stamps, labels), Chunk(stamps, counts)]

    def _faulty(self, stamps: np.ndarray, counts: np.ndarray, labels: np.ndarray) -> list[Item]:
        signal_chunk, label_chunk = Chunk(stamps, counts), LabelChunk(stamps, labels)
        match self._random.integers(6):
            case 0:  # lost
                return [label_chunk, Chunk(stamps[::2], counts[::2])]
            case 1:  # repeated
                return [label_chunk, signal_chunk, signal_chunk]
            case 2:
                counts[0], counts[1], labels[2] = np.nan, 1e30, np.nan
                return [label_chunk, signal_chunk]
            case 3:  # late
                return [signal_chunk, label_chunk]
            case 4:  # far ahead
                return [LabelChunk(stamps + HOUR_S, labels), signal_chunk]
            case _:
                self._at_s += GAP_S
                self.notices.append(Notice("gap", "the simulated sender paused", self._at_s))
                self.events["silence"] += 1
                return [label_chunk, signal_chunk]

    def _tell(self) -> None:
        hours = int((self._at_s - self._begun_s) / self._hour_s)
        if hours > self._told:
            self._told = hours
            self._passed(hours)
            if hours >= self._hours:
                signal.raise_signal(signal.SIGTERM)

    def standing(self) -> list[tuple[Role, str, str, Standing]]:
        """It always stands."""
        return [("signal", "simulated spikes", "here", "live")]

    def drop_backlog(self) -> int:
        """There is none."""
        return 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def run(config: Config, hours: int, told: Callable[[Hour], None], hour_s: float = HOUR_S) -> None:
    """Run the daemon of `config` in this thread, the main one, with an operator and a reader.

    Journal and sockets are in a folder of their own; written segments are deleted every hour.
    """
    with tempfile.TemporaryDirectory(prefix="eprop-rt-memory-") as name:
        folder = Path(name)
        settings = within(config, folder)
        began_s, ended = time.monotonic(), threading.Event()

        def passed(hour: int) -> None:
            for segment in JournalFolder(folder / "journal").segments()[:-2]:
                segment.unlink()
            speed = hour * hour_s / (time.monotonic() - began_s)
            bins = round(hour * hour_s / config.bins.bin_s)
            told(Hour(hour, resident_mib(), bins, speed))

        source = SimulatedSource(hours, passed, hour_s)
        operator = threading.Thread(target=attend, args=(settings, ended), daemon=True)
        operator.start()
        try:
            Daemon(settings, source=source).serve()
        finally:
            ended.set()
            operator.join()


def within(config: Config, folder: Path) -> Config:
    """The same, with journal and sockets in `folder`."""
    said = config.model_dump()
    said["journal"] |= {"folder": folder / "journal", "segment_mb": 16.0}
    said["checkpoint"] |= {"every_s": 2.0, "file": None}
    said["publish"] |= {"endpoint": f"ipc://{folder}/commands", "visual_endpoint": None}
    said["publish"] |= {"lsl_source_id": None}
    said["control"] |= {"endpoint": f"ipc://{folder}/control"}
    return Config.model_validate(said)


def attend(config: Config, ended: threading.Event) -> None:
    """Give orders and read commands, as people do in months, until `ended`."""
    with (
        ControlClient(config.control.endpoint) as client,
        CommandSubscriber(config.publish.endpoint, config.publish.topic, lambda: 0.0) as reader,
    ):
        for turn in count():
            if ended.wait(ASK_S):
                return
            verb = ORDERS[turn % len(ORDERS)]
            now_s = local_clock()
            try:
                if verb == "set":
                    client.ask("set", 1.0, settings={"guard.output_sigma": 8.0 + turn % 2})
                elif verb == "relabel":
                    rows = LabelRows(stamps_s=(now_s, now_s + 1e9), rows=((0.0, 1.0), (1.0, 0.0)))
                    client.ask("relabel", 1.0, labels=rows)
                else:
                    client.ask(verb, 1.0)
            except EpropError:
                continue
            while reader.poll(0.0) is not None:
                pass


def resident_mib() -> float:
    """Memory of this process that is in RAM, after a look for garbage."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / MIB
