"""What a page follows in tests: real daemons, stand-ins for many of them, and a task."""

import re
import subprocess
import sys
import threading

import numpy as np

from daemon_rig import Rig
from eprop_rt_protocols.control import carried_out
from eprop_rt_protocols.screen import Screen, Target, TrialResult, encode_screen
from eprop_rt_protocols.strictness import VERSION
from eprop_rt_protocols.view import View, encode_view
from eprop_rt_services.lsl_link import local_clock
from eprop_rt_services.zmq_link import ControlServer, FrameSender
from status_material import FULL_STATUS
from view_material import view


class Ongoing:
    """Something that is done every few milliseconds, in a thread, until `close`."""

    def __init__(self, every_s, do):
        self._every_s, self._do = every_s, do
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._ended.wait(self._every_s):
            self._do()

    def close(self):
        self._ended.set()
        self._thread.join()


class Fed:
    """A daemon that is fed all the time, and views of it."""

    def __init__(self, folder):
        folder.mkdir()
        self.views = f"ipc://{folder}/views"
        overrides = {
            "publish.visual_endpoint": self.views,
            "checkpoint.file": folder / "kept.npz",
            "guard.good_every_s": 1,
        }
        self.rig = Rig(folder, overrides=overrides.items())
        self._feeding = Ongoing(0.0, lambda: self.rig.feed(0.05))

    def status(self):
        return self.rig.ask("status").status

    def again(self):
        """Another process in its place, with the same configuration."""
        self.rig.process.kill()
        self.rig.process.wait()
        self.rig.process.stderr.close()
        self.rig.process = subprocess.Popen(
            self.rig.process.args, stderr=subprocess.PIPE, text=True
        )
        self.rig.wait_until_ready()

    def close(self):
        self._feeding.close()
        self.rig.close()


class Task:
    """Publishes a screen on which the cursor goes round, and a trial is won every second."""

    def __init__(self, folder):
        self._sender = FrameSender(f"ipc://{folder}/screens")
        self.endpoint = self._sender.endpoint
        self.silent = False
        self._sequence = 0
        self._showing = Ongoing(0.03, self._show)

    def _show(self):
        if self.silent:
            return
        self._sequence += 1
        sequence, won = self._sequence, self._sequence // 30
        trials = tuple(
            TrialResult(
                sequence=at,
                success=at % 3 > 0,
                time_to_target_s=1.0 + 0.1 * (at % 5) if at % 3 else None,
                ended_s=float(at),
                learning=True,
            )
            for at in range(won)
        )[-200:]
        screen = Screen(
            version=VERSION,
            sequence=sequence,
            stamp_s=local_clock(),
            clock="lsl_local_clock",
            name="test",
            task="centre_out",
            cursor=(sequence % 20 - 10.0, 0.0),
            targets=(Target(x=9.0, y=0.0, radius=2.0, state="aim"),),
            bounds=12.0,
            phase="reach",
            trial=won,
            successes=won,
            failures=0,
            newest_time_s=1.0 if won else None,
            recent=trials,
        )
        self._sender.send(encode_screen(screen))

    def close(self):
        self._showing.close()
        with self._sender:
            pass


class StandIn:
    """Answers as a daemon does and publishes views, over the real wire; decodes nothing."""

    def __init__(self, folder, name, learning):
        self.name = name
        self.orders = []
        told = {
            "pid": 1000 + len(name),
            "learning": learning,
            "learning_cause": "operator" if learning == "frozen" else "",
            "decoder": f"decoder-of-{name}",
        }
        self._status = FULL_STATUS.model_copy(update=told)
        self._server = ControlServer(f"ipc://{folder}/{name}-control", meanwhile=self._answer)
        self._views = FrameSender(f"ipc://{folder}/{name}-views")
        self._first = 0
        self.daemon = f"{name}={self._views.endpoint},{self._server.endpoint}"
        self._showing = Ongoing(0.1, self._show)

    @property
    def has_stopped(self):
        return self._server is None

    def _answer(self, request):
        if request.verb != "status":
            self.orders.append(request.verb)
        return carried_out(request, self._status)

    def _show(self):
        if self.has_stopped:
            return
        if self._server.stop_asked:
            self._server.close()
            self._server = None
            return
        one = view(bins=5, neurons=40)
        at_s = one.header.bin_s * (self._first + np.arange(5))
        waves = np.stack([np.sin(3 * at_s), np.cos(2 * at_s)], axis=1).astype(np.float32)
        header = one.header.model_copy(
            update={"first": self._first, "pid": self._status.pid, "sequence": self._first // 5}
        )
        spikes = np.roll(one.spikes, self._first, axis=1)
        self._views.send(
            encode_view(View(header, waves, 1.2 * waves, one.inputs, spikes, one.weights))
        )
        self._first += 5

    def close(self):
        self._showing.close()
        with self._views:
            pass
        if self._server is not None:
            self._server.close()


def monitor(*arguments):
    """The page as a process; returns it and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "eprop_rt_services", "monitor", *arguments, "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    line = process.stdout.readline()
    found = re.search(r"http://\S+", line)
    assert found, (line, process.communicate())
    return process, found.group()


def end(process):
    """Stop a page; returns what it complained of."""
    process.terminate()
    _, complaints = process.communicate()
    assert process.returncode == 0, complaints
    return complaints
