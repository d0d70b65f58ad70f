"""The public gradient of a trial, against the rule written out synapse by synapse, step by step."""

import itertools

import numpy as np
import pytest

from eprop_rt.config import RuleSettings, SurrogateSettings
from eprop_rt.errors import ConfigError, DataError
from eprop_rt.gradient import trial_gradient
from eprop_rt.kernels.surrogate import KINDS
from eprop_rt.structs import Weights
from gradient_oracle import NETWORKS, B, K, M, N, T, a_network, a_task, written_out

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
    "price of spikes": {"spike_l1": 5.0},
    "price of voltage": {"voltage_l2": 2.0},
    "all of them": {
        "input_gain": "one_minus_alpha",
        "loss": "softmax",
        "window_steps": 25,
        "mean_over_window": True,
        "feedback": "given",
        "rate_strength": 30.0,
        "spike_l1": 5.0,
        "voltage_l2": 2.0,
    },
    "autapses": {"autapses": True},
    "one long trial": {
        "trial_reset": False,
        "window_steps": 9,
        "rate_strength": 30.0,
        "voltage_l2": 2.0,
    },
}


def assert_same(came, expected, tolerance=1e-11):
    assert np.abs(expected.w).max() > 1e-3
    assert came.loss == pytest.approx(expected.loss, rel=tolerance)
    assert came.penalty == pytest.approx(expected.penalty, rel=tolerance)
    for one, other in zip(came[1:5], expected[1:5], strict=True):
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
    surrogate = SurrogateSettings(kind=kind, height=0.4, width=1.3)
    rule, params = RuleSettings(**RULES["all of them"]), a_network(surrogate=surrogate)
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
        {"spike_l1": 5.0},
        {"voltage_l2": 2.0},
        {"eligibility": "unfiltered"},
        {"eligibility": "presynaptic_filter"},
        {"eligibility": "rank_one"},
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
    assert whole.penalty == pytest.approx(np.mean([s.penalty for s in single]))
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


@pytest.mark.parametrize("eligibility", ["full", "presynaptic_filter", "rank_one"])
def test_single_precision_points_the_same_way(eligibility):
    rule = RuleSettings(**RULES["all of them"], eligibility=eligibility)
    params = a_network("current-based alif, refractory")
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
