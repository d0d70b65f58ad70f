"""Costs against counting by hand; looking changes nothing."""

import numpy as np
import pytest

from eprop_rt.checks import driven, same_arrays, session
from eprop_rt.config import (
    EpropSettings,
    KalmanSettings,
    LstmSettings,
    NetworkSettings,
    NlmsSettings,
    OnlineSettings,
    ReadoutSettings,
    RehearsalSettings,
    RlsSettings,
    StaticSettings,
    WienerSettings,
    ZeroSettings,
)
from eprop_rt.decoder import build_decoder

BIN_S = 0.05
SILENT = RehearsalSettings(steps_per_bin=0, memory_s=12)
LIF = NetworkSettings(
    neurons=12, tau_groups=2, input_gain=3.0, recurrent_gain=1.0, adaptive_fraction=0.0
)


def after(settings, bins=40):
    decoder = build_decoder(settings, 4, 2, BIN_S)
    driven(decoder, *session(bins))
    return decoder


@pytest.mark.parametrize("connectivity", [1.0, 0.5])
def test_decoding_in_the_engine_is_counted_by_its_weights_spikes_and_inputs(connectivity):
    network = LIF.model_copy(update={"connectivity": connectivity})
    engine = after(
        EpropSettings(network=network, rehearsal=SILENT, readout=ReadoutSettings(lags=1))
    )
    kept, cost = engine.snapshot(), engine.cost()
    pre, features = kept["state.pre"], kept["state.features"]
    w = np.zeros((17, 12))
    if connectivity == 1:
        w[:] = kept["weights.w"]
    else:
        w[engine._network.connected] = kept["weights.w"]
    macs = sum(w[i, j] != 0 for i in range(4) for j in range(12) if pre[i] != 0)
    acs = sum(w[4 + i, j] != 0 for i in range(12) for j in range(12) if pre[4 + i] != 0)
    readout = sum(v != 0 for f in range(16) if features[f] != 0 for v in kept["weights.w_out"][f])
    assert (cost.macs, cost.acs) == (macs + readout, acs)
    assert acs > 0
    assert cost.activation_sparsity == pytest.approx(1 - kept["state.z"].mean())
    assert cost.connection_sparsity == pytest.approx(1 - (w != 0).sum() / (17 * 12 - 12))


def test_dense_learning_costs_three_products_a_synapse_and_seven_with_adaptation():
    lif = after(EpropSettings(network=LIF, rehearsal=SILENT)).cost()
    adaptive = LIF.model_copy(update={"adaptive_fraction": 0.5})
    alif = after(EpropSettings(network=adaptive, rehearsal=SILENT)).cost()
    traces, signals, readout = 2 * 17, 12 * 2, 13 * 2
    assert lif.learning_macs == 3 * 17 * 12 + traces + signals + readout
    assert alif.learning_macs == 7 * 17 * 12 + traces + signals + readout
    assert lif.learning_acs == 0


def test_rehearsal_is_by_far_the_most_of_learning():
    quiet = after(EpropSettings(network=LIF, rehearsal=SILENT)).cost()
    busy = after(
        EpropSettings(network=LIF, rehearsal=SILENT.model_copy(update={"steps_per_bin": 100.0}))
    ).cost()
    step = 4 * 12 + 17 * 12 + 12 * 2 + 2 * 13 * 2
    assert busy.learning_macs - quiet.learning_macs > 100 * step
    assert busy.learning_macs - quiet.learning_macs < 120 * step


@pytest.mark.parametrize("schedule", ["deferred", "event", "accumulated"])
def test_every_schedule_has_a_cost(schedule):
    online = OnlineSettings(schedule=schedule)
    cost = after(EpropSettings(network=LIF, rehearsal=SILENT, online=online)).cost()
    assert 0 < cost.learning_macs < 1e5
    assert cost.learning_footprint_bytes > cost.footprint_bytes


def test_a_linear_decoder_costs_its_features_that_are_not_zero():
    decoder = after(RlsSettings(lags=3))
    kept, cost = decoder.snapshot(), decoder.cost()
    nonzero = np.count_nonzero(kept["features"][:-1])
    assert cost.macs == 2 * nonzero
    assert cost.learning_macs == 3 * 13 * 13 + 13 * 2
    assert cost.learning_footprint_bytes >= 13 * 13 * 8
    assert np.isnan(cost.activation_sparsity)


def test_what_is_static_learns_nothing_and_zero_costs_nothing():
    for settings in (WienerSettings(lags=3), KalmanSettings(), LstmSettings(units=5)):
        cost = after(settings).cost()
        assert cost.footprint_bytes > 0
        assert cost.learning_macs == cost.learning_acs == cost.learning_footprint_bytes == 0
    cost = after(ZeroSettings()).cost()
    assert (cost.footprint_bytes, cost.macs, cost.acs) == (0, 0, 0)


def test_a_static_network_learns_its_readout_only():
    cost = after(StaticSettings(network=LIF)).cost()
    assert cost.learning_macs == 3 * 13 * 13 + 13 * 2


@pytest.mark.parametrize(
    "settings", [EpropSettings(network=LIF, rehearsal=SILENT), RlsSettings(), NlmsSettings()]
)
def test_looking_at_a_cost_changes_nothing(settings):
    decoder = after(settings)
    before = decoder.snapshot()
    decoder.cost()
    assert same_arrays(before, decoder.snapshot())
