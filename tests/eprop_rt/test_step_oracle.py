"""Whole bins against a slow NumPy reading of the equations, one matrix entry a synapse.

Bellec et al. 2020, Nature Communications 11:3625, with heterogeneous time constants. Nothing of the
engine is used but its settings, the weights it starts from, and what it says afterwards.
"""

import numpy as np
import pytest

from eprop_rt.baselines.rls import RlsDecoder
from eprop_rt.config import (
    EpropSettings,
    InputScaleSettings,
    NetworkSettings,
    OnlineSettings,
    ReadoutSettings,
    RehearsalSettings,
    RlsSettings,
    ScaleSettings,
    SurrogateSettings,
)
from eprop_rt.engine import Engine
from eprop_rt.readout import RecursiveLeastSquares

BIN_S = 0.05
INPUTS, NEURONS, OUTPUTS, BINS = 4, 8, 2, 320
AUTAPSES = (INPUTS + np.arange(NEURONS), np.arange(NEURONS))
SILENT = RehearsalSettings(steps_per_bin=0, memory_s=12.0)


def network(**changes) -> NetworkSettings:
    return NetworkSettings(
        **{
            "neurons": NEURONS,
            "adaptive_fraction": 0.5,
            "membrane_tau_s": (0.06, 0.9),
            "tau_groups": 4,
            "adaptation_tau_s": 0.7,
            "adaptation_strength": 0.5,
            "readout_tau_s": 0.13,
            "refractory_s": 0.0,
            "threshold": 0.8,
            "input_gain": 1.6,
            "recurrent_gain": 1.0,
            "readout_gain": 1.5,
            "surrogate": SurrogateSettings(height=0.4, width=1.3),
            **changes,
        }
    )


def eprop(**changes) -> EpropSettings:
    return EpropSettings(
        **{
            "seed": 3,
            "dtype": "float64",
            "inputs": InputScaleSettings(centre=True),
            "network": network(),
            "online": OnlineSettings(optimiser="sgd", learning_rate=0.02),
            "readout": ReadoutSettings(rule="delta", learning_rate=0.01, lags=3),
            "rehearsal": SILENT,
            **changes,
        }
    )


class RunningStatistics:
    """Mean and deviation of all the past, computed anew from all the past.

    From the 101st value on, an outlier is taken in as one of 20 deviations.
    """

    def __init__(self, settings, channels):
        self.settings = settings
        self.past = [[] for _ in range(channels)]

    def learn(self, values):
        mean, deviation = self.moments()
        reach = 20 * deviation
        for c, past in enumerate(self.past):
            settled = len(past) >= 100 and reach[c] > 0
            low, high = (mean[c] - reach[c], mean[c] + reach[c]) if settled else (-np.inf, np.inf)
            if np.isfinite(values[c]):
                past.append(float(np.clip(values[c], low, high)))

    def weights(self, past):
        """1 for each in an all-time statistic, a half-life's share in a fading one."""
        if self.settings.half_life_s is None:
            return np.full(len(past), 1 / len(past))
        keep = 0.5 ** (BIN_S / self.settings.half_life_s)
        rates = np.maximum(1 / np.arange(1, len(past) + 1), 1 - keep)
        left = np.append(np.cumprod((1 - rates)[:0:-1])[::-1], 1.0)
        return rates * left

    def moments(self):
        mean, deviation = np.zeros(len(self.past)), np.zeros(len(self.past))
        for c, past in enumerate(self.past):
            if past:
                share = self.weights(past)
                mean[c] = share @ past
                deviation[c] = np.sqrt(share @ (np.array(past) - mean[c]) ** 2)
        if not self.settings.per_channel:
            deviation[:] = deviation.mean()
        return mean, deviation

    def scaled(self, values):
        mean, deviation = self.moments()
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.where(deviation > 0, (values - self.centre(mean)) / deviation, 0 * values)
        clip = self.settings.clip
        return z if clip is None else np.clip(z, -clip, clip)

    def unscaled(self, z):
        mean, deviation = self.moments()
        return self.centre(mean) + z * deviation

    def centre(self, mean):
        return mean if self.settings.centre else 0 * mean


class Adam:
    """Kingma & Ba 2015, algorithm 1."""

    def __init__(self, rate):
        self.rate, self.t, self.m, self.v = rate, 0, 0.0, 0.0

    def step(self, w, g):
        self.t += 1
        self.m = 0.9 * self.m + 0.1 * g
        self.v = 0.999 * self.v + 0.001 * g**2
        m_hat, v_hat = self.m / (1 - 0.9**self.t), self.v / (1 - 0.999**self.t)
        w -= self.rate * m_hat / (np.sqrt(v_hat) + 1e-8)


class Oracle:
    """One bin at a time, every trace a matrix W[i, j] of its own, i presynaptic."""

    def __init__(self, settings, w, w_out):
        net = settings.network
        self.settings, self.net = settings, net
        self.w, self.w_out = w.copy(), w_out.copy()
        taus = np.geomspace(*net.membrane_tau_s, net.tau_groups)
        per_group = NEURONS // net.tau_groups
        self.alpha = np.exp(-BIN_S / np.repeat(taus, per_group))
        self.rho = np.exp(-BIN_S / net.adaptation_tau_s)
        self.kappa = np.exp(-BIN_S / net.readout_tau_s)
        adaptive = {0.0: np.zeros(NEURONS), 0.5: np.arange(NEURONS) % 2, 1.0: np.ones(NEURONS)}
        self.beta = adaptive[net.adaptive_fraction] * net.adaptation_strength
        self.refractory = round(net.refractory_s / BIN_S)
        rows = INPUTS + NEURONS + 1
        self.v, self.a, self.z, self.zf = (np.zeros(NEURONS) for _ in range(4))
        self.silent_for = np.zeros(NEURONS)
        self.eps_v, self.eps_a, self.ebar = (np.zeros((rows, NEURONS)) for _ in range(3))
        self.lagged = [np.zeros(INPUTS) for _ in range(settings.readout.lags)]
        self.inputs = RunningStatistics(settings.inputs, INPUTS)
        self.targets = RunningStatistics(settings.targets, OUTPUTS)
        self.adam = Adam(settings.online.learning_rate)
        self.readout_adam = Adam(settings.readout.learning_rate)
        self.gradient, self.bins, self.bounded = np.zeros_like(w), 0, 0

    def rest(self):
        for array in (self.v, self.a, self.z, self.zf, self.silent_for, self.eps_v, *self.lagged):
            array[:] = 0
        self.forget_eligibility()

    def forget_eligibility(self):
        self.ebar[:] = 0
        self.eps_a[:] = 0

    def predict(self, x):
        net, v_th = self.net, self.net.threshold
        self.x = x
        x = self.inputs.scaled(x.astype(float))
        s = np.concatenate([x, self.z, [1.0]])
        z_before = self.z
        self.v = self.alpha * self.v + s @ self.w - z_before * v_th
        self.a = self.rho * self.a + z_before
        threshold = v_th + self.beta * self.a
        awake = self.silent_for == 0
        self.z = np.where(awake & (self.v > threshold), 1.0, 0.0)
        self.silent_for = np.where(self.z > 0, self.refractory, np.maximum(self.silent_for - 1, 0))
        distance = np.abs((self.v - threshold) / v_th) / net.surrogate.width
        self.psi = np.where(awake, net.surrogate.height * np.maximum(0, 1 - distance) / v_th, 0)
        self.eps_v = self.alpha * self.eps_v + s[:, None]
        e = self.psi * (self.eps_v - self.beta * self.eps_a)
        self.eps_a = self.rho * self.eps_a + e
        self.ebar = self.kappa * self.ebar + (1 - self.kappa) * e
        self.zf = self.kappa * self.zf + (1 - self.kappa) * self.z
        self.lagged = ([x, *self.lagged])[: self.settings.readout.lags]
        self.features = np.concatenate([self.zf, *self.lagged, [1.0]])
        self.y = self.features @ self.w_out
        return self.targets.unscaled(self.y)

    def learn(self, label):
        online, readout = self.settings.online, self.settings.readout
        error = np.nan_to_num(self.y - self.targets.scaled(label.astype(float)))
        signal = self.w_out[:NEURONS] @ error
        gradient = signal * self.ebar
        gradient[AUTAPSES] = 0
        if online.optimiser == "sgd":
            self.w -= online.learning_rate * gradient
        if online.optimiser == "adam":
            self.gradient += gradient
            self.bins += 1
            if self.bins % online.update_every == 0:
                self.adam.step(self.w, self.gradient)
                self.gradient = 0 * gradient
        readout_gradient = np.outer(self.features, error)
        if readout.rule == "delta":  # never beyond the point where this bin's error is gone
            rate = min(readout.learning_rate, 1 / (self.features @ self.features))
            self.w_out -= rate * readout_gradient
            self.bounded += rate < readout.learning_rate
        if readout.rule == "adam" and error.any():
            self.readout_adam.step(self.w_out, readout_gradient)
        self.inputs.learn(self.x)
        self.targets.learn(label)


def session(bins=BINS, seed=0):
    """Counts, and smooth targets that they depend on; some labels absent, on one axis or on all."""
    rng = np.random.default_rng(seed)
    t = np.arange(bins)
    smooth = np.column_stack([np.sin(t / 7) + 0.3 * np.sin(t / 3.1), np.cos(t / 11)])
    counts = rng.poisson(2 * np.exp(smooth @ rng.normal(0, 0.6, (OUTPUTS, INPUTS))))
    labels = 40 * smooth + [10, -200]
    labels[rng.random(labels.shape) < 0.05] = np.nan
    labels[rng.random(bins) < 0.05] = np.nan
    return counts.astype(np.float32), labels.astype(np.float32)


def side_by_side(settings, bins=BINS, reset_at=None, frozen=range(0)):
    """Run engine and oracle through the same bins; assert that they agree in everything."""
    engine = Engine(settings, INPUTS, OUTPUTS, BIN_S)
    start = engine.snapshot()
    oracle = Oracle(settings, start["weights.w"], start["weights.w_out"])
    spikes, surrogates, errors = 0.0, 0.0, 0.0
    for t, (x, label) in enumerate(zip(*session(bins), strict=True)):
        if t == reset_at:
            engine.reset()
            oracle.rest()
        if t == frozen.stop:
            engine.resume()
            oracle.forget_eligibility()
        came, expected = engine.predict_one(x), oracle.predict(x)
        errors = max(errors, np.abs(came - expected).max())
        if t not in frozen:
            engine.learn_one(label)
            engine.rehearse()
            oracle.learn(label)
        spikes += oracle.z.mean() / bins
        surrogates += (oracle.psi > 0).mean() / bins
    end = engine.snapshot()
    assert errors < 1e-9 * 40
    for name, expected in {
        "weights.w": oracle.w,
        "weights.w_out": oracle.w_out,
        "state.v": oracle.v,
        "state.a": oracle.a,
        "state.z": oracle.z,
        "state.psi": oracle.psi,
        "state.features": oracle.features,
        "state.y": oracle.y,
    }.items():
        np.testing.assert_allclose(end[name], expected, rtol=0, atol=1e-9, err_msg=name)
    assert 0.02 < spikes < 0.6
    assert surrogates > 0.02
    assert not end["weights.w"][AUTAPSES].any()
    return start, end, oracle


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"network": network(adaptive_fraction=0.0)},
        {"network": network(adaptive_fraction=1.0, tau_groups=1, refractory_s=0.1)},
        {"network": network(refractory_s=BIN_S, tau_groups=8)},
        {"readout": ReadoutSettings(rule="delta", learning_rate=0.05, lags=0)},
        {"readout": ReadoutSettings(rule="adam", learning_rate=0.01, lags=2)},
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
        learned.append(engine.snapshot()["online.ebar"])
    assert (learned[0] != learned[1]).any()


def test_time_constants_and_adaptive_neurons_are_spread_as_the_settings_say():
    settings = eprop(
        network=network(neurons=40, tau_groups=7, adaptive_fraction=0.3), readout=ReadoutSettings()
    )
    engine = Engine(settings, 3, 1, BIN_S)
    engine.predict_one(np.ones(3, np.float32))
    engine.learn_one(np.ones(1, np.float32))
    assert engine.snapshot()["state.zb"].shape == (7, 3 + 40 + 1)
    # Nothing comes in while the statistics know nothing, so the voltages are of our making.
    snapshot = engine.snapshot()
    snapshot["weights.w"][:] = 0
    snapshot["state.v"][:] = 0.1
    snapshot["state.a"][:] = 0.5
    snapshot["state.z"][:] = 0
    engine.restore(snapshot)
    engine.predict_one(np.zeros(3, np.float32))
    after = engine.snapshot()
    alpha = after["state.v"] / 0.1
    taus = -BIN_S / np.log(alpha)
    np.testing.assert_allclose(np.unique(np.round(taus, 9)), np.geomspace(0.06, 0.9, 7), rtol=1e-6)
    groups = np.bincount(np.round(np.log(taus / 0.06) / np.log(15) * 6).astype(int))
    assert groups.min() >= 5
    assert groups.max() <= 6
    np.testing.assert_allclose(after["state.a"], 0.5 * np.exp(-BIN_S / 0.7))
    psi = 0.4 * np.maximum(0, 1 - np.abs(after["state.v"] / 0.8 - 1) / 1.3) / 0.8
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
    decoder = RlsDecoder(RlsSettings(lags=3, forgetting=0.98, ridge=2.0), INPUTS, OUTPUTS)
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
