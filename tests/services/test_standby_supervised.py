"""Standby between a daemon that crashes, hangs and ends, and a test that plays systemd."""

import os
import signal
import socket
import struct
import subprocess
import sys

import pytest

pytestmark = pytest.mark.live

GENEROUS_S = 60.0
PARENT = """
import os, signal, sys, time
from eprop_rt_services.standby import RestartSettings, Standby
from eprop_rt_services.supervision import Supervisor

def serve(first):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:  # around all of it: who is told that it is ready may end it before the next line
        with Supervisor() as supervisor:
            supervisor.starting("loading kernels", 60)
            if not first:
                time.sleep(1.0)  # longer than the interval of the supervisor of the parent
            supervisor.ready(f"decoding in {os.getpid()}")
            supervisor.stopping("which is nothing for systemd to hear")
            while True:
                supervisor.beat(time.monotonic())
                time.sleep(0.01)
    except SystemExit:
        return 0

sys.exit(Standby(serve, RestartSettings(hang_s=1.0, start_s=10.0)).run())
"""


@pytest.fixture
def systemd(tmp_path):
    """The socket that systemd would listen at; it is told who sends."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(GENEROUS_S)
        yield listening


@pytest.fixture
def parent(systemd):
    started = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        env={
            **os.environ,
            "NOTIFY_SOCKET": systemd.getsockname(),
            "WATCHDOG_USEC": "400000",
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    yield started
    started.kill()
    started.communicate()


def told(listening):
    """One message, and the process that sent it."""
    message, ((_, _, credentials),), _, _ = listening.recvmsg(4096, socket.CMSG_SPACE(12))
    return message.decode().split("\n"), struct.unpack("3i", credentials)[0]


def until_ready(listening, parent):
    """The daemon that is ready now, and what was said before."""
    before = []
    while True:
        lines, sender = told(listening)
        assert sender == parent.pid  # systemd believes nobody else
        if "READY=1" in lines:
            return int(lines[1].rpartition(" ")[2]), before
        before.append(lines)


def test_systemd_hears_the_parent_say_what_the_daemon_is_about(systemd, parent):
    daemon, before = until_ready(systemd, parent)
    assert daemon != parent.pid
    assert before == [["EXTEND_TIMEOUT_USEC=60000000", "STATUS=loading kernels"]]
    heard = []
    while heard.count((["WATCHDOG=1"], parent.pid)) < 5:
        heard.append(told(systemd))
    assert {sender for _, sender in heard} == {parent.pid}


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGABRT, signal.SIGSTOP])
def test_the_watchdog_is_fed_while_a_daemon_that_died_or_hangs_is_replaced(systemd, parent, fault):
    first, _ = until_ready(systemd, parent)
    os.kill(first, fault)
    second, between = until_ready(systemd, parent)
    assert second != first
    assert ["WATCHDOG=1"] in between
    assert ["EXTEND_TIMEOUT_USEC=60000000", "STATUS=loading kernels"] in between


def test_the_end_of_one_daemon_is_not_the_end_of_the_service(systemd, parent):
    first, _ = until_ready(systemd, parent)
    os.kill(first, signal.SIGKILL)
    _, between = until_ready(systemd, parent)
    assert not any("STOPPING=1" in lines for lines in between)
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(GENEROUS_S) == 0
