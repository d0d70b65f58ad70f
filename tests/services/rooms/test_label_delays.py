"""`eprop-rt closedloop --label-delay`: late labels with the ring of vectors and without."""

import json

import pytest

from eprop_rt.errors import ConfigError
from eprop_rt_services.rooms.config import load_room_config
from eprop_rt_services.rooms.label_delays import Lateness, latenesses, probe_k
from eprop_rt_services.rooms.running import built
from processes import program

# Few units and trials, so that it takes seconds.
SMALL = (
    "--decoders", "rls", "--perturb", "zero", "--simulations", 2, "--jobs", 1,
    "-o", "course.learning_trials=0", "-o", "course.probe_at=[0,10]",
    "-o", "course.probe_trials=6", "-o", "course.dead_trials=2",
    "-o", "course.dead_probe_trials=10",
)  # fmt: skip


def test_every_delay_is_met_with_the_ring_and_without():
    assert latenesses("0.5,0,0.2") == (
        Lateness(0.0),
        Lateness(0.2),
        Lateness(0.5),
        Lateness(0.2, handled=False),
        Lateness(0.5, handled=False),
    )


@pytest.mark.parametrize("text", ["soon", "0.2,-1", "nan", "100"])
def test_a_delay_that_is_none_is_said_in_one_line(text):
    with pytest.raises(ConfigError, match="expected seconds from 0 to 60"):
        latenesses(text)


def test_decoders_are_compared_after_20_trials_or_as_many_as_there_are():
    config = load_room_config("preset:bench-cosine")
    assert probe_k(config) == 20
    few = config.course.model_copy(update={"probe_at": (0, 5, 10)})
    assert probe_k(config.model_copy(update={"course": few})) == 10


def test_without_labels_there_is_nothing_to_be_late():
    config = load_room_config("preset:bench-cosine").model_copy(update={"labels": None})
    with pytest.raises(ConfigError, match=r"set labels\.kind"):
        Lateness(0.2).within(config)


def test_one_half_life_goes_to_decoders_of_any_kind_and_they_wait_for_late_labels():
    overrides = ("half_life_s=40", "labels.delay_s=3")
    config = load_room_config("preset:bench-cosine", overrides)
    eprop, rls = (built(config, config.decoders[name], 96, 2, 0.02) for name in ("eprop", "rls"))
    assert eprop.settings.rehearsal.memory_s == 80
    assert eprop.settings.online.label_delay_s == pytest.approx(3.02)
    features = rls.snapshot()["ring.features"]
    assert len(features) == 152  # the newest bin and 151 before it


@pytest.mark.process
def test_labels_a_second_late_cost_little_with_the_ring_and_much_without(tmp_path):
    out = tmp_path / "figures.json"
    page = tmp_path / "page.html"
    given = "--label-delay", "1", "--json", out, "--report", page
    done = program("closedloop", "preset:bench-cosine", *SMALL, *given)
    assert done.returncode == 0, done.stderr
    on_time, late, naive = json.loads(out.read_text())["label_delay"]
    assert (on_time["delay_s"], late["delay_s"], naive["delay_s"]) == (0, 1, 1)
    assert (on_time["handled"], late["handled"], naive["handled"]) == (True, True, False)
    assert on_time["ratio"] == 1
    assert late["time_to_target_s"] < 1.5
    assert naive["time_to_target_s"] > 1.3 * late["time_to_target_s"]
    assert late["ratio"] == pytest.approx(late["time_to_target_s"] / on_time["time_to_target_s"])
    assert f"x {late['ratio']:.3f}" in done.stdout
    assert "dead array: success of at most" in done.stdout
    assert f"rls without x {naive['ratio']:.3f}" in page.read_text()
