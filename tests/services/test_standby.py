"""The warm parent: real processes that die, hang, end and are told to end."""

import os
import signal
import socket
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.live

PROGRAM = """
import os, sys, time
from eprop_rt_services.standby import RestartSettings, Standby
from eprop_rt_services.supervision import Supervisor

def serve(first):
    with Supervisor() as supervisor:
        print("started", os.getpid(), "first" if first else "again", flush=True)
        supervisor.ready("")
        {body}

settings = RestartSettings(hang_s=0.5, start_s=30, most=3, within_s=60)
sys.exit(Standby(serve, settings).run())
"""
ALIVE = """
        while True:
            supervisor.beat(time.monotonic())
            time.sleep(0.02)
"""


def program(body):
    return textwrap.dedent(PROGRAM).replace("{body}", body.strip())


class Running:
    """A standby process, and the lines of its children."""

    def __init__(self, body, **environment):
        self.process = subprocess.Popen(
            [sys.executable, "-c", program(body)],
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
    assert running.process.returncode == 1
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
    ("end", "status"), [("return 0", 0), ("os.kill(os.getpid(), 9)", 0), ("return 3", 3)]
)
def test_a_daemon_that_was_told_to_stop_may_take_its_time_and_is_not_started_anew(end, status):
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
