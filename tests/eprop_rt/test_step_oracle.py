"""Whole bins of the engine against `engine_oracle`, and the readout's recursions."""

import numpy as np
import pytest

from engine_oracle import (
    BIN_S,
    BINS,
    INPUTS,
    NEURONS,
    OUTPUTS,
    RunningStatistics,
    eprop,
    network,
    session,
    side_by_side,
)
from eprop_rt.baselines.rls import RlsDecoder
from eprop_rt.build import build_network
from eprop_rt.config import (
    EpropSettings,
    InputScaleSettings,
    OnlineSettings,
    ReadoutSettings,
    RlsSettings,
    ScaleSettings,
)
from eprop_rt.engine import Engine
from eprop_rt.kernels.readout import shift_features
from eprop_rt.readout import RecursiveLeastSquares


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"network": network(adaptive_fraction=0.0)},
        {"network": network(adaptive_fraction=1.0, tau_groups=1, refractory_s=0.1)},
        {"network": network(refractory_s=BIN_S, tau_groups=8)},
        {"readout": ReadoutSettings(rule="delta", learning_rate=0.05, lags=0)},
        {"readout": ReadoutSettings(rule="adam", learning_rate=0.01, lags=2)},
        {"readout": ReadoutSettings(learning_rate=0.01, trace_tau_s=(0.08,))},
        {"readout": ReadoutSettings(learning_rate=0.01, lags=2, trace_tau_s=(0.3, 0.05))},
        {"online": OnlineSettings(optimiser="adam", learning_rate=0.01, update_every=1)},
        {"online": OnlineSettings(optimiser="adam", learning_rate=0.01, update_every=7)},
        {
            "inputs": EpropSettings().inputs,
            "readout": ReadoutSettings(rule="delta", learning_rate=0.003, lags=3),
        },
        {
            "inputs": InputScaleSettings(per_channel=True, centre=True, half_life_s=2.0, clip=1.5),
            "targets": ScaleSettings(centre=False, half_life_s=3.0),
        },
    ],
    ids=[
        "sgd and delta, lif and alif, lags",
        "lif only",
        "alif only, refractory two bins",
        "refractory one bin, a time constant each",
        "no lags",
        "adam readout",
        "a trace of the inputs",
        "lags and two traces of the inputs",
        "adam at every bin",
        "adam every seven bins",
        "inputs as they are by default",
        "fading statistics, clipped inputs",
    ],
)
def test_whole_bins_are_what_the_equations_say(changes):
    start, end, _ = side_by_side(eprop(**changes))
    for weights in ("weights.w", "weights.w_out"):
        assert np.abs(end[weights] - start[weights]).max() > 0.05


def test_a_delta_step_that_would_go_too_far_ends_where_the_error_is_gone():
    readout = ReadoutSettings(rule="delta", learning_rate=0.08, lags=3)
    _, _, oracle = side_by_side(eprop(readout=readout))
    assert 10 < oracle.bounded < BINS - 10


def test_after_a_reset_the_network_starts_from_rest_with_what_it_learned():
    """Voltages, lags and eligibility are forgotten; weights and statistics are not."""
    side_by_side(eprop(network=network(refractory_s=0.1)), reset_at=150)


def test_after_frozen_bins_eligibility_starts_anew_and_the_state_goes_on():
    side_by_side(eprop(), frozen=range(100, 140))


def test_every_kind_of_row_learns():
    start, end, _ = side_by_side(eprop())
    moved = np.abs(end["weights.w"] - start["weights.w"])
    for rows in (slice(INPUTS), slice(INPUTS, -1), slice(-1, None)):
        assert moved[rows].max(axis=0).min() > 1e-4
    moved = np.abs(end["weights.w_out"] - start["weights.w_out"])
    assert (moved > 1e-4).all()


def test_without_a_rule_nothing_moves_but_the_network_still_runs():
    start, end, _ = side_by_side(
        eprop(online=OnlineSettings(optimiser="none"), readout=ReadoutSettings(rule="none")), 100
    )
    np.testing.assert_array_equal(start["weights.w"], end["weights.w"])
    np.testing.assert_array_equal(start["weights.w_out"], end["weights.w_out"])


def test_bins_without_a_label_leave_the_weights_as_they_are():
    """Statistics of inputs go on; a bin without error is no reason for Adam to coast either."""
    for readout in ("delta", "adam", "rls"):
        engine = Engine(
            eprop(readout=ReadoutSettings(rule=readout, lags=1)), INPUTS, OUTPUTS, BIN_S
        )
        bins, labels = session(80)
        for x, label in zip(bins[:40], labels[:40], strict=True):
            engine.predict_one(x)
            engine.learn_one(label)
        before = engine.snapshot()
        for x in bins[40:]:
            engine.predict_one(x)
            engine.learn_one(np.full(OUTPUTS, np.nan, np.float32))
        after = engine.snapshot()
        for name in before:
            if name.startswith(("weights", "readout", "target_scale")):
                np.testing.assert_array_equal(before[name], after[name], err_msg=name)
        assert (before["input_scale.scale"] != after["input_scale.scale"]).any()


def test_traces_go_on_through_bins_without_a_label():
    """A label credits what spiked before it: two engines that differ in an unlabelled bin's input
    learn something else from the next label."""
    bins, labels = session(30)
    labels[20:25] = np.nan
    learned = []
    for changed in (0.0, 6.0):
        engine = Engine(eprop(), INPUTS, OUTPUTS, BIN_S)
        bins[23, 0] = changed
        for x, label in zip(bins[:25], labels[:25], strict=True):
            engine.predict_one(x)
            engine.learn_one(label)
        learned.append(engine.snapshot()["online.passes.traces.ebar"])
    assert (learned[0] != learned[1]).any()


def test_time_constants_and_adaptive_neurons_are_spread_as_the_settings_say():
    settings = eprop(
        network=network(neurons=40, tau_groups=7, adaptive_fraction=0.3), readout=ReadoutSettings()
    )
    engine = Engine(settings, 3, 1, BIN_S)
    engine.predict_one(np.ones(3, np.float32))
    engine.learn_one(np.ones(1, np.float32))
    assert engine.snapshot()["online.zb"].shape == (7, 3 + 40 + 1)
    # Nothing comes in while the statistics know nothing, so the voltages are of our making.
    snapshot = engine.snapshot()
    snapshot["weights.w"][:] = 0
    snapshot["state.membrane.v"][:] = 0.1
    snapshot["state.membrane.a"][:] = 0.5
    snapshot["state.z"][:] = 0
    engine.restore(snapshot)
    engine.predict_one(np.zeros(3, np.float32))
    after = engine.snapshot()
    alpha = after["state.membrane.v"] / 0.1
    taus = -BIN_S / np.log(alpha)
    np.testing.assert_allclose(np.unique(np.round(taus, 9)), np.geomspace(0.06, 0.9, 7), rtol=1e-6)
    groups = np.bincount(np.round(np.log(taus / 0.06) / np.log(15) * 6).astype(int))
    assert groups.min() >= 5
    assert groups.max() <= 6
    np.testing.assert_allclose(after["state.membrane.a"], 0.5 * np.exp(-BIN_S / 0.7))
    psi = 0.4 * np.maximum(0, 1 - np.abs(after["state.membrane.v"] / 0.8 - 1) / 1.3) / 0.8
    lif = np.isclose(after["state.psi"], psi, atol=1e-12)
    assert lif.sum() == 28
    assert max(np.diff(np.flatnonzero(~lif))) <= 4


def weighted_least_squares(features, targets, start, information, forgetting):
    """argmin_W sum_s forgetting^(n-s) |W' f_s - d_s|^2 + forgetting^n |W - start|^2_information."""
    n = len(features)
    share = forgetting ** np.arange(n - 1, -1, -1)[:, None]
    information = forgetting**n * information
    gram = (share * features).T @ features + information
    cross = (share * features).T @ targets + information @ start
    return np.linalg.solve(gram, cross)


def test_the_rls_readout_is_the_weighted_least_squares_solution_of_all_its_past():
    settings = eprop(
        online=OnlineSettings(optimiser="none"),
        readout=ReadoutSettings(rule="rls", lags=2, forgetting_half_life_s=4.0, ridge=0.7),
    )
    engine = Engine(settings, INPUTS, OUTPUTS, BIN_S)
    bins, labels = session(240)
    labels[np.isnan(labels).any(axis=1)] = np.nan
    targets = RunningStatistics(settings.targets, OUTPUTS)
    features, scaled = [], []
    for t, (x, label) in enumerate(zip(bins, labels, strict=True)):
        if t == 120:
            start = engine.snapshot()
        engine.predict_one(x)
        engine.learn_one(label)
        if t >= 120 and np.isfinite(label).all():
            features.append(engine.snapshot()["state.features"])
            scaled.append(targets.scaled(label.astype(float)))
        targets.learn(label)
    assert 80 < len(features) < 120
    assert (start["state.features"] != 0).all()  # every feature was seen before
    assert (np.std(features, axis=0)[:-1] > 0.001).all()
    expected = weighted_least_squares(
        np.array(features),
        np.array(scaled),
        start["weights.w_out"],
        np.linalg.inv(start["readout.p"]),
        0.5 ** (BIN_S / 4.0),
    )
    came = engine.snapshot()["weights.w_out"]
    assert np.abs(came - start["weights.w_out"]).max() > 0.1
    np.testing.assert_allclose(came, expected, rtol=0, atol=1e-8)
    assert engine.events["readout_restarted"] == 0


def test_the_rls_decoder_is_the_weighted_least_squares_solution_of_all_its_past():
    decoder = RlsDecoder(RlsSettings(lags=3, forgetting=0.98, ridge=2.0), INPUTS, OUTPUTS, 0.05)
    bins, labels = session(150)
    features, targets = [], []
    for t, (x, label) in enumerate(zip(bins + 0.5, labels, strict=True)):
        y = decoder.predict_one(x)
        past = [bins[t - lag] + 0.5 if t >= lag else np.zeros(INPUTS) for lag in range(3)]
        seen = np.concatenate([*past, [1.0]])
        np.testing.assert_allclose(y, seen @ decoder.snapshot()["w"])
        if t < 2:  # a lag that was never filled keeps its ridge, as the next test shows
            continue
        decoder.learn_one(label)
        if np.isfinite(label).all():
            features.append(seen)
            targets.append(label.astype(float))
    rows = 3 * INPUTS + 1
    expected = weighted_least_squares(
        np.array(features), np.array(targets), np.zeros((rows, OUTPUTS)), 2.0 * np.eye(rows), 0.98
    )
    np.testing.assert_allclose(decoder.snapshot()["w"], expected, rtol=0, atol=1e-8)


def rls_run(forgetting, features):
    """Recursions towards a random linear map; returns P, weights, that map, and restarts."""
    size = features.shape[1]
    w, true = np.zeros((size, 1)), np.random.default_rng(6).normal(size=(size, 1))
    rule = RecursiveLeastSquares(forgetting, 1.0, w)
    restarts = sum(not rule.learn_one(f, f @ (w - true)) for f in features)
    return rule.arrays()["p"], w, true, restarts


def test_the_covariance_of_rls_is_symmetric_to_the_bit():
    """As its docstring says: what is not symmetric grows by 1 / forgetting at every bin."""
    p, *_ = rls_run(0.98, np.random.default_rng(5).normal(size=(300, 12)))
    np.testing.assert_array_equal(p, p.T)


def test_rls_keeps_the_ridge_of_a_feature_that_was_never_seen():
    features = np.random.default_rng(5).normal(size=(300, 12))
    features[:, 8:] = 0
    p, w, true, restarts = rls_run(0.9, features)
    assert restarts == 0
    np.testing.assert_array_equal(p[8:, 8:], np.eye(4))
    np.testing.assert_allclose(w[:8], true[:8], atol=1e-9)
    assert not w[8:].any()


def test_rls_stops_forgetting_before_what_nothing_excites_winds_up():
    """P grows as forgetting^-n there: to 1e13 in these bins, were it not for the pause."""
    rng = np.random.default_rng(5)
    features = rng.normal(size=(300, 8)) @ rng.normal(size=(8, 12))
    p, w, true, restarts = rls_run(0.9, features)
    assert restarts == 0
    assert 1e4 < np.trace(p) < 1.2e5 / 0.9
    np.testing.assert_allclose(features @ w, features @ true, atol=1e-6)


def test_traces_of_white_inputs_have_the_variance_of_the_inputs():
    readout = ReadoutSettings(rule="none", trace_tau_s=(0.05, 0.5))
    params = build_network(eprop(readout=readout), INPUTS, OUTPUTS, BIN_S).params
    rng, features = np.random.default_rng(0), np.zeros(NEURONS + 2 * INPUTS + 1)
    seen = []
    for _ in range(20_000):
        shift_features(params, np.zeros(NEURONS), rng.normal(size=INPUTS), features)
        seen.append(features[NEURONS:-1].copy())
    np.testing.assert_allclose(np.std(seen, axis=0), 1.0, atol=0.1)
