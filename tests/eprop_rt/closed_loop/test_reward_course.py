"""From zero weights to the target on reward alone: the preset of the bench, shortened."""

import numpy as np
import pytest

from eprop_rt.closed_loop.course import Course
from eprop_rt.decoder import build_decoder
from eprop_rt_services.rooms.config import load_room_config

SHORT = ["course.probe_at=[0,60]", "course.probe_trials=20", "course.dead_trials=5"]
SHORT += ["course.dead_probe_trials=50"]


@pytest.mark.large
@pytest.mark.parametrize("name", ["eprop", "actor_critic"])
def test_error_potentials_alone_teach_a_decoder_to_reach(name):
    config = load_room_config("preset:bench-reward", SHORT)

    def build(inputs, outputs, bin_s):
        return build_decoder(config.decoders[name], inputs, outputs, bin_s)

    done = Course(config, build, seed=1000, simulation=0).run(config.perturbations)
    untaught, taught = (probe.result.success_rate for probe in done.passed[0].probes)
    assert untaught == 0
    assert taught >= 0.6
    assert done.passed[0].silenced.success_rate == 0
    assert done.dead.success_rate == 0


def test_without_rewards_a_decoder_of_rewards_learns_nothing():
    config = load_room_config("preset:bench-reward", ["rewards=null", *SHORT])
    made = []

    def build(inputs, outputs, bin_s):
        made.append(build_decoder(config.decoders["actor_critic"], inputs, outputs, bin_s))
        return made[-1]

    short = config.course.model_copy(update={"probe_at": (0, 1), "dead_trials": 0})
    settings = config.model_copy(update={"course": short})
    Course(settings, build, seed=1000, simulation=0).run(config.perturbations)
    assert made[0].events["input_not_finite"] == 0
    assert not made[0].snapshot()["head.w"].any()
    assert np.abs(made[0].snapshot()["scale.mean"]).min() > 0
