"""The rule written out synapse by synapse and step by step, in NumPy.

It follows the text of the rule (traces, then learning signal), not the code under test (adjoint,
then one matrix product), and shares nothing with it but settings and parameters: surrogates,
distributions of noise, random numbers and the reset at once are written anew here.
"""

import math

import numpy as np

from eprop_rt.build import build_params
from eprop_rt.config import NetworkSettings, SurrogateSettings
from eprop_rt.gradient import TrialGradient
from eprop_rt.kernels.surrogate import KINDS
from eprop_rt.structs import Weights

B, K, N, M, T = 3, 4, 7, 3, 40
STEP_S = 0.01
ALIF = {"adaptive_fraction": 1.0}
LIF = {"adaptive_fraction": 0.0}
CURRENT = {"synapse_tau_s": 0.015, "threshold": 1.6}
ESCAPE = {"spikes": "escape", "surrogate": SurrogateSettings(kind="logistic", height=None)}
PLUS = {"convention": "eprop_plus", "eligibility_tau_s": 0.05}
NETWORKS = {
    "lif and alif": {},
    "lif": LIF,
    "alif, refractory": ALIF | {"refractory_s": 2 * STEP_S},
    "current-based lif": LIF | CURRENT,
    "current-based alif, refractory": ALIF | CURRENT | {"refractory_s": STEP_S},
    "escape noise lif": LIF | ESCAPE,
    "escape noise, current-based alif, refractory": ALIF
    | CURRENT
    | ESCAPE
    | {"refractory_s": STEP_S},
    "an eligibility filter of its own": {"eligibility_tau_s": 0.08},
    "eprop_plus": PLUS,
    "eprop_plus, readout's filter": {"convention": "eprop_plus"},
    "eprop_plus, current-based, escape noise": PLUS | CURRENT | ESCAPE,
}

BELOW = {  # probability that the noise of width 1 is below x
    "rectangular": lambda x: min(max((1 + x) / 2, 0.0), 1.0),
    "triangular": lambda x: (
        0.5 + math.copysign(abs(x) - x * x / 2, x) if abs(x) < 1 else float(x > 0)
    ),
    "logistic": lambda x: 1 / (1 + math.exp(-x)),
    "arctangent": lambda x: 0.5 + math.atan(x) / math.pi,
    "fast_sigmoid": lambda x: 0.5 * (1 + x / (1 + abs(x))),
    "gaussian": lambda x: 0.5 * (1 + math.erf(x / math.sqrt(2))),
    "exponential": lambda x: 0.5 + math.copysign(0.5 * -math.expm1(-abs(x)), x),
}
SHAPE = {  # at height 1 and width 1
    "rectangular": lambda x: 1.0 * (np.abs(x) < 1),
    "triangular": lambda x: np.maximum(0, 1 - np.abs(x)),
    "logistic": lambda x: 1 / np.cosh(x / 2) ** 2,
    "arctangent": lambda x: 1 / (1 + x**2),
    "fast_sigmoid": lambda x: 1 / (1 + np.abs(x)) ** 2,
    "gaussian": lambda x: np.exp(-(x**2) / 2),
    "exponential": lambda x: np.exp(-np.abs(x)),
}


def uniform(seed, counter):
    """SplitMix64 in integers without end."""
    mask = 2**64 - 1
    x = (seed * 0xD1342543DE82EF95 + counter) & mask
    for _ in range(2):
        x = (x + 0x9E3779B97F4A7C15) & mask
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & mask
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB & mask
        x ^= x >> 31
    return (x >> 11) / 2**53


def a_network(name="lif and alif", trace_tau_s=(), **changes):
    """Parameters in float64; adaptation time constants and thresholds differ between neurons."""
    settings = {
        "neurons": N,
        "membrane_tau_s": (0.02, 0.2),
        "tau_groups": 4,
        "adaptation_tau_s": 0.1,
        "adaptation_strength": 0.5,
        "readout_tau_s": 0.03,
        "threshold": 0.8,
        "surrogate": SurrogateSettings(height=0.4, width=1.3),
    }
    network = NetworkSettings(**(settings | NETWORKS[name] | changes))
    params = build_params(network, STEP_S, np.dtype(np.float64), 5, trace_tau_s)
    return params._replace(
        rho=np.linspace(0.8, 0.97, N), threshold=params.threshold * np.linspace(0.9, 1.2, N)
    )


def a_task(rule, params, bias=True, seed=0):
    """Weights that make neurons spike under the rule's input gain, inputs, targets, feedback."""
    rng = np.random.default_rng(seed)
    scale = 1 / (1 - params.alpha) if rule.input_gain == "one_minus_alpha" else 1.0
    w = rng.normal(0, 0.5, (K + N + bias, N)) * scale
    w[:K] += 0.15 * scale
    np.fill_diagonal(w[K : K + N], 0)
    weights = Weights(w, rng.normal(0, 0.8, (N + bias, M)))
    inputs = (rng.random((B, T, K)) < 0.4) * rng.uniform(0.5, 1.5, (B, T, K))
    targets = rng.normal(size=(B, T, M))
    if rule.loss == "softmax":
        targets = np.eye(M)[rng.integers(0, M, (B, T))]
    targets[rng.random((B, T)) < 0.1] = np.nan
    if rule.loss == "squared":
        targets[rng.random((B, T, M)) < 0.1] = np.nan
    feedback = rng.normal(size=(N, M)) if rule.feedback == "given" else None
    return weights, inputs, targets, feedback


def spiking(p, u, draw):
    """Who spikes at distance u (N,) from the threshold; `draw` counts the steps so far."""
    if not p.escape:
        return 1.0 * (u > 0)
    below = BELOW[KINDS[p.surrogate]]
    chances = [below(x / p.shape[1]) for x in u]
    return 1.0 * np.array([uniform(p.seed, draw * N + j) < chances[j] for j in range(N)])


def judged(rule, y, d):
    """Output, error and loss of one step whose readout says y where d (M,) is asked for."""
    if rule.loss == "squared":
        error = np.where(np.isnan(d), 0, y - d)
        return y, error, 0.5 * error @ error
    y = np.exp(y) / np.exp(y).sum()
    if np.isnan(d).any():
        return y, np.zeros(M), 0.0
    return y, y - d, -d @ np.log(y)


def prepared(rule, p, weights, inputs, targets):
    """Weights with rows for biases, input gain, trials as the rule cuts them, factor of a mean."""
    gain = 1 - p.alpha if rule.input_gain == "one_minus_alpha" else np.ones(N)
    w = np.concatenate([weights.w, np.zeros((K + N + 1 - len(weights.w), N))])
    w_out = np.concatenate([weights.w_out, np.zeros((N + 1 - len(weights.w_out), M))])
    targets = targets.copy()
    if rule.window_steps:
        targets[:, : -rule.window_steps] = np.nan
    if not rule.trial_reset:
        inputs, targets = inputs.reshape(1, -1, K), targets.reshape(1, -1, M)
    factor = 1 / len(inputs)
    if rule.mean_over_window:
        factor /= rule.window_steps or T
    return gain, Weights(w, w_out), inputs, targets, factor


class Traces:
    """Of every synapse (K + N + 1, N)."""

    def __init__(self, p):
        self.p = p
        self.current, self.eps_v, self.eps_a, self.ebar, self.filtered_eps_v = (
            np.zeros((K + N + 1, N)) for _ in range(5)
        )
        self.filtered_psi = np.zeros(N)

    def learn(self, rule, s, psi):
        """e and its filtered version of this step."""
        p = self.p

        def filtered(old, new):
            return p.kappa_e * old + p.kappa_e_in * new

        self.current = p.alpha_s * self.current + s
        self.eps_v = p.alpha * self.eps_v + self.current
        if rule.eligibility == "full":
            e = psi * (self.eps_v - p.beta * self.eps_a)
            self.eps_a = p.rho * self.eps_a + e
            self.ebar = filtered(self.ebar, e)
            return e, self.ebar
        e = psi * self.eps_v
        self.filtered_eps_v = filtered(self.filtered_eps_v, self.eps_v)
        self.filtered_psi = filtered(self.filtered_psi, psi)
        return e, {
            "unfiltered": e,
            "presynaptic_filter": psi * self.filtered_eps_v,
            "rank_one": self.filtered_psi * self.eps_v,
        }[rule.eligibility]


def written_out(rule, p, weights, inputs, targets, feedback):
    """Every equation of the rule, every synapse, every step; one trial after the other."""
    given = weights
    gain, (w, w_out), inputs, targets, factor = prepared(rule, p, weights, inputs, targets)
    b = w_out[:N] if feedback is None else feedback
    height, width = p.shape
    loss, penalty, g, g_out = 0.0, 0.0, np.zeros_like(w), np.zeros_like(w_out)
    spikes, outputs, psis, draw = [], [], [], 0
    for x_all, d_all in zip(inputs, targets, strict=True):
        v, a, z, wait, zf, current = (np.zeros(N) for _ in range(6))
        traces, sum_e, sum_v = Traces(p), 0.0, 0.0
        count, steps = np.zeros(N), len(x_all)
        for x, d in zip(x_all, d_all, strict=True):
            s = np.concatenate([x, z, [1.0]])
            current = p.alpha_s * current + gain * (s @ w)
            if p.carries:  # reset at once
                v = p.alpha * (v - p.v_th * z) + current
            else:
                v = p.alpha * v + current - p.v_th * z
            a = p.rho * a + z
            u = (v - p.threshold - p.beta * a) / p.v_th
            awake = wait == 0
            z = awake * spiking(p, u, draw)
            psi = awake * height * SHAPE[KINDS[p.surrogate]](u / width) / p.v_th
            wait = np.where(z > 0, p.refractory, np.maximum(wait - 1, 0))
            e, ebar = traces.learn(rule, gain * s[:, None], psi)
            sum_e += e
            sum_v += v * traces.eps_v
            penalty += rule.voltage_l2 / 2 / steps * v @ v
            zf = p.kappa * zf + (1 if p.carries else 1 - p.kappa) * z
            y, error, step_loss = judged(rule, np.append(zf, 1.0) @ w_out, d)
            loss += step_loss
            g += (b @ error) * ebar
            g_out += np.outer(np.append(zf, 1.0), error)
            count += z
            draw += 1
            spikes.append(z)
            outputs.append(y)
            psis.append(psi)
        rate = count / steps
        penalty += rule.rate_strength / 2 * ((rate - rule.rate_target) ** 2).sum()
        penalty += rule.spike_l1 * rate.sum()
        on_spikes = rule.rate_strength * (rate - rule.rate_target) + rule.spike_l1
        g += on_spikes / steps * sum_e + rule.voltage_l2 / steps * sum_v
    if not rule.autapses:
        np.fill_diagonal(g[K : K + N], 0)
    assert_alive(np.array(spikes), np.array(psis))
    return TrialGradient(
        loss * factor,
        g[: len(given.w)] * factor,
        g_out[: len(given.w_out)] * factor,
        np.reshape(spikes, (B, T, N)),
        np.reshape(outputs, (B, T, M)),
        penalty * factor,
    )


def assert_alive(z, psi):
    """A silent network passes anything."""
    assert 0.05 < z.mean() < 0.6
    assert (z.sum(axis=0) > 0).sum() > N / 2
    assert (psi > 0).mean() > 0.2
