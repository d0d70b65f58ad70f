"""The public gradient of a trial, against the rule written out synapse by synapse and step by step.

The oracle follows the text of the rule (traces, then learning signal), not the code under test
(adjoint, then one matrix product); PyTorch differentiates loss and regulariser by itself.
"""

import itertools

import numpy as np
import pytest

from eprop_rt.build import build_params
from eprop_rt.config import NetworkSettings, RuleSettings, SurrogateSettings
from eprop_rt.errors import ConfigError, DataError
from eprop_rt.gradient import TrialGradient, trial_gradient
from eprop_rt.kernels import surrogate
from eprop_rt.kernels.surrogate import KINDS
from eprop_rt.structs import Weights

B, K, N, M, T = 3, 4, 7, 3, 40
STEP_S = 0.01
NETWORKS = {
    "lif and alif": {},
    "lif": {"adaptive_fraction": 0.0},
    "alif, refractory": {"adaptive_fraction": 1.0, "refractory_s": 2 * STEP_S},
}
RULES = {
    "as it is by default": {},
    "input gain 1 - alpha": {"input_gain": "one_minus_alpha"},
    "softmax in a window, averaged": {
        "loss": "softmax",
        "window_steps": 15,
        "mean_over_window": True,
    },
    "feedback of its own": {"feedback": "given"},
    "firing rate": {"rate_strength": 30.0, "rate_target": 0.1},
    "all of them": {
        "input_gain": "one_minus_alpha",
        "loss": "softmax",
        "window_steps": 25,
        "mean_over_window": True,
        "feedback": "given",
        "rate_strength": 30.0,
    },
    "autapses": {"autapses": True},
    "one long trial": {"trial_reset": False, "window_steps": 9, "rate_strength": 30.0},
}


def a_network(name="lif and alif", kind="triangular", **changes):
    settings = NetworkSettings(
        neurons=N,
        membrane_tau_s=(0.02, 0.2),
        tau_groups=4,
        adaptation_tau_s=0.1,
        adaptation_strength=0.5,
        readout_tau_s=0.03,
        threshold=0.8,
        surrogate=SurrogateSettings(kind=kind, height=0.4, width=1.3),
        **{**NETWORKS[name], **changes},
    )
    params = build_params(settings, STEP_S, np.dtype(np.float64))
    return params._replace(rho=np.linspace(0.8, 0.97, N))


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


def judged(rule, y, d):
    """Output, error and loss of one step whose readout says y where d (M,) is asked for."""
    if rule.loss == "squared":
        error = np.where(np.isnan(d), 0, y - d)
        return y, error, 0.5 * error @ error
    y = np.exp(y) / np.exp(y).sum()
    if np.isnan(d).any():
        return y, np.zeros(M), 0.0
    return y, y - d, -d @ np.log(y)


def written_out(rule, p, weights, inputs, targets, feedback):
    """Every equation of the rule, every synapse, every step; one trial after the other."""
    gain = 1 - p.alpha if rule.input_gain == "one_minus_alpha" else np.ones(N)
    w = np.concatenate([weights.w, np.zeros((K + N + 1 - len(weights.w), N))])
    w_out = np.concatenate([weights.w_out, np.zeros((N + 1 - len(weights.w_out), M))])
    b = w_out[:N] if feedback is None else feedback
    shape = getattr(surrogate, KINDS[p.surrogate])
    targets = targets.copy()
    if rule.window_steps:
        targets[:, : -rule.window_steps] = np.nan
    if not rule.trial_reset:
        inputs, targets = inputs.reshape(1, -1, K), targets.reshape(1, -1, M)
    loss, g, g_out = 0.0, np.zeros_like(w), np.zeros_like(w_out)
    spikes, outputs, psis = [], [], []
    for x_all, d_all in zip(inputs, targets, strict=True):
        v, a, z, wait, zf = (np.zeros(N) for _ in range(5))
        eps_v, eps_a, ebar, sum_e = (np.zeros_like(w) for _ in range(4))
        count = np.zeros(N)
        for x, d in zip(x_all, d_all, strict=True):
            s = np.concatenate([x, z, [1.0]])
            v = p.alpha * v + gain * (s @ w) - p.v_th * z
            a = p.rho * a + z
            u = (v - p.v_th - p.beta * a) / p.v_th
            awake = wait == 0
            z = 1.0 * (awake & (u > 0))
            psi = awake * np.array([shape(i, p.gamma, p.width) for i in u]) / p.v_th
            wait = np.where(z > 0, p.refractory, np.maximum(wait - 1, 0))
            eps_v = p.alpha * eps_v + gain * s[:, None]
            e = psi * (eps_v - p.beta * eps_a)
            eps_a = p.rho * eps_a + e
            ebar = p.kappa * ebar + (1 - p.kappa) * e
            sum_e += e
            zf = p.kappa * zf + (1 - p.kappa) * z
            y = np.append(zf, 1.0) @ w_out
            y, error, step_loss = judged(rule, y, d)
            loss += step_loss
            g += (b @ error) * ebar
            g_out += np.outer(np.append(zf, 1.0), error)
            count += z
            spikes.append(z)
            outputs.append(y)
            psis.append(psi)
        steps = len(x_all)
        g += rule.rate_strength * (count / steps - rule.rate_target) / steps * sum_e
    if not rule.autapses:
        np.fill_diagonal(g[K : K + N], 0)
    factor = 1 / len(inputs)
    if rule.mean_over_window:
        factor /= rule.window_steps or T
    assert 0.05 < np.mean(spikes) < 0.6
    assert (np.array(psis) > 0).mean() > 0.2
    return TrialGradient(
        loss * factor,
        g[: len(weights.w)] * factor,
        g_out[: len(weights.w_out)] * factor,
        np.reshape(spikes, (B, T, N)),
        np.reshape(outputs, (B, T, M)),
    )


def assert_same(came, expected, tolerance=1e-11):
    assert np.abs(expected.w).max() > 1e-3
    assert came.loss == pytest.approx(expected.loss, rel=tolerance)
    for one, other in zip(came[1:], expected[1:], strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * np.abs(other).max())


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", RULES)
def test_a_trial_has_the_gradient_that_the_rule_written_out_has(network, name):
    rule, params = RuleSettings(**RULES[name]), a_network(network)
    task = a_task(rule, params)
    assert_same(trial_gradient(rule, params, *task), written_out(rule, params, *task))


@pytest.mark.parametrize("kind", KINDS)
def test_with_every_surrogate(kind):
    rule, params = RuleSettings(**RULES["all of them"]), a_network(kind=kind)
    task = a_task(rule, params)
    assert_same(trial_gradient(rule, params, *task), written_out(rule, params, *task))


def test_without_biases_the_arrays_have_no_row_for_them():
    rule, params = RuleSettings(), a_network()
    task = a_task(rule, params, bias=False)
    came = trial_gradient(rule, params, *task)
    assert came.w.shape == (K + N, N)
    assert came.w_out.shape == (N, M)
    assert_same(came, written_out(rule, params, *task))


def test_every_switch_changes_the_gradient():
    params = a_network()
    plain = RuleSettings()
    task = a_task(RuleSettings(feedback="given"), params)
    gradients = []
    for change in (
        {},
        {"input_gain": "one_minus_alpha"},
        {"window_steps": 15},
        {"mean_over_window": True},
        {"feedback": "given"},
        {"rate_strength": 30.0},
        {"autapses": True},
        {"trial_reset": False},
        {"through_recurrence": True},
        {"through_reset": True},
    ):
        rule = plain.model_copy(update=change)
        arrays = task if rule.feedback == "given" else (*task[:3], None)
        gradients.append(trial_gradient(rule, params, *arrays).w)
    for one, other in itertools.combinations(gradients, 2):
        assert np.abs(one - other).max() > 1e-3


def test_a_batch_is_the_mean_of_its_trials():
    rule, params = RuleSettings(**RULES["all of them"]), a_network()
    weights, inputs, targets, feedback = a_task(rule, params)
    whole = trial_gradient(rule, params, weights, inputs, targets, feedback)
    single = [
        trial_gradient(rule, params, weights, inputs[b : b + 1], targets[b : b + 1], feedback)
        for b in range(B)
    ]
    np.testing.assert_allclose(whole.w, np.mean([s.w for s in single], axis=0), rtol=1e-12)
    assert whole.loss == pytest.approx(np.mean([s.loss for s in single]))
    np.testing.assert_array_equal(whole.spikes, np.concatenate([s.spikes for s in single]))


def test_an_absent_target_at_the_last_step_removes_that_error_alone():
    rule, params = RuleSettings(), a_network()
    weights, inputs, targets, _ = a_task(rule, params)
    targets = np.nan_to_num(targets)
    whole = trial_gradient(rule, params, weights, inputs, targets)
    targets[:, -1] = np.nan
    without = trial_gradient(rule, params, weights, inputs, targets)
    targets[:, :-1] = np.nan
    targets[:, -1] = whole.outputs[:, -1] + 1
    assert 0 < without.loss < whole.loss
    np.testing.assert_array_equal(whole.spikes, without.spikes)
    assert np.abs(whole.w - without.w).max() > 1e-3


def test_single_precision_points_the_same_way():
    rule, params = RuleSettings(**RULES["all of them"]), a_network()
    task = a_task(rule, params)
    single = params._replace(
        **{
            name: field.astype(np.float32)
            for name, field in params._asdict().items()
            if getattr(field, "dtype", None) == np.float64
        }
    )
    came = trial_gradient(rule, single, *task)
    assert came.w.dtype == came.w_out.dtype == came.outputs.dtype == np.float32
    assert_same(came, trial_gradient(rule, params, *task), tolerance=1e-4)


def test_nothing_that_was_given_is_written():
    rule, params = RuleSettings(**RULES["all of them"]), a_network()
    weights, inputs, targets, feedback = a_task(rule, params)
    given = (*weights, inputs, targets, feedback)
    before = [array.copy() for array in given]
    trial_gradient(rule, params, weights, inputs, targets, feedback)
    for one, other in zip(before, given, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("through", list(itertools.product((False, True), repeat=2)))
@pytest.mark.parametrize("loss", ["squared", "softmax"])
def test_automatic_differentiation_agrees_on_loss_and_regulariser(network, through, loss):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: no peer to compare with")
    rule = RuleSettings(
        input_gain="one_minus_alpha",
        loss=loss,
        window_steps=30,
        rate_strength=30.0,
        autapses=True,
        through_recurrence=through[0],
        through_reset=through[1],
    )
    p = a_network(network)
    weights, inputs, targets, _ = a_task(rule, p)
    came = trial_gradient(rule, p, weights, inputs, targets)
    alpha, rho, beta = (torch.tensor(array) for array in (p.alpha, p.rho, p.beta))
    w, w_out = (torch.tensor(array, requires_grad=True) for array in weights)
    total, regulariser = (torch.zeros((), dtype=torch.float64) for _ in range(2))
    for x, d in zip(torch.tensor(inputs), torch.tensor(targets), strict=True):
        v, a, z, zf, wait, count = (torch.zeros(N, dtype=torch.float64) for _ in range(6))
        for t in range(T):
            back = z if through[0] else z.detach()
            v = alpha * v + (1 - alpha) * (torch.cat([x[t], back, torch.ones(1)]) @ w)
            v = v - float(p.v_th) * (z if through[1] else z.detach())
            a = rho * a + z
            u = (v - float(p.v_th) - beta * a) / float(p.v_th)
            slope = float(p.gamma) * torch.clamp(1 - u.detach().abs() / float(p.width), min=0)
            # Straight through: the value of a step, the derivative of the triangle under it.
            spike = (u.detach() > 0).double() + slope * (u - u.detach())
            z = (wait == 0).double() * spike
            wait = torch.where(z.detach() > 0, float(p.refractory), torch.clamp(wait - 1, min=0))
            zf = float(p.kappa) * zf + (1 - float(p.kappa)) * z
            count = count + z
            if t < T - 30:
                continue
            y = torch.cat([zf, torch.ones(1)]) @ w_out
            known = ~torch.isnan(d[t])
            if loss == "squared":
                total = total + 0.5 * ((y - d[t])[known] ** 2).sum()
            elif known.all():
                total = total - (d[t] * torch.log_softmax(y, 0)).sum()
        regulariser = regulariser + 30.0 / 2 * ((count / T - rule.rate_target) ** 2).sum()
    (total + regulariser).backward()
    assert came.loss == pytest.approx(total.item() / B, rel=1e-12)
    np.testing.assert_allclose(came.w, w.grad.numpy() / B, rtol=0, atol=1e-10)
    np.testing.assert_allclose(came.w_out, w_out.grad.numpy() / B, rtol=0, atol=1e-10)
    assert np.abs(came.w).max() > 1e-2


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"inputs": np.zeros((T, K))}, DataError, r"give \(B, T, K\) and \(B, T, M\)"),
        ({"inputs": np.zeros((B, T + 1, K))}, DataError, r"inputs \(3, 41, 4\) and targets"),
        ({"inputs": np.zeros((B, T, 0))}, DataError, "one is empty"),
        ({"inputs": np.full((B, T, K), np.nan)}, DataError, "inputs must be finite"),
        ({"targets": np.full((B, T, M), np.inf)}, DataError, "targets finite or NaN"),
        ({"w": np.zeros((N, K + N))}, DataError, r"give \(11, 7\), or \(12, 7\) with a bias"),
        ({"w_out": np.zeros((M, N))}, DataError, r"give \(7, 3\), or \(8, 3\) with a bias"),
        ({"feedback": np.zeros((M, N))}, DataError, r"feedback \(3, 7\) came: give \(7, 3\)"),
        ({"feedback": None}, ConfigError, "feedback is given and no matrix came"),
        ({"rule": RuleSettings()}, ConfigError, "feedback is symmetric and a matrix came"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(change, error, says):
    rule, params = RuleSettings(feedback="given"), a_network()
    weights, inputs, targets, feedback = a_task(rule, params)
    given = {
        "rule": rule,
        "w": weights.w,
        "w_out": weights.w_out,
        "inputs": inputs,
        "targets": targets,
        "feedback": feedback,
    } | change
    with pytest.raises(error, match=says) as raised:
        trial_gradient(
            given["rule"],
            params,
            Weights(given["w"], given["w_out"]),
            given["inputs"],
            given["targets"],
            given["feedback"],
        )
    assert "\n" not in str(raised.value)
