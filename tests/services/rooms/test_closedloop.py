"""The command: its figures do not depend on how many processes run, and its mistakes are a line."""

import json

import numpy as np
import pytest

from processes import program

pytestmark = [pytest.mark.process, pytest.mark.large]

SMALL = (
    "course.learning_trials=8",
    "course.probe_at=[0,2,4]",
    "course.probe_trials=4",
    "course.dead_trials=2",
    "course.dead_probe_trials=20",
)


def small(folder, *arguments, perturb="shift:0.6,zero", decoders="rls"):
    path = folder / "figures.json"
    overrides = [word for each in SMALL for word in ("-o", each)]
    done = program(
        "closedloop",
        "preset:literature", "--decoders", decoders, "--perturb", perturb, "--simulations", 2,
        "--json", path, *overrides, *arguments,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(path.read_text()), done.stdout


def without_speed(figures):
    """The figures but how long they took."""
    for condition in [figures, *figures["conditions"]]:
        for one in condition["decoders"].values():
            assert one.pop("trials_per_minute") > 0
            assert one.pop("learning_trials_per_minute") > 0
    return figures


def test_the_same_figures_whatever_the_number_of_processes(tmp_path):
    one, shown = small(tmp_path, "--jobs", 1, decoders="eprop,rls")
    two, _ = small(tmp_path, "--jobs", 2, decoders="eprop,rls")
    other, _ = small(tmp_path, "--jobs", 2, "--seed", 5)
    one, two, other = (without_speed(each) for each in (one, two, other))
    assert set(one["decoders"]) == {"eprop", "rls"}
    assert one == two
    assert one["decoders"]["rls"] != other["decoders"]["rls"]
    assert "shift 60 %" in shown
    assert "trials a minute of one processor" in shown


def test_the_figures_have_the_keys_that_scripts_read_and_a_page_shows_them(tmp_path):
    page = tmp_path / "page.html"
    figures, _ = small(tmp_path, "--report", page, decoders="rls,eprop")
    assert set(figures["decoders"]) == {"rls", "eprop"}
    for one in figures["decoders"].values():
        probe = one["probe"]
        assert probe["k"] == [0, 2, 4]
        assert len(probe["time_to_target_s"]) == len(probe["success_rate"]) == 3
        assert len(probe["time_to_target_s_interval"][0]) == 2
        dead = one["dead_array"]
        assert dead["trials"] == 40
        rates = dead["silenced_after_learning"], dead["learned_while_dead"]
        assert one["dead_array_success_rate"] == max(rates) <= 0.02
    zero = figures["conditions"][1]
    assert zero["name"] == "zero"
    assert zero["decoders"]["rls"]["probe"]["success_rate"][0] == 0.0
    assert zero["decoders"]["rls"]["probe"]["success_rate"][-1] > 0.5
    text = page.read_text()
    for expected in (
        "Frozen probes",
        "Way and rate",
        "How soon",
        "Dead array",
        "shift 60 %",
        "learned while dead",
        "Student",
    ):
        assert expected in text


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("preset:nothing",), "there is no preset:nothing: take one of bench-cosine"),
        (("preset:literature", "--perturb", "shifts:0.6"), "expected KIND or KIND:SHARE"),
        (("preset:literature", "--perturb", "zero,zero"), "one of them came twice"),
        (("preset:literature", "--decoders", "lms"), "the configuration has"),
        (("preset:literature", "-o", "course.probes=3"), "unknown key course.probes"),
        (("preset:literature", "-o", "course.probe_at=[20,5]"), "write [5, 20]"),
        (("preset:literature", "--report", "/nowhere/at/all.html"), "/nowhere/at"),
        (("preset:literature", "--json", "/nowhere/at/all.json"), "there is no folder /nowhere/at"),
        (("preset:literature", "--json", "/"), "name a file in a folder of yours"),
    ],
)
def test_a_mistake_is_one_line(arguments, expected):
    done = program("closedloop", *arguments)
    assert done.returncode == 2
    assert expected in done.stderr
    assert done.stderr.count("\n") == 1


def test_decoders_are_compared_person_by_person(tmp_path):
    named = "-o", "decoders.short.kind=rls", "-o", "decoders.short.lags=1"
    figures, shown = small(tmp_path, *named, perturb="zero", decoders="rls,short")
    (condition,) = figures["conditions"]
    of = {name: one["probe"] for name, one in condition["decoders"].items()}
    slower = condition["slower_than_first"]
    assert list(slower) == ["short"]
    apart = np.subtract(of["short"]["time_to_target_s"], of["rls"]["time_to_target_s"])
    np.testing.assert_allclose(slower["short"]["difference_s"], apart, atol=1e-12)
    for (low, high), mean in zip(slower["short"]["difference_s_interval"], apart, strict=True):
        assert low <= mean <= high
    assert "short takes longer than rls" in shown
