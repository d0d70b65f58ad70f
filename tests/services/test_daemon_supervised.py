"""The daemon under a test that plays systemd, and Prometheus."""

import os
import re
import select
import signal
import socket
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from daemon_rig import Rig
from eprop_rt_services.latency import STAGES
from eprop_rt_services.metrics import LATENCIES

pytestmark = pytest.mark.live

GENEROUS_S = 120.0


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    """The socket that the daemon is told of, and a watchdog of a second."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(GENEROUS_S)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "1000000")
        yield listening


@pytest.fixture
def daemon(tmp_path):
    """Starts a daemon with these settings."""
    made = []

    def start(**settings):
        overrides = {key.replace("__", "."): value for key, value in settings.items()}
        made.append(Rig(tmp_path, overrides={"metrics.endpoint": "127.0.0.1:0", **overrides}))
        return made[-1]

    yield start
    for one in made:
        one.close()


def told(listening):
    return listening.recv(4096).decode().split("\n")


def until(listening, line):
    """Everything that was said up to this line."""
    before = []
    while not before or line not in before[-1]:
        before.append(told(listening))
    return before


def scraped(lines):
    """Samples at the address that was logged, by name and labels."""
    (address,) = re.findall(r"metrics on (http://\S+)", "".join(lines))
    with urllib.request.urlopen(address, timeout=GENEROUS_S) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {
            (sample.name, *sorted(sample.labels.values())): sample.value
            for family in families
            for sample in family.samples
        }


def test_a_daemon_tells_systemd_how_it_starts_lives_and_ends(systemd, daemon):
    live = daemon()
    starting = until(systemd, "READY=1")
    assert starting[0][0].startswith("EXTEND_TIMEOUT_USEC=")
    assert any("STATUS=commands on" in line for line in starting[-1])
    assert told(systemd) == ["WATCHDOG=1"]  # in silence
    live.wait_until_ready()
    live.feed(1.5)
    assert until(systemd, "WATCHDOG=1")
    live.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, live.process.pid, os.WSTOPPED)
    while select.select([systemd], [], [], 0)[0]:
        told(systemd)
    assert not select.select([systemd], [], [], 2.0)[0]  # two intervals: it would be ended
    live.process.send_signal(signal.SIGCONT)
    assert told(systemd) == ["WATCHDOG=1"]
    live.process.terminate()
    assert "STOPPING=1" in until(systemd, "STOPPING=1")[-1]
    assert live.process.wait(GENEROUS_S) == 0


def test_a_daemon_that_is_killed_is_ready_again_and_systemd_hears_of_no_end(
    systemd, daemon, tmp_path
):
    live = daemon(journal__folder=tmp_path / "s")
    until(systemd, "READY=1")
    live.wait_until_ready()
    live.feed(0.5)
    live.kill()
    again = until(systemd, "READY=1")
    assert not any("STOPPING=1" in lines for lines in again)
    live.wait_until_ready()
    until(systemd, "WATCHDOG=1")


def test_what_is_scraped_is_what_the_daemon_did(daemon):
    live = daemon()
    lines = live.wait_until_ready()
    assert any("real time: switch interval 0.5 ms" in line for line in lines)
    live.feed(1.0)
    samples = scraped(lines)
    bins = samples["eprop_rt_bins_total",]
    assert 30 <= bins <= 50
    assert samples["eprop_rt_state", "running"] == 1
    assert samples["eprop_rt_learning", "on"] == 1
    assert samples["eprop_rt_updates_total",] >= bins - 1
    assert samples["eprop_rt_status_age_seconds",] < GENEROUS_S
    for stage in STAGES:
        assert samples[f"{LATENCIES[stage][0]}_count", "on"] >= bins - 1
    status = live.ask("status").status
    assert status.bins >= bins
    live.ask("freeze")
    live.feed(0.5)
    later = scraped(lines)
    assert later["eprop_rt_learning", "frozen"] == 1
    assert later["eprop_rt_command_latency_seconds_count", "off"] >= 10
