"""What the kernel grants is asked of the kernel, in processes that may and that may not."""

import json
import os
import subprocess
import sys

import pytest
from pydantic import ValidationError

from eprop_rt_services.realtime import RealtimeSettings, let_commands_out, may_lock_memory

CHILD = """
import json, os, pathlib, resource, sys
from eprop_rt_services import realtime
settings, may = realtime.RealtimeSettings.model_validate_json(sys.argv[1]), sys.argv[2] == "may"
if not may:
    for limit in (resource.RLIMIT_RTPRIO, resource.RLIMIT_MEMLOCK):
        resource.setrlimit(limit, (0, 0))
    if os.geteuid() == 0:
        os.setuid(65534)  # nobody: with it every capability goes
lines = realtime.apply(settings)
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
print(json.dumps({
    "lines": lines,
    "policy": os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK,
    "priority": os.sched_getparam(0).sched_priority,
    "cpus": sorted(os.sched_getaffinity(0)),
    "locked_kb": int(status["VmLck"].split()[0]),
    "resident_kb": int(status["VmRSS"].split()[0]),
    "switch_interval_s": sys.getswitchinterval(),
    "slack_ns": int(pathlib.Path("/proc/self/timerslack_ns").read_text()) if may else None,
}))
"""


def applied(settings, *, may=True):
    done = subprocess.run(
        [sys.executable, "-c", CHILD, settings.model_dump_json(), "may" if may else "may not"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return json.loads(done.stdout)


def may_everything():
    if os.geteuid() != 0 or not may_lock_memory():
        pytest.skip("this process has no permission for SCHED_FIFO and mlockall")


def test_by_default_nothing_is_asked_for_that_needs_permission():
    found = applied(RealtimeSettings(), may=False)
    assert found["lines"] == ["real time: switch interval 0.5 ms, timer slack 1 us"]
    assert found["policy"] == os.SCHED_OTHER
    assert found["switch_interval_s"] == pytest.approx(0.0005)


def test_timer_slack_and_cores_are_as_asked():
    cpu = max(os.sched_getaffinity(0))
    found = applied(RealtimeSettings(cpus=(cpu,), timer_slack_s=7e-6))
    assert found["cpus"] == [cpu]
    assert found["slack_ns"] == 7000
    assert found["lines"] == [f"real time: switch interval 0.5 ms, cores {cpu}, timer slack 7 us"]


def test_who_may_gets_priority_and_locked_memory():
    may_everything()
    found = applied(RealtimeSettings(priority=7, lock_memory=True))
    assert (found["policy"], found["priority"]) == (os.SCHED_FIFO, 7)
    assert found["locked_kb"] >= found["resident_kb"] / 2
    assert len(found["lines"]) == 1
    assert "SCHED_FIFO 7" in found["lines"][0]


def test_who_may_not_is_told_in_one_line_what_to_change_and_goes_on():
    found = applied(RealtimeSettings(priority=80, lock_memory=True), may=False)
    granted, refused = found["lines"]
    assert "SCHED_FIFO" not in granted
    for word in ("LimitRTPRIO=80", "LimitMEMLOCK=infinity", "limits.d", "eprop-rt doctor"):
        assert word in refused
    assert found["policy"] == os.SCHED_OTHER
    assert found["locked_kb"] == 0


def test_cores_that_are_not_there_are_named_beside_those_that_are():
    here = os.sched_getaffinity(0)
    _, refused = applied(RealtimeSettings(cpus=(min(here), 8000)))["lines"]
    assert "cores" in refused
    assert f"realtime.cpus has {', '.join(map(str, sorted(here)))} to take" in refused


@pytest.mark.parametrize(
    "wrong",
    [{"priority": 99}, {"priority": 0}, {"cpus": ()}, {"cpus": (-1,)}, {"timer_slack_s": 0}],
)
def test_settings_that_no_kernel_would_take_are_refused(wrong):
    with pytest.raises(ValidationError):
        RealtimeSettings(**wrong)


def test_without_the_capability_the_limit_of_locked_memory_holds(tmp_path):
    (tmp_path / "self").mkdir()
    (tmp_path / "self/status").write_text("Name:\tx\nCapEff:\t0000000000004000\n")
    assert may_lock_memory(tmp_path)
    (tmp_path / "self/status").write_text("Name:\tx\nCapEff:\t000001ffffffbfff\n")
    assert not may_lock_memory(tmp_path)


SENDER = """
import os, pathlib
import zmq
from eprop_rt_services import realtime
settings = realtime.RealtimeSettings(priority=7)
realtime.apply(settings)
with zmq.Context() as context, context.socket(zmq.PUB) as socket:
    socket.bind("inproc://any")
    assert realtime.let_commands_out() is None
    for thread in pathlib.Path("/proc/self/task").iterdir():
        priority = os.sched_getparam(int(thread.name)).sched_priority
        print(thread.joinpath("comm").read_text().strip(), priority)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs the permission for SCHED_FIFO")
def test_the_thread_that_sends_commands_runs_before_the_one_that_learns():
    done = subprocess.run(
        [sys.executable, "-c", SENDER], capture_output=True, text=True, timeout=60, check=True
    )
    priorities = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())
    assert priorities["ZMQbg/IO/0"] == "8"
    assert set(priorities.values()) == {"7", "8"}


def test_under_the_ordinary_scheduler_nobody_is_put_first():
    assert let_commands_out() is None
