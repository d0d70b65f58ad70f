"""What the presets of the bench are there to show, in a few simulations each."""

import numpy as np
import pytest

from eprop_rt.closed_loop.metrics import plateau_time_s
from eprop_rt_services.rooms.config import load_room_config
from eprop_rt_services.rooms.running import run_one

pytestmark = pytest.mark.large


def seconds(ran, decoder, condition=0):
    """Times (simulations, probes), failures counting as the limit."""
    passed = [each.result.passed[condition] for each in ran[decoder]]
    return np.array([[probe.result.penalised_time_s for probe in p.probes] for p in passed])


DEAD = ("course.dead_trials=5", "course.dead_probe_trials=50")


def simulated(preset, decoders, overrides, simulations=2):
    config = load_room_config(f"preset:{preset}", ["seed=1000", *DEAD, *overrides])
    return {name: [run_one(config, name, i) for i in range(simulations)] for name in decoders}


def test_eprop_keeps_up_with_least_squares_in_the_simulator_of_the_literature():
    """Ten simulations, as in the documentation, of the two hardest perturbations."""
    ran = simulated(
        "literature",
        ("eprop", "rls"),
        [
            "seed=0",
            "course.probe_at=[3,20]",
            "course.dead_probe_trials=5",
            "perturbations=[{kind: shift, share: 0.9}, {kind: loss, share: 0.9}]",
        ],
        simulations=10,
    )
    for condition in range(2):
        ratio = seconds(ran, "eprop", condition).mean(0) / seconds(ran, "rls", condition).mean(0)
        assert np.all(ratio <= 1.05)


def test_on_a_dead_array_everybody_fails_in_the_simulator_of_the_literature():
    ran = simulated(
        "literature",
        ("eprop", "rls"),
        [
            "course.learning_trials=20",
            "course.probe_at=[20]",
            "course.probe_trials=5",
            "perturbations=[{kind: shift, share: 0.9}, {kind: loss, share: 0.6}, {kind: zero}]",
        ],
        simulations=3,
    )
    for each in ran.values():
        silenced = [passed.silenced.success_rate for one in each for passed in one.result.passed]
        assert np.mean(silenced) <= 0.02
        assert max(silenced) <= 0.1  # of a constant that targets lay in the way of, by chance
        assert np.mean([one.result.dead.success_rate for one in each]) <= 0.02


def test_eprop_is_better_than_least_squares_where_units_multiply_velocity_with_position():
    ran = simulated(
        "bench-gain-field",
        ("eprop", "rls"),
        [
            "course.learning_trials=0",
            "course.probe_at=[50]",
            "perturbations=[{kind: zero}]",
        ],
    )
    assert seconds(ran, "eprop").mean() < 0.95 * seconds(ran, "rls").mean()


def test_a_minute_of_use_is_enough_from_zero_weights():
    ran = simulated(
        "bench-cosine",
        ("eprop",),
        [
            "course.learning_trials=0",
            "course.probe_at=[0,3,5,10,15]",
            "perturbations=[{kind: zero}]",
        ],
        simulations=3,
    )
    for one in ran["eprop"]:
        probes = one.result.passed[0].probes
        used_s, results = [p.used_s for p in probes], [p.result for p in probes]
        assert plateau_time_s(used_s, results) < 60  # NaN, where there is no plateau, is not
        assert results[-1].success_rate >= 0.9
    assert seconds(ran, "eprop").mean(0)[-1] < 1.2


def test_labels_a_second_late_cost_eprop_nothing_with_the_ring_and_nearly_all_without():
    late, naive = "labels.delay_s=1", "labels.delay_handled=false"
    took = []
    for given, simulations in (((), 4), ((late,), 4), ((late, naive), 1)):
        ran = simulated(
            "bench-cosine",
            ("eprop",),
            [
                "course.learning_trials=0",
                "course.probe_at=[20]",
                "course.dead_probe_trials=5",
                "perturbations=[{kind: zero}]",
                *given,
            ],
            simulations=simulations,
        )
        took.append(seconds(ran, "eprop").mean())
    in_time, with_the_ring, without = took
    assert with_the_ring <= 1.05 * in_time
    assert without > 2 * in_time


@pytest.mark.parametrize("name", ["eprop", "actor_critic"])
def test_forty_trials_of_error_potentials_are_enough_to_reach(name):
    ran = simulated("bench-reward", (name,), ["course.probe_at=[0,40]"], simulations=4)
    probes = [one.result.passed[0].probes for one in ran[name]]
    assert [before.result.success_rate for before, _ in probes] == [0] * 4
    assert np.mean([after.result.success_rate for _, after in probes]) > 0.8
    for one in ran[name]:
        assert one.result.dead.success_rate <= 0.02
        assert one.result.passed[0].silenced.success_rate <= 0.02
