"""The warm parent: real processes that die, hang, end and are told to end."""

import os
import select
import signal
import socket
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

pytestmark = pytest.mark.live

PROGRAM = """
import os, signal, sys, time
from eprop_rt_services.standby import RestartSettings, Standby
from eprop_rt_services.supervision import Supervisor

def load():
    pass

def serve(first):
    with Supervisor() as supervisor:
        print("started", os.getpid(), "first" if first else "again", flush=True)
        supervisor.ready("")
        {body}

{before}
settings = RestartSettings(hang_s=0.5, start_s=30, most=3, within_s=60)
sys.exit(Standby(serve, settings, load).run())
"""
ALIVE = """
        while True:
            supervisor.beat(time.monotonic())
            time.sleep(0.02)
"""


def program(body, before=""):
    return textwrap.dedent(PROGRAM).replace("{body}", body.strip()).replace("{before}", before)


class Running:
    """A standby process, and the lines of its children."""

    def __init__(self, body, before="", **environment):
        self.process = subprocess.Popen(
            [sys.executable, "-c", program(body, before)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )

    def started(self):
        """The process number of the next child, and whether it is the first."""
        word, pid, order = self.process.stdout.readline().split()
        assert word == "started"
        return int(pid), order == "first"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def test_a_child_that_is_killed_is_followed_by_another():
    with Running(ALIVE) as running:
        pid, first = running.started()
        assert first
        os.kill(pid, signal.SIGKILL)
        other, first = running.started()
        assert (other != pid, first) == (True, False)


def test_a_child_that_hangs_is_killed_and_followed_by_another():
    with Running(ALIVE) as running:
        pid, _ = running.started()
        os.kill(pid, signal.SIGSTOP)
        other, _ = running.started()
        assert other != pid
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.parametrize(("body", "status"), [("return 0", 0), ("return 2", 2)])
def test_an_end_in_good_order_is_an_end(body, status):
    with Running(body) as running:
        running.started()
        assert running.process.wait(timeout=30) == status


def test_one_that_dies_too_often_is_given_up():
    with Running("os.abort()") as running:
        starts = [running.started() for _ in range(4)]
        _, told = running.process.communicate(timeout=30)
    assert [first for _, first in starts] == [True, False, False, False]
    assert running.process.returncode == 3  # another start may mend it: no mistake of the user
    assert "the daemon died 4 times within 60 s" in told


def test_a_signal_is_passed_on_and_ends_it():
    body = ALIVE.replace(
        "while True:",
        "import signal\n        stop = []\n        signal.signal("
        "signal.SIGTERM, lambda *_: stop.append(1))\n        while not stop:",
    )
    with Running(body + "        return 0\n") as running:
        pid, _ = running.started()
        running.process.terminate()
        assert running.process.wait(timeout=30) == 0
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_systemd_hears_through_it_what_the_child_says(tmp_path):
    path = tmp_path / "systemd"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(path))
        heard.settimeout(30)
        with Running(ALIVE, NOTIFY_SOCKET=str(path), WATCHDOG_USEC="1000000") as running:
            pid, _ = running.started()
            said = [heard.recv(4096).decode() for _ in range(3)]
            assert said[0].startswith("READY=1")
            assert said[1:] == ["WATCHDOG=1", "WATCHDOG=1"]
            os.kill(pid, signal.SIGKILL)
            running.started()
            while not heard.recv(4096).decode().startswith("READY=1"):
                pass


@pytest.mark.parametrize(
    ("end", "status", "said"),
    [
        ("return 0", 0, ""),
        ("return 4", 4, ""),
        ("os.kill(os.getpid(), 9)", 4, "was killed by SIGKILL when told to end"),
        ("return 3", 4, "ended with exit status 3 when told to end"),
    ],
)
def test_a_daemon_that_was_told_to_stop_may_take_its_time_and_is_not_started_anew(
    end, status, said
):
    body = f"""
        supervisor.stopping("keeping", as_told=True)
        time.sleep(1.5)  # three times hang_s
        {end}
"""
    with Running(body) as running:
        _, first = running.started()
        assert first
        assert running.process.wait(timeout=30) == status
        assert running.process.stdout.read() == ""
        told = running.process.stderr.read()
        assert said in told if said else told == ""


# What a signal does that comes while a child is being forked.
FORKED = """
fork = os.fork
def forked():
    child = fork()
    {there}
    return child
os.fork = forked
"""


@pytest.mark.parametrize(
    ("there", "told"),
    [
        # The child is there, and the parent does not know its number yet.
        ("if child: os.kill(os.getpid(), signal.SIGTERM)", False),
        # The child still has the parent's ways with signals.
        ("if not child: print('forked', flush=True); time.sleep(0.5)", True),
    ],
)
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_that_comes_with_a_fork_is_not_lost(there, told, name):
    there = there.replace("SIGTERM", name)
    with Running(ALIVE, FORKED.replace("{there}", there)) as running:
        if told:
            assert running.process.stdout.readline() == "forked\n"
            running.process.send_signal(signal.Signals[name])
        assert running.process.wait(timeout=30) == 0
        assert running.process.stderr.read() == ""


LOADING = """
def load():
    print("loading", flush=True)
    end_s = time.monotonic() + 1.0
    while time.monotonic() < end_s:
        pass
    print("loaded", flush=True)
"""


def test_the_parent_loads_kernels_once_while_it_hears_the_child_and_feeds_its_own_watchdog(
    tmp_path,
):
    path = tmp_path / "systemd"
    body = "supervisor.loaded()\n" + ALIVE
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(path))
        heard.settimeout(30)
        said = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "400000"}
        with Running(body, LOADING, **said) as running:
            pid, _ = running.started()
            assert running.process.stdout.readline() == "loading\n"
            assert heard.recv(4096).decode().startswith("READY=1")
            beats = [heard.recv(4096).decode() for _ in range(4)]
            assert beats == ["WATCHDOG=1"] * 4
            assert not select.select([running.process.stdout], [], [], 0)[0]  # it still loads
            assert running.process.stdout.readline() == "loaded\n"
            os.kill(pid, signal.SIGKILL)
            other, first = running.started()
            assert (other != pid, first) == (True, False)
            running.process.terminate()
            assert running.process.wait(timeout=30) == 0
            assert running.process.stdout.read() == ""


def test_a_child_that_asks_for_more_time_than_start_s_gets_it():
    asks = """
        supervisor.starting("compiling", 20)
        time.sleep(1.5)
        return 0
"""
    text = program(asks).replace("start_s=30", "start_s=0.4").replace('supervisor.ready("")', "")
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("started") == 1


def test_one_that_never_was_ready_is_given_some_time_before_the_next_start():
    dies = """
        os.abort()
"""
    text = program(dies).replace('supervisor.ready("")', "")
    began_s = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        starts = [process.stdout.readline().split()[0] and time.monotonic() for _ in range(4)]
        process.communicate(timeout=60)
    assert began_s < starts[0]
    pauses = np.diff(starts)
    assert (pauses > [0.1, 0.2, 0.4]).all()
    assert process.returncode == 3
