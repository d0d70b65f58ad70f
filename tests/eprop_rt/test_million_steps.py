"""Long sessions: memory stays as it is, and numbers stay finite."""

import resource

import numpy as np
import pytest
from numba import njit

from eprop_rt.build import build_network, build_state
from eprop_rt.config import (
    EpropSettings,
    NetworkSettings,
    OnlineSettings,
    ReadoutSettings,
    RehearsalSettings,
)
from eprop_rt.kernels.step import decode_and_learn
from eprop_rt.online import OnlineLearner
from eprop_rt.snapshot import named
from eprop_rt.structs import Live

BIN_S = 0.001
INPUTS, NEURONS, STEPS = 6, 16, 1_000_000


@njit
def many(live, x, target, steps):
    for t in range(steps):
        decode_and_learn(live, x[t % x.shape[0]], target[t % x.shape[0]], 1e-3)


def live_network(schedule):
    settings = EpropSettings(
        dtype="float64",
        network=NetworkSettings(
            neurons=NEURONS, tau_groups=2, membrane_tau_s=(0.01, 0.05), adaptive_fraction=0
        ),
        online=OnlineSettings(schedule=schedule, learning_rate=1e-4, deferral_bins=16),
        readout=ReadoutSettings(rule="delta"),
        rehearsal=RehearsalSettings(steps_per_bin=0),
    )
    network = build_network(settings, INPUTS, 2, BIN_S)
    online = OnlineLearner(settings, network, BIN_S)
    learns = online.passes, online.rule, online.traces, online.history
    return online, Live(network.params, network.weights, *learns, build_state(network))


@pytest.mark.large
@pytest.mark.parametrize("schedule", ["deferred", "event"])
def test_a_million_steps_take_no_memory(schedule):
    rng = np.random.default_rng(0)
    x = (rng.random((997, INPUTS)) < 0.3).astype(float)
    target = np.sin(np.arange(997)[:, None] * [0.063, 0.126])
    online, live = live_network(schedule)
    many(live, x, target, STEPS // 20)
    sizes = {name: array.nbytes for name, array in named(live).items()}
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    many(live, x, target, STEPS - STEPS // 20)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
    online.sync()
    assert grown_kib < 1024
    assert sizes == {name: array.nbytes for name, array in named(live).items()}
    assert live.state.steps[0] == STEPS
    assert 0.001 < live.state.features[:NEURONS].mean() < 0.8
    assert np.isfinite(live.weights.w).all()
