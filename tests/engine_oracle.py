"""A slow NumPy reading of the equations, every trace a matrix, every rule by the letter.

Bellec et al. 2020, Nature Communications 11:3625, with heterogeneous time constants, and what the
settings add to it. Nothing of the engine is used but its settings, the weights and matrices that it
starts from, and what it says afterwards.
"""

import math

import numpy as np

from eprop_rt.build import build_connections
from eprop_rt.config import (
    EpropSettings,
    InputScaleSettings,
    NetworkSettings,
    OnlineSettings,
    ReadoutSettings,
    RehearsalSettings,
    SurrogateSettings,
)
from eprop_rt.engine import Engine

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


class Momentum:
    """Polyak 1964: m <- 0.9 m + g."""

    def __init__(self, rate):
        self.rate, self.m = rate, 0.0

    def step(self, w, g):
        self.m = 0.9 * self.m + g
        w -= self.rate * self.m


class GradientDescent:
    def __init__(self, rate):
        self.rate = rate

    def step(self, w, g):
        w -= self.rate * g


def uniform(seed, counter):
    """SplitMix64 (Steele et al. 2014) in Python's own integers, two rounds of it."""
    whole = 2**64 - 1
    x = (seed * 0xD1342543DE82EF95 + counter) & whole
    for _ in range(2):
        x = (x + 0x9E3779B97F4A7C15) & whole
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & whole
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & whole
        x ^= x >> 31
    return (x >> 11) / 2**53


class Oracle:
    """One bin at a time, every trace a matrix W[i, j] of its own, i presynaptic.

    The matrices of the last bins are all kept, for labels that come late.
    """

    def __init__(self, settings, start, mask=None):
        net = settings.network
        self.settings, self.net = settings, net
        self.w_out = start["weights.w_out"].copy()
        rows = INPUTS + NEURONS + 1
        self.mask = np.ones((rows, NEURONS), bool) if mask is None else mask.copy()
        self.mask[AUTAPSES] = False
        self.w = np.zeros((rows, NEURONS))
        if mask is None:
            self.w[:] = start["weights.w"]
        else:
            self.w[mask] = start["weights.w"]
        taus = np.geomspace(*net.membrane_tau_s, net.tau_groups)
        per_group = NEURONS // net.tau_groups
        self.alpha = np.exp(-BIN_S / np.repeat(taus, per_group))
        self.alpha_s = 0.0 if net.synapse_tau_s is None else np.exp(-BIN_S / net.synapse_tau_s)
        self.rho = np.exp(-BIN_S / net.adaptation_tau_s)
        self.kappa = np.exp(-BIN_S / net.readout_tau_s)
        self.kappa_e = np.exp(-BIN_S / (net.eligibility_tau_s or net.readout_tau_s))
        plus = net.convention == "eprop_plus"
        self.gain, self.gain_e = (1, 1) if plus else (1 - self.kappa, 1 - self.kappa_e)
        adaptive = {0.0: np.zeros(NEURONS), 0.5: np.arange(NEURONS) % 2, 1.0: np.ones(NEURONS)}
        self.beta = adaptive[net.adaptive_fraction] * net.adaptation_strength
        self.refractory = round(net.refractory_s / BIN_S)
        self.v, self.a, self.z, self.zf, self.current = (np.zeros(NEURONS) for _ in range(5))
        self.silent_for, self.carried = np.zeros(NEURONS), np.zeros(OUTPUTS)
        self.zs = np.zeros((rows, 1))
        self.eps_v, self.eps_a, self.ebar, self.eps_k = (np.zeros(self.w.shape) for _ in range(4))
        self.psi_bar, self.rate = np.zeros(NEURONS), np.zeros(NEURONS)
        self.norm_a, self.norm_e = np.zeros(NEURONS), np.zeros(NEURONS)
        self.square, self.squares = np.zeros(NEURONS), 0
        self.lagged = [np.zeros(INPUTS) for _ in range(settings.readout.lags)]
        self.keeps = [np.exp(-BIN_S / tau_s) for tau_s in settings.readout.trace_tau_s]
        self.fading = [np.zeros(INPUTS) for _ in self.keeps]
        self.inputs = RunningStatistics(settings.inputs, INPUTS)
        self.targets = RunningStatistics(settings.targets, OUTPUTS)
        online = settings.online
        rule = {"adam": Adam, "momentum": Momentum}.get(online.optimiser, GradientDescent)
        self.rules = [rule(online.learning_rate) for _ in range(online.update_every)]
        self.due = [0] * online.update_every + [rows]  # rows due[c] .. due[c + 1], bins c mod every
        if online.pass_kind == "accumulated":
            self.due = start["online.passes.pending.window.due"]
        self.readout_adam = Adam(settings.readout.learning_rate)
        self.b = start.get("feedback.matrix", np.zeros((0, 0))).copy()
        self.delay = math.ceil(online.label_delay_s / BIN_S - 1e-9)
        self.past, self.steps, self.draws = [], 0, 0
        self.gradient, self.bins, self.bounded, self.capped = 0 * self.w, 0, 0, 0

    def rest(self):
        states = (self.v, self.a, self.z, self.zf, self.silent_for, self.current, self.carried)
        for array in (*states, *self.lagged, *self.fading):
            array[:] = 0
        self.draws = (self.draws // 2**32 + 1) * 2**32
        self.forget_eligibility()

    def forget_eligibility(self):
        for trace in (self.ebar, self.eps_a, self.eps_v, self.zs, self.eps_k, self.psi_bar):
            trace[:] = 0
        self.norm_a[:] = self.norm_e[:] = 0
        self.past = []

    def predict(self, x):
        net, unit = self.net, self.net.threshold
        self.x = x
        x = self.inputs.scaled(x.astype(float))
        self.s = np.concatenate([x, self.z, [1.0]])
        z_before = self.z
        reset = unit * (self.alpha if net.convention == "eprop_plus" else 1)
        self.current = self.alpha_s * self.current + self.s @ self.w
        self.v = self.alpha * self.v + self.current - z_before * reset
        self.a = self.rho * self.a + z_before
        u = (self.v - unit - self.beta * self.a) / unit
        awake = self.silent_for == 0
        self.z = np.where(awake & self.fires(u), 1.0, 0.0)
        self.silent_for = np.where(self.z > 0, self.refractory, np.maximum(self.silent_for - 1, 0))
        self.psi = np.where(awake, self.slope(u) / unit, 0)
        self.zf = self.kappa * self.zf + self.gain * self.z
        self.lagged = ([x, *self.lagged])[: self.settings.readout.lags]
        self.fading = [
            keep * trace + math.sqrt(1 - keep**2) * x
            for keep, trace in zip(self.keeps, self.fading, strict=True)
        ]
        self.features = np.concatenate([self.zf, *self.lagged, *self.fading, [1.0]])
        if net.convention == "eprop_plus":
            self.carried = self.kappa * self.carried + self.gain * self.z @ self.w_out[:NEURONS]
            self.y = self.carried + self.features[NEURONS:] @ self.w_out[NEURONS:]
        else:
            self.y = self.features @ self.w_out
        return self.said(self.y) if self.softmax else self.targets.unscaled(self.y)

    def fires(self, u):
        if self.net.spikes == "threshold":
            return u > 0
        chance = 1 / (1 + np.exp(-u / self.net.surrogate.width))
        first = self.draws * NEURONS
        self.draws += 1
        drawn = [uniform(self.settings.seed, first + j) for j in range(NEURONS)]
        return np.array(drawn) < chance

    def slope(self, u):
        shape = self.net.surrogate
        x = u / shape.width
        if shape.kind == "logistic":
            return np.exp(-x) / (1 + np.exp(-x)) ** 2 / shape.width
        return shape.height * np.maximum(0, 1 - np.abs(x))

    @property
    def softmax(self):
        return self.settings.loss == "softmax"

    def said(self, y):
        return np.exp(y - y.max()) / np.exp(y - y.max()).sum() if self.softmax else y

    def error(self, y, label):
        if self.softmax:
            return np.zeros(OUTPUTS) if np.isnan(label).any() else y - label
        return np.nan_to_num(y - self.targets.scaled(label.astype(float)))

    def learn(self, label, signal=None):
        """One bin later; what is learned from is the bin `delay` before, with its own matrices."""
        moment = {"s": self.s, "psi": self.psi, "v": self.v, "z": self.z, "label": label}
        self.past.append(moment | {"features": self.features, "y": self.said(self.y)})
        if len(self.past) > self.delay:
            self.learn_from(self.past[-1 - self.delay], signal)
        self.inputs.learn(self.x)
        self.targets.learn(label)

    def relabel(self, age, label):
        moment = self.past[-1 - age]
        if age < self.delay:
            moment["label"] = label
        if moment.get("relabelled") is None:  # a bin counts once
            self.targets.learn(label)
        moment["relabelled"] = True

    def trace(self, moment):
        """Eligibility of every synapse, by the letter."""
        self.zs = self.alpha_s * self.zs + moment["s"][:, None]
        self.eps_v = self.alpha * self.eps_v + self.zs
        e = moment["psi"] * (self.eps_v - self.beta * self.eps_a)
        self.eps_a = self.rho * self.eps_a + e
        self.ebar = self.kappa_e * self.ebar + self.gain_e * e
        self.eps_k = self.kappa_e * self.eps_k + self.gain_e * self.eps_v
        self.psi_bar = self.kappa_e * self.psi_bar + self.gain_e * moment["psi"]
        return {
            "full": self.ebar,
            "unfiltered": moment["psi"] * self.eps_v,
            "presynaptic_filter": moment["psi"] * self.eps_k,
            "rank_one": self.psi_bar * self.eps_v,
        }[self.settings.online.eligibility]

    def learn_from(self, moment, given):
        online, penalties = self.settings.online, self.settings.penalties
        eligibility = self.trace(moment)
        error = self.error(moment["y"], moment["label"])
        back = self.b if online.feedback in ("random", "adaptive") else self.w_out[:NEURONS]
        signal = back @ error if given is None else given
        keep = np.exp(-BIN_S / penalties.rate_tau_s)
        self.rate = keep * self.rate + (1 - keep) * moment["z"]
        excess = self.rate - penalties.rate_target_hz * BIN_S
        pull = penalties.rate_strength * excess + penalties.spike_l1
        signal = signal + (1 - self.kappa_e) / self.gain_e * pull
        if online.optimiser == "rms":
            signal = self.normalised(signal, moment)
        gradient = signal * eligibility + penalties.voltage_l2 * moment["v"] * self.eps_v
        gradient[~self.mask] = 0
        self.update(gradient)
        self.learn_readout(moment)

    def normalised(self, signal, moment):
        """By the root mean square of L_j ||ebar_j||, with the norm bounded as the engine does."""
        norm = np.sqrt((self.eps_v**2).sum(axis=0))
        psi = moment["psi"]
        e = psi * (norm + self.beta * self.norm_a)
        self.norm_a = np.abs(self.rho - psi * self.beta) * self.norm_a + psi * norm
        self.norm_e = self.kappa_e * self.norm_e + self.gain_e * e
        self.squares += 1
        self.square = 0.99 * self.square + 0.01 * (signal * self.norm_e) ** 2 / len(self.w)
        return signal / (np.sqrt(self.square / (1 - 0.99**self.squares)) + 1e-8)

    def update(self, gradient):
        online, penalties = self.settings.online, self.settings.penalties
        if online.optimiser == "none":
            return
        self.gradient += gradient
        turn = self.bins % online.update_every
        group = slice(self.due[turn], self.due[turn + 1])
        self.w[group] *= 1 - online.learning_rate * penalties.weight_decay
        self.rules[turn].step(self.w[group], self.gradient[group])
        if penalties.weight_clamp is not None:
            np.clip(self.w, -penalties.weight_clamp, penalties.weight_clamp, out=self.w)
        self.w[~self.mask] = 0
        self.gradient[group] = 0
        self.bins += 1

    def learn_readout(self, moment):
        readout = self.settings.readout
        features, y = moment["features"], moment["y"]
        if self.delay:
            y = self.said(features @ self.w_out)
        if not self.error(moment["y"], moment["label"]).any():
            return
        error, before = self.error(y, moment["label"]), self.w_out.copy()
        gradient = np.outer(features, error)
        if readout.rule == "delta":  # never beyond the point where this bin's error is gone
            rate = min(readout.learning_rate, 1 / (features @ features))
            self.w_out -= rate * gradient
            self.bounded += rate < readout.learning_rate
        if readout.rule == "adam":
            self.readout_adam.step(self.w_out, gradient)
        if self.settings.online.feedback == "adaptive":
            self.b += (self.w_out - before)[:NEURONS]
            self.b *= 1 - self.settings.online.feedback_decay
            self.w_out[:NEURONS] *= 1 - self.settings.online.feedback_decay


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


def one_hot(labels):
    """Two classes, by the sign of the first axis; absent where it is."""
    first = (labels[:, :1] > 10).astype(np.float32)
    classes = np.concatenate([first, 1 - first], axis=1)
    classes[np.isnan(labels).any(axis=1)] = np.nan
    return classes


def side_by_side(settings, bins=BINS, reset_at=None, frozen=range(0), late=None):
    """Run engine and oracle through the same bins; assert that they agree in everything.

    `late(t)` lists the ages of bins whose labels come at bin t; none comes in time then.
    """
    engine = Engine(settings, INPUTS, OUTPUTS, BIN_S)
    start = engine.snapshot()
    mask = build_connections(settings.network, INPUTS, settings.seed)
    oracle = Oracle(settings, start, mask)
    spikes, surrogates, errors = 0.0, 0.0, 0.0
    all_bins, labels = session(bins)
    if settings.loss == "softmax":
        labels = one_hot(labels)
    for t, (x, label) in enumerate(zip(all_bins, labels, strict=True)):
        if t == reset_at:
            engine.reset()
            oracle.rest()
        if t == frozen.stop:
            engine.resume()
            oracle.forget_eligibility()
        came, expected = engine.predict_one(x), oracle.predict(x)
        errors = max(errors, np.abs(came - expected).max())
        if t not in frozen:
            in_time = label if late is None else np.full_like(label, np.nan)
            engine.learn_one(in_time)
            engine.rehearse()
            oracle.learn(in_time)
            for age in late(t) if late else ():
                engine.relabel(age, labels[t - age])
                oracle.relabel(age, labels[t - age])
        spikes += oracle.z.mean() / bins
        surrogates += (oracle.psi > 0).mean() / bins
    engine.weights()  # written, all of them
    end = engine.snapshot()
    assert errors < 1e-9 * 40
    for name, expected in {
        "weights.w": oracle.w if mask is None else oracle.w[mask],
        "weights.w_out": oracle.w_out,
        "state.membrane.v": oracle.v,
        "state.membrane.a": oracle.a,
        "state.z": oracle.z,
        "state.psi": oracle.psi,
        "state.features": oracle.features,
        "state.y": oracle.y,
    }.items():
        np.testing.assert_allclose(end[name], expected, rtol=0, atol=1e-9, err_msg=name)
    assert 0.02 < spikes < 0.6
    assert surrogates > 0.02
    assert mask is not None or not end["weights.w"][AUTAPSES].any()
    return start, end, oracle
