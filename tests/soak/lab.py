"""A laboratory in small: a daemon with a journal, a sender, a reader of every command."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from pathlib import Path

import numpy as np

from eprop_rt.errors import StreamError
from eprop_rt_services.lsl_config import CONFIG_VARIABLE
from eprop_rt_services.lsl_link import local_clock
from eprop_rt_services.zmq_link import CommandSubscriber, ControlClient
from soak.disk import Disk

BOUND = 10.0
FLUSH_S = 0.2
PATIENCE_S = 60.0
START_S = 300.0  # kernels compile
BIN_S = 0.02
SETTINGS = {
    "bins.bin_s": BIN_S,
    "decoder.kind": "eprop",
    "decoder.network.neurons": 64,
    "decoder.network.tau_groups": 4,
    "decoder.rehearsal.segment_s": 0.4,
    "decoder.rehearsal.warm_up_s": 0.1,
    "decoder.rehearsal.segments_per_update": 1,
    "decoder.rehearsal.memory_s": 30,
    "guard.output_bound": BOUND,
    "checkpoint.every_s": 1.0,
    "journal.flush_s": FLUSH_S,
    "journal.segment_mb": 2,
    "journal.backlog_mb": 0.25,
    "restart.most": 1000,
}


ELSE = "by somebody else"


class Reader(threading.Thread):
    """Takes every command, and keeps what is needed to judge them all."""

    def __init__(self, endpoint):
        super().__init__(daemon=True)
        self._endpoint, self._ending = endpoint, threading.Event()
        self.came = []  # received (monotonic), end of the bin, when published
        self.outside = 0
        self.largest = 0.0

    def run(self):
        with CommandSubscriber(self._endpoint, "decoded", now=lambda: 0.0) as commands:
            while not self._ending.is_set():
                if (command := commands.poll(0.05)) is None:
                    continue
                stamps = command.header.stamps
                self.came.append((time.monotonic(), stamps.bin_end_s, stamps.published_s))
                largest = float(np.abs(command.values).max())
                self.outside += not largest <= BOUND  # of NaN as well
                self.largest = max(self.largest, largest)

    def end(self):
        self._ending.set()
        self.join()


class Lab:
    """Starts all of it; whatever a scenario does, `close` leaves nobody behind.

    `labels`: sent by the sender, by nobody, or by somebody ELSE, under `labels_id`.
    """

    def __init__(self, folder, journal, settings=(), labels=True, reach=(), api=None):
        self.folder, self.journal = Path(folder), Path(journal)
        self.source_id = f"soak-{uuid.uuid4().hex}"
        self.labels_id = self.source_id + "-l"
        self.commands = f"ipc://{folder}/commands"
        self.control = f"ipc://{folder}/control"
        self.settings = {
            **SETTINGS,
            "lsl.signal.source_id": self.source_id,
            "lsl.labels.source_id": self.labels_id,
            "publish.endpoint": self.commands,
            "control.endpoint": self.control,
            "journal.folder": self.journal,
            **dict(settings),
        }
        self._labels, self._reach, self._api = labels, list(reach), api
        self.disk = Disk(self.journal, None)
        if not labels:
            del self.settings["lsl.labels.source_id"]
        (self.folder / "empty.yaml").write_text("")
        self._log = (self.folder / "daemon.log").open("a")
        self.sender = self.daemon = None
        self.reader = Reader(self.commands)
        self.reader.start()

    def start_sender(self, seed=0):
        labels = "yes" if self._labels is True else "no"
        command = [sys.executable, "-m", "soak.sender", self.source_id]
        self.sender = subprocess.Popen(
            [*self._reach, *command, "--seed", str(seed), "--labels", labels],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(),
        )  # fmt: skip
        return time.monotonic()

    def misbehave(self, **faults):
        """From now on; returns what the sender did since the order before."""
        self.sender.stdin.write(json.dumps(faults) + "\n")
        self.sender.stdin.flush()
        return Counter(json.loads(self.sender.stdout.readline()))

    def kill_sender(self):
        self.sender.kill()
        self.sender.wait()
        self.sender.stdin.close()
        self.sender.stdout.close()

    def start_daemon(self, *arguments):
        pairs = [part for key, value in self.settings.items() for part in ("-o", f"{key}={value}")]
        empty = str(self.folder / "empty.yaml")
        self.daemon = subprocess.Popen(
            [sys.executable, "-m", "eprop_rt_services", "run", empty, *pairs, *arguments],
            stderr=self._log, env=environment(self._api),
        )  # fmt: skip
        return time.monotonic()

    def processes(self):
        """The one that watches, and those that it has forked."""
        pid = self.daemon.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def log(self):
        return (self.folder / "daemon.log").read_text()

    # What is done to it, and seen of it.

    def ask(self, verb, **arguments):
        with ControlClient(self.control) as client:
            return client.ask(verb, 10.0, **arguments)

    def status(self, most_s=PATIENCE_S):
        """Its status, as soon as it runs."""
        return wait_for(self._running, "the daemon does not run", most_s)

    def _running(self):
        if self.daemon.poll() is not None:
            raise AssertionError(f"the daemon ended: {self.log()[-2000:]}")
        try:
            status = self.ask("status").status
        except StreamError:
            return None
        return status if status.state == "running" else None

    @staticmethod
    def now():
        """On the clock of what comes, and on that of what is published."""
        return time.monotonic(), local_clock()

    def kill_daemon(self):
        """Kill the process that decodes, while nobody expects it; returns when."""
        pid = self.status().pid
        os.kill(pid, signal.SIGKILL)
        return self.now()

    def back_after_s(self, since_s, clock_s):
        """How long after `since_s` the first command came that was published after `clock_s`."""

        def back():
            return next((c[0] for c in reversed(self.reader.came[-200:]) if c[2] > clock_s), None)

        wait_for(back, "no command came")
        first = next(c for c in self.reader.came if c[0] > since_s and c[2] > clock_s)
        return first[0] - since_s

    def close(self):
        for process in (self.daemon, self.sender):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        if self.sender is not None:
            self.sender.stdin.close()
            self.sender.stdout.close()
        self.reader.end()
        self._log.close()


def environment(api=None):
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    lsl = {} if api is None else {CONFIG_VARIABLE: str(api)}
    path = path.rstrip(os.pathsep)
    return {**os.environ, **lsl, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}


def wait_for(condition, otherwise, most_s=PATIENCE_S):
    """What `condition` returns once that is something; AssertionError where it never is."""
    end_s = time.monotonic() + most_s
    while time.monotonic() < end_s:
        if found := condition():
            return found
        time.sleep(0.005)
    raise AssertionError(f"{otherwise} within {most_s:g} s")
