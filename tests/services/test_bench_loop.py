"""`bench loop` with its real processes: what it says, not how fast this machine is."""

import json
import os

import numpy as np
import pytest
from typer.testing import CliRunner

from eprop_rt.errors import ConfigError
from eprop_rt_services.bench.loop.course import stolen_by_host_s
from eprop_rt_services.bench.loop.figures import Round, Standstills, bars, standstills, way
from eprop_rt_services.cli import assembled
from eprop_rt_services.lsl_link import lsl_available

BIN_S, RATE_HZ = 0.01, 1000.0
SMALL = (
    "decoder.network.neurons=16",
    "decoder.network.tau_groups=4",
    "decoder.rehearsal.segment_s=0.4",
    "decoder.rehearsal.warm_up_s=0.1",
    "decoder.rehearsal.steps_per_bin=40",
    "decoder.rehearsal.memory_s=10",
)


@pytest.mark.live
@pytest.mark.skipif(not lsl_available(), reason="liblsl is not installed")
def test_every_way_is_measured_and_the_figures_are_those_that_are_printed(tmp_path):
    file = tmp_path / "loop.json"
    settings = [part for setting in SMALL for part in ("-o", setting)]
    given = ["bench", "loop", "--seconds", "4", "--chunk", "2", "--monitor", *settings]
    given += ["--json", str(file)]
    done = CliRunner().invoke(assembled(), given)
    assert done.exit_code == 0, done.output
    figures = json.loads(file.read_text())
    for name in ("relay", "relay_while_learning", "learning_off", "learning_on"):
        told = figures[name]
        assert 0 < told["p50_us"] <= told["p99_us"] <= told["p999_us"] <= told["max_us"]
        assert 100 < told["bins"] <= 200
        assert 0 <= told["missed"] <= told["bins"]
        assert f"{told['p50_us']:.0f}" in done.output
    followed = figures["followed"]  # half of as long again, with a page that somebody looks at
    assert 0 < followed["p50_us"] <= followed["p99_us"] <= followed["max_us"]
    assert 100 < followed["bins"] <= 200
    assert f"{followed['p50_us']:.0f}" in done.output
    assert figures["standstills"] >= 0
    assert f"{figures['stolen_ms']:.0f} ms of its cores' time" in done.output
    assert f"half a bin {figures['standstills']} times" in done.output
    both = figures["learning_off"], figures["learning_on"]
    assert figures["bins"] == sum(one["bins"] for one in both)
    assert figures["missed"] == sum(one["missed"] for one in both)
    stages = {"transport", "binning", "decode", "publish", "total", "learn"}
    assert figures["stages_ms"].keys() == stages
    assert figures["stages_ms"]["total"].keys() == {"p50", "p95", "p99", "p999", "max"}
    assert len(figures["bars"]) == 4
    assert done.output.count("at most") == 4


@pytest.mark.live
def test_a_mistake_in_a_setting_is_told_before_anything_starts():
    done = CliRunner().invoke(assembled(), ["bench", "loop", "-o", "decoder.network.neuron=3"])
    assert isinstance(done.exception, ConfigError)
    assert "neurons" in str(done.exception)


def sent(seconds, first_s=100.0):
    """One push a sample, 1 ms after its stamp."""
    stamps = first_s + np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return np.stack([stamps, stamps + 0.001], axis=1)


def received(pushes, took_s, every=10):
    """A message for every tenth sample, so long after its push."""
    newest = pushes[every - 1 :: every]
    return np.stack([newest[:, 0], newest[:, 1] + took_s, np.zeros(len(newest))], axis=1)


def test_the_time_counts_from_the_push_of_the_newest_sample():
    pushes = sent(2.0)
    came = way(pushes, received(pushes, 0.002), [Round("learning_on", 100.0, 102.0)], BIN_S)
    assert (came.bins, came.missed) == (200, 0)
    assert came.us(0.5) == pytest.approx(2000, rel=0.01)
    assert came.us(0.99) == pytest.approx(2000, rel=0.01)


def test_a_bin_that_never_came_or_came_a_bin_late_is_missed():
    pushes = sent(2.0)
    messages = received(pushes, 0.002)
    messages[7, 1] += 2 * BIN_S
    kept = np.delete(messages, [3, 50, 199], axis=0)
    came = way(pushes, kept, [Round("learning_on", 100.0, 102.0)], BIN_S)
    assert (came.bins, came.missed) == (200, 4)


def test_only_what_lies_in_the_rounds_counts():
    pushes = sent(3.0)
    messages = received(pushes, 0.002)
    messages[:100, 1] += 0.5
    rounds = [Round("learning_off", 101.0, 101.5), Round("learning_off", 102.0, 102.25)]
    came = way(pushes, messages, rounds, BIN_S)
    assert (came.bins, came.missed) == (75, 0)


def test_where_the_machine_stood_still_the_sender_tells():
    pushes = sent(2.0)
    pushes[500:512, 1] = pushes[512, 1]  # 13 ms without a push
    pushes[700:703, 1] = pushes[703, 1]  # 4 ms: less than half a bin
    pushes[1500:1520, 1] = pushes[1520, 1]
    rounds = [Round("learning_on", 100.0, 101.0)]
    came = standstills(pushes, rounds, BIN_S)
    assert came.count == 1
    assert came.longest_s == pytest.approx(0.013)
    assert standstills(sent(2.0), rounds, BIN_S) == Standstills(0, 0.0)


def test_what_the_host_took_is_read_from_the_kernel(tmp_path):
    stat = tmp_path / "stat"
    stat.write_text("cpu  1 2 3 4 5 6 7 250 9 10\ncpu0 1 2 3 4 5 6 7 99 9 10\n")
    assert stolen_by_host_s(stat) == 250 / os.sysconf("SC_CLK_TCK")


def test_each_bar_says_whether_it_holds():
    pushes = sent(2.0)
    whole = [Round("learning_on", 100.0, 102.0)]
    relay, off, on = (
        way(pushes, received(pushes, s), whole, BIN_S) for s in (2e-3, 2.2e-3, 2.4e-3)
    )
    holding = {bar.name: bar.holds for bar in bars(relay, off, on)}
    assert [*holding.values()] == [False, True, True, False]
