"""The demonstration as a person runs it, and what it leaves behind: nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from eprop_rt_services.lsl_link import lsl_available

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not lsl_available(), reason="liblsl is not installed"),
]

SEAT = 3  # processes
PATIENCE_S = 180.0


@contextmanager
def demo(folder, *arguments):
    """The demonstration as a process whose temporary files lie in `folder`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "eprop_rt_services", "demo", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder), "COLUMNS": "100"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def children(process):
    """The command lines of the processes on the leash of a demonstration, by id."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_text().split("\0")
        except OSError:  # it has ended meanwhile
            continue
        if "eprop_rt_services.processes.leash" in words and str(process.pid) in words:
            found[int(entry.parent.name)] = words
    return found


def wait_for_first_seat(process):
    """Wait until the processes of the first seat run; their command lines by id."""
    end = time.monotonic() + PATIENCE_S
    while len(children(process)) < SEAT:
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    return children(process)


def wait_for_none(process):
    end = time.monotonic() + 2.0
    while children(process) and time.monotonic() < end:
        time.sleep(0.02)
    return children(process)


def test_a_short_demonstration_ends_by_itself_with_the_figures_of_the_contract(tmp_path):
    out = tmp_path / "figures.json"
    work = tmp_path / "work"
    work.mkdir()
    with demo(work, "--seconds", 6, "--probes", 1, "--no-browser", "--json", out) as process:
        said, complaints = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, complaints) == (0, "")
        assert not wait_for_none(process)
    assert not list(work.iterdir())
    assert "e-prop learned from zero in 6 s of use" in said
    figures = json.loads(out.read_text())
    assert list(figures) == [
        "trials",
        "learning_seconds",
        "frozen",
        "latency_ms",
        "bins",
        "missed_bins",
        "transport",
    ]
    assert figures["transport"] == {"in": "lsl", "out": "zmq"}
    assert figures["learning_seconds"] == 6
    assert list(figures["frozen"]) == ["eprop", "rls", "untrained"]
    assert figures["frozen"]["untrained"] == {"success_rate": 0.0, "time_to_target_s": None}
    for frozen in figures["frozen"].values():
        assert (frozen["time_to_target_s"] is None) == (frozen["success_rate"] == 0)
    latency = figures["latency_ms"]
    assert 0 < latency["p50"] <= latency["p99"] <= latency["max"]
    assert latency["p50"] < 20
    assert figures["bins"] >= 6 / 0.02
    assert figures["missed_bins"] <= 0.05 * figures["bins"]


@pytest.mark.parametrize("order", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_stays_behind_a_demonstration_that_is_stopped(tmp_path, order):
    with demo(tmp_path) as process:
        wait_for_first_seat(process)
        process.send_signal(order)
        complaints = process.communicate(timeout=10)[1]
        assert not wait_for_none(process)
        if order != signal.SIGKILL:
            assert complaints == "eprop-rt: stopped\n"
            assert process.returncode == 130
            assert not list(tmp_path.iterdir())


def test_a_process_that_dies_ends_the_demonstration_with_one_line_that_names_it(tmp_path):
    with demo(tmp_path) as process:
        started = wait_for_first_seat(process)
        victim = next(pid for pid, words in started.items() if words[-3].endswith(".simulator"))
        os.kill(victim, signal.SIGKILL)
        complaints = process.communicate(timeout=10)[1]
        assert process.returncode == 2
        assert len(complaints.splitlines()) == 1
        assert "the eprop brain ended by itself" in complaints
        assert not wait_for_none(process)
    assert not list(tmp_path.iterdir())
