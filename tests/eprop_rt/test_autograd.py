"""Every gradient against PyTorch's tape: e-prop is backpropagation with two paths cut.

One tape for all: with recurrence and reset stopped it must give e-prop, with both open
backpropagation through time.
"""

import itertools

import numpy as np
import pytest

from eprop_rt.config import RuleSettings, SurrogateSettings
from eprop_rt.gradient import trial_gradient
from eprop_rt.kernels.surrogate import KINDS
from gradient_oracle import NETWORKS, K, N, a_network, a_task, written_out

pytest.importorskip("torch", reason="PyTorch is not installed: no peer to compare with")
from autograd_peer import on_tape

PENALTIES = {"rate_strength": 30.0, "rate_target": 0.1, "spike_l1": 5.0, "voltage_l2": 2.0}
THROUGH = [
    {"through_recurrence": recurrence, "through_reset": reset}
    for recurrence, reset in itertools.product((False, True), repeat=2)
]


def assert_same(came, expected):
    assert np.abs(came.w).max() > 1e-2
    assert np.abs(came.w[K : K + N]).max() > 1e-2
    assert came.loss == pytest.approx(expected.loss, rel=1e-12)
    assert came.penalty == pytest.approx(expected.penalty, rel=1e-12)
    np.testing.assert_array_equal(came.spikes, expected.spikes)
    assert 0.05 < came.spikes.mean() < 0.6
    np.testing.assert_allclose(came.w, expected.w, rtol=0, atol=1e-10)
    np.testing.assert_allclose(came.w_out, expected.w_out, rtol=0, atol=1e-10)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("loss", ["squared", "softmax"])
def test_eprop_is_backpropagation_with_recurrence_and_reset_stopped(network, loss):
    """Three ways: the adjoint, the traces written out, the tape."""
    rule = RuleSettings(loss=loss, window_steps=30, autapses=True)
    params = a_network(network)
    task = a_task(rule, params)
    expected = on_tape(rule, params, *task)
    assert_same(trial_gradient(rule, params, *task), expected)
    assert_same(written_out(rule, params, *task), expected)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("through", THROUGH)
@pytest.mark.parametrize("feedback", ["symmetric", "given"])
def test_a_tape_agrees_on_penalties_and_on_what_passes_recurrence_and_reset(
    network, through, feedback
):
    rule = RuleSettings(input_gain="one_minus_alpha", feedback=feedback, **PENALTIES, **through)
    params = a_network(network)
    task = a_task(rule, params)
    assert_same(trial_gradient(rule, params, *task), on_tape(rule, params, *task))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("through", [THROUGH[0], THROUGH[-1]])
@pytest.mark.parametrize("spikes", ["threshold", "escape"])
def test_the_tape_of_a_noise_s_distribution_has_every_surrogate(kind, through, spikes):
    """No surrogate is on the tape: only the probability to exceed the noise it stands for."""
    rule = RuleSettings(**PENALTIES, **through)
    height = None if spikes == "escape" else 0.4
    surrogate = SurrogateSettings(kind=kind, height=height, width=1.3)
    params = a_network(surrogate=surrogate, spikes=spikes)
    task = a_task(rule, params)
    assert_same(trial_gradient(rule, params, *task), on_tape(rule, params, *task))
