"""A course of rewards without any."""

import numpy as np
import pytest

from eprop_rt.closed_loop.course import Course
from eprop_rt.decoder import build_decoder
from eprop_rt_services.rooms.config import load_room_config

SHORT = ["course.probe_trials=20", "course.dead_probe_trials=20"]


@pytest.mark.large
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
