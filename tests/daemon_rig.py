"""A daemon as a process between a real LSL stream and a real ZeroMQ reader, for tests."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid

import numpy as np

from eprop_rt.series import StreamInfo
from eprop_rt_services.lsl_link import LslOutlet, local_clock
from eprop_rt_services.zmq_link import CommandSubscriber, ControlClient

RATE_HZ, CHANNELS = 100.0, 8
SMALL = {
    "bins.bin_s": 0.02,
    "decoder.kind": "eprop",
    "decoder.network.neurons": 16,
    "decoder.network.tau_groups": 4,
    "decoder.rehearsal.segment_s": 0.4,
    "decoder.rehearsal.warm_up_s": 0.1,
    "decoder.rehearsal.segments_per_update": 1,
    "decoder.rehearsal.memory_s": 10,
}


class Rig:
    """A daemon with its endpoints in a folder, and outlets that feed it."""

    def __init__(self, folder, labels=True, overrides=(), arguments=()):
        self.source_id = f"test-{uuid.uuid4().hex}"
        self.commands = f"ipc://{folder}/commands"
        self.control = f"ipc://{folder}/control"
        spikes = StreamInfo("spikes", CHANNELS, RATE_HZ)
        self.spikes = LslOutlet(spikes, "Spikes", self.source_id)
        self.labels = LslOutlet(StreamInfo("velocity", 2, RATE_HZ), "Labels", self.source_id + "-l")
        settings = {
            **SMALL,
            "lsl.signal.source_id": self.source_id,
            "publish.endpoint": self.commands,
            "control.endpoint": self.control,
            "lsl.labels.source_id": self.source_id + "-l",
            **dict(overrides),
        }
        if not labels:
            del settings["lsl.labels.source_id"]
        empty = folder / "empty.yaml"
        empty.write_text("")
        pairs = [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "eprop_rt_services", "run", str(empty), *pairs, *arguments],
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ,
        )
        self.at_s = None
        self.beside = None
        self.lag_s = 0.0
        self._lines = []

    def another(self, source_id):
        """One more stream of the same kind; give it to `beside` and it is fed as well."""
        return LslOutlet(StreamInfo("more spikes", CHANNELS, RATE_HZ), "Spikes", source_id)

    def told(self):
        """What was said until it was ready."""
        return "".join(self._lines)

    def feed(self, seconds):
        """Push samples in real time, `lag_s` late, the label stream just before the signal."""
        if self.at_s is None:
            self.at_s = local_clock()
        for _ in range(round(seconds * RATE_HZ)):
            stamps = np.array([self.at_s])
            wave = np.sin(self.at_s * np.array([3.0, 4.0])).astype(np.float32)
            self.labels.push(stamps, wave[None])
            counts = np.tile(2 + wave, CHANNELS // 2).astype(np.float32)
            self.spikes.push(stamps, counts[None])
            if self.beside is not None:
                self.beside.push(stamps, counts[None])
            self.at_s += 1 / RATE_HZ
            time.sleep(max(0.0, self.at_s + self.lag_s - local_clock()))

    def wait_until_ready(self):
        """Read what it says until it is ready; it may be started anew and say so again."""
        lines = []
        for line in self.process.stderr:
            lines.append(line)
            if " ready: " in line or '"event": "ready"' in line:
                self._lines += lines
                return lines
        raise AssertionError("".join(lines))

    def ask(self, verb, timeout_s=5.0):
        """Its answer to one question."""
        with ControlClient(self.control) as client:
            return client.ask(verb, timeout_s)

    def kill(self):
        """Kill the process that decodes, not the one that watches it; returns when."""
        os.kill(self.ask("status").status.pid, signal.SIGKILL)
        return time.monotonic()

    def first_command_s(self, most_s=30.0):
        """Feed until a command comes, and return when; AssertionError after `most_s`."""
        end_s = time.monotonic() + most_s
        with CommandSubscriber(self.commands, "decoded", now=local_clock) as reader:
            reader.poll(0.0)
            while time.monotonic() < end_s:
                self.feed(0.02)
                while (command := reader.poll(0.0)) is not None:
                    if command.header.stamps.published_s > self.at_s - 1.0:
                        return time.monotonic()
        raise AssertionError(f"no command within {most_s:g} s")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        self.spikes.close()
        self.labels.close()


def replayed(folder):
    """What `eprop-rt replay FOLDER --json -` says of a journal."""
    done = subprocess.run(
        [sys.executable, "-m", "eprop_rt_services", "replay", str(folder), "--json", "-"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout[done.stdout.index("{\n") :])
