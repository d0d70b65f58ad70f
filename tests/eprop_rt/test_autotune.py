import itertools
import time

import numpy as np
import pytest

from eprop_rt.autotune import BINS, ROUNDS, candidates, resolved
from eprop_rt.config import EpropSettings
from eprop_rt.engine import Engine
from eprop_rt.errors import ConfigError

BIN_S = 0.02
LIF = {"neurons": 12, "tau_groups": 2, "adaptive_fraction": 0}


def auto(**changes):
    online = {"schedule": "auto"} | changes.pop("online", {})
    return EpropSettings.model_validate({"network": LIF, "online": online} | changes)


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        (auto(), ["dense", "deferred", "event"]),
        (auto(network=LIF | {"adaptive_fraction": 1}), ["dense", "deferred"]),
        (auto(network=LIF | {"synapse_tau_s": 0.05}), ["dense", "deferred"]),  # as a membrane
        (auto(online={"optimiser": "adam", "update_every": 10}), ["accumulated"]),
        (auto(online={"optimiser": "rms"}), ["dense", "deferred", "event"]),
        (auto(penalties={"weight_clamp": 2.0}), ["dense"]),
        (EpropSettings(), ["dense"]),
        (auto(online={"schedule": "deferred"}), ["deferred"]),
    ],
)
def test_auto_chooses_among_the_schedules_that_give_what_is_asked_for(settings, names):
    assert candidates(settings, BIN_S) == names


@pytest.mark.parametrize("fastest", ["dense", "deferred", "event"])
def test_the_schedule_that_took_least_time_is_picked_and_said(fastest):
    took = {"dense": 3.0, "deferred": 3.0, "event": 3.0} | {fastest: 2.0}
    spans = itertools.cycle(took.values())
    now = itertools.accumulate(span for t in spans for span in (1.0, t * BINS))
    settings, choice = resolved(auto(), 4, 2, BIN_S, lambda: next(now))
    assert choice.schedule == settings.online.schedule == fastest
    assert choice.seconds == pytest.approx(took)
    assert f"schedule {fastest}" in str(choice)


def test_it_measures_every_candidate_in_turn():
    calls = []

    def clock():
        calls.append(time.perf_counter())
        return calls[-1]

    settings, choice = resolved(auto(), 4, 2, BIN_S, clock)
    assert len(calls) == 2 * 3 * ROUNDS
    assert min(choice.seconds, key=choice.seconds.get) == choice.schedule
    engine = Engine(settings, 4, 2, BIN_S)
    assert np.isfinite(engine.predict_one(np.ones(4, np.float32))).all()


def test_where_there_is_no_choice_nothing_is_measured():
    def clock():
        raise AssertionError("the clock was read")

    _, choice = resolved(auto(penalties={"weight_clamp": 2.0}), 4, 2, BIN_S, clock)
    assert (choice.schedule, choice.seconds) == ("dense", {})


def test_an_engine_has_no_clock_to_choose_with():
    with pytest.raises(ConfigError, match="name one"):
        Engine(auto(), 4, 2, BIN_S)
