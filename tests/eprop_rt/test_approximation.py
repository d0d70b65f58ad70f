"""The approximate eligibility traces: each is what it says, and says how far it is off."""

import numpy as np
import pytest
from pydantic import ValidationError

from eprop_rt.approximation import approximation_cosines, cosine
from eprop_rt.config import RuleSettings
from eprop_rt.errors import DataError
from eprop_rt.gradient import trial_gradient
from eprop_rt.structs import Weights
from gradient_oracle import NETWORKS, a_network, a_task, written_out

APPROXIMATE = ("unfiltered", "presynaptic_filter", "rank_one")
RULES = {
    "squared error": {},
    "softmax in a window": {"loss": "softmax", "window_steps": 15, "feedback": "given"},
    "penalties": {"rate_strength": 30.0, "spike_l1": 5.0, "voltage_l2": 2.0},
}


@pytest.mark.parametrize("eligibility", APPROXIMATE)
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", RULES)
def test_it_is_its_definition_written_out_synapse_by_synapse(eligibility, network, name):
    rule, params = RuleSettings(eligibility=eligibility, **RULES[name]), a_network(network)
    task = a_task(rule, params)
    came, expected = trial_gradient(rule, params, *task), written_out(rule, params, *task)
    assert np.abs(expected.w).max() > 1e-2
    np.testing.assert_allclose(came.w, expected.w, rtol=0, atol=1e-11 * np.abs(expected.w).max())
    np.testing.assert_allclose(came.w_out, expected.w_out, rtol=0, atol=1e-11)
    assert came.loss == pytest.approx(expected.loss)


def test_without_filter_and_adaptation_all_of_them_are_the_full_rule():
    params = a_network("lif")._replace(kappa_e=0.0, kappa_e_in=1.0)
    task = a_task(RuleSettings(), params)
    full = trial_gradient(RuleSettings(), params, *task).w
    assert np.abs(full).max() > 1e-2
    for eligibility in APPROXIMATE:
        came = trial_gradient(RuleSettings(eligibility=eligibility), params, *task).w
        np.testing.assert_allclose(came, full, rtol=0, atol=1e-12 * np.abs(full).max())
    for value in approximation_cosines(RuleSettings(), params, *task).values():
        assert value == pytest.approx(1.0, abs=1e-12)


def test_cosines_are_those_of_the_gradients_to_the_full_rule_s():
    rule, params = RuleSettings(rate_strength=30.0, rate_target=0.1), a_network()
    task = a_task(rule, params)
    full = written_out(rule, params, *task).w.ravel()
    cosines = approximation_cosines(rule, params, *task)
    assert tuple(cosines) == APPROXIMATE
    for eligibility, came in cosines.items():
        changed = rule.model_copy(update={"eligibility": eligibility})
        g = written_out(changed, params, *task).w.ravel()
        assert came == pytest.approx(full @ g / np.sqrt((full @ full) * (g @ g)), abs=1e-12)
        assert 0.2 < came < 0.999
    assert len(set(cosines.values())) == 3


def test_a_cosine_is_of_direction_alone():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(5, 3))
    assert cosine(a, 7 * a) == pytest.approx(1.0)
    assert cosine(a, -a) == pytest.approx(-1.0)
    assert cosine(np.array([1.0, 0.0]), np.array([1.0, 1.0])) == pytest.approx(0.5**0.5)


def test_what_points_nowhere_has_no_cosine():
    rule, params = RuleSettings(), a_network()
    weights, inputs, targets, _ = a_task(rule, params)
    silent = Weights(0 * weights.w - 100, weights.w_out)
    with pytest.raises(DataError, match="a gradient is zero and points nowhere"):
        approximation_cosines(rule, params, silent, inputs, targets)
    with pytest.raises(DataError, match=r"arrays \(2,\) and \(3,\) came: give two of one shape"):
        cosine(np.ones(2), np.ones(3))


@pytest.mark.parametrize("through", ["through_recurrence", "through_reset"])
def test_it_approximates_eprop_and_nothing_that_goes_further(through):
    with pytest.raises(ValidationError, match="leave both off or set eligibility: full"):
        RuleSettings(eligibility="rank_one", **{through: True})
