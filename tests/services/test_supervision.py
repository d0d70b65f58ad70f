"""A real socket and real processes, and the test plays systemd."""

import os
import select
import signal
import socket
import subprocess
import sys
import uuid

import pytest

from eprop_rt_services.supervision import Supervisor

GENEROUS_S = 60.0
CHILD = """
import signal, time
from eprop_rt_services.supervision import Supervisor
told = []
signal.signal(signal.SIGTERM, lambda *_: told.append(1))
with Supervisor() as supervisor:
    supervisor.starting("compiling kernels", within_s=120)
    supervisor.ready("decoding")
    while not told:
        supervisor.beat(time.monotonic())
        time.sleep(0.01)
    supervisor.stopping("writing what was learned")
"""


@pytest.fixture
def systemd(tmp_path):
    """The socket that systemd would listen at, by its path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(GENEROUS_S)
        yield listening


def told(listening):
    return listening.recv(4096).decode().split("\n")


def drain(listening):
    while select.select([listening], [], [], 0)[0]:
        listening.recv(4096)


def environment(listening, **more):
    return {"NOTIFY_SOCKET": listening.getsockname(), **more}


@pytest.fixture
def child(systemd):
    started = subprocess.Popen(
        [sys.executable, "-c", CHILD],
        env={**os.environ, **environment(systemd, WATCHDOG_USEC="200000")},
    )
    yield started
    started.kill()
    started.wait()


@pytest.mark.live
def test_a_process_says_starting_ready_alive_and_stopping(systemd, child):
    assert told(systemd) == ["EXTEND_TIMEOUT_USEC=120000000", "STATUS=compiling kernels"]
    assert told(systemd) == ["READY=1", "STATUS=decoding"]
    assert [told(systemd) for _ in range(4)] == [["WATCHDOG=1"]] * 4
    child.send_signal(signal.SIGTERM)
    while (last := told(systemd)) == ["WATCHDOG=1"]:
        pass
    assert last == ["STOPPING=1", "STATUS=writing what was learned"]
    assert child.wait(GENEROUS_S) == 0


@pytest.mark.live
def test_a_process_that_hangs_is_silent_and_one_that_goes_on_is_heard_again(systemd, child):
    while told(systemd) != ["WATCHDOG=1"]:
        pass
    child.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED)
    drain(systemd)
    systemd.settimeout(0.6)  # three intervals: systemd would have killed it
    with pytest.raises(TimeoutError):
        told(systemd)
    systemd.settimeout(GENEROUS_S)
    child.send_signal(signal.SIGCONT)
    assert told(systemd) == ["WATCHDOG=1"]


def test_beats_are_sent_every_half_interval_however_often_they_are_offered(systemd):
    systemd.setblocking(False)
    sent_s = []
    with Supervisor(environment(systemd, WATCHDOG_USEC="2000000")) as supervisor:
        assert supervisor.watchdog_s == 2.0
        for tick in range(500):
            supervisor.beat(100.0 + tick / 64)
            try:
                assert told(systemd) == ["WATCHDOG=1"]
                sent_s.append(tick / 64)
            except BlockingIOError:
                pass
    assert sent_s == [0, 1, 2, 3, 4, 5, 6, 7]


def test_an_abstract_socket_is_reached():
    name = f"eprop-rt-{uuid.uuid4().hex}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + name)
        listening.settimeout(GENEROUS_S)
        with Supervisor({"NOTIFY_SOCKET": "@" + name}) as supervisor:
            supervisor.ready("decoding")
        assert told(listening) == ["READY=1", "STATUS=decoding"]


def test_without_systemd_nothing_is_sent_and_nothing_is_amiss():
    with Supervisor({}) as supervisor:
        supervisor.ready("decoding")
        supervisor.beat(1.0)
        supervisor.stopping("the end")
    assert not supervisor.events


def test_a_supervisor_that_does_not_read_is_not_waited_for(systemd):
    with Supervisor(environment(systemd, WATCHDOG_USEC="2000000")) as supervisor:
        for second in range(5000):
            supervisor.beat(float(second))
        assert supervisor.events["notify_failed"] > 0
        systemd.recv(4096)
        supervisor.beat(6000.0)
        before = supervisor.events["notify_failed"]
        supervisor.status("back")
        assert supervisor.events["notify_failed"] == before + 1  # the one place was taken


def test_a_beat_that_failed_is_tried_again_before_the_interval_is_over(tmp_path):
    gone = {"NOTIFY_SOCKET": str(tmp_path / "nobody"), "WATCHDOG_USEC": "2000000"}
    with Supervisor(gone) as supervisor:
        for tick in range(17):
            supervisor.beat(tick / 8)
        assert supervisor.events == {"notify_failed": 17}


def test_a_supervisor_that_is_gone_is_counted_and_nothing_is_raised(tmp_path):
    with Supervisor({"NOTIFY_SOCKET": str(tmp_path / "nobody")}) as supervisor:
        supervisor.ready("decoding")
        supervisor.status("decoding")
    assert supervisor.events == {"notify_failed": 2}


@pytest.mark.parametrize("interval", ["soon", "-5", "0", "1e6"])
def test_an_interval_that_is_none_is_counted_and_the_watchdog_left_out(systemd, interval):
    with Supervisor(environment(systemd, WATCHDOG_USEC=interval)) as supervisor:
        assert supervisor.watchdog_s is None
        assert supervisor.events == {"notify_misconfigured": 1}


def test_a_watchdog_that_is_meant_for_another_process_is_not_fed(systemd):
    other = environment(systemd, WATCHDOG_USEC="1000000", WATCHDOG_PID="1")
    mine = environment(systemd, WATCHDOG_USEC="1000000", WATCHDOG_PID=str(os.getpid()))
    with Supervisor(other) as supervisor, Supervisor(mine) as ours:
        assert supervisor.watchdog_s is None
        assert ours.watchdog_s == 1.0


def test_an_address_of_another_kind_is_counted_and_not_used():
    with Supervisor({"NOTIFY_SOCKET": "vsock:2:1234"}) as supervisor:
        supervisor.ready("decoding")
    assert supervisor.events == {"notify_misconfigured": 1}


def test_a_status_of_several_lines_is_one_and_no_order(systemd):
    with Supervisor(environment(systemd)) as supervisor:
        supervisor.status("the source is gone\nSTOPPING=1")
    assert told(systemd) == ["STATUS=the source is gone STOPPING=1"]
