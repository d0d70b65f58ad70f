"""Neurons with escape noise: spikes are drawn from the noise whose density the surrogate is."""

import numpy as np
import pytest
from pydantic import ValidationError

from eprop_rt.build import build_membrane, build_params
from eprop_rt.config import NetworkSettings, RuleSettings, SurrogateSettings
from eprop_rt.gradient import trial_gradient
from eprop_rt.kernels.counter import uniform
from eprop_rt.kernels.neuron import advance
from eprop_rt.kernels.surrogate import KINDS, apply_surrogate, escape_probability
from gradient_oracle import BELOW, a_network, a_task
from gradient_oracle import uniform as uniform_written_out

WIDTH, THRESHOLD = 0.6, 0.8
DISTANCES = np.array([-2.3, -0.9, -0.59, -0.2, 0.0, 0.25, 0.61, 1.4, 3.0])  # in thresholds
NEURONS = 10_000


def noisy(kind, neurons, dtype=np.float64, seed=7, **changes):
    """Neurons without memory, whose voltage is what drives them at this step."""
    settings = NetworkSettings(
        neurons=neurons,
        adaptive_fraction=0.0,
        tau_groups=1,
        threshold=THRESHOLD,
        spikes="escape",
        surrogate=SurrogateSettings(kind=kind, height=None, width=WIDTH),
        **changes,
    )
    params = build_params(settings, 0.05, np.dtype(dtype), seed)
    return params._replace(alpha=np.zeros(neurons, dtype))


def one_step(params, voltage, draw=0):
    """Spikes of rested neurons."""
    dtype = params.alpha.dtype
    z, psi = np.zeros(len(voltage), dtype), np.zeros(len(voltage), dtype)
    membrane = build_membrane(len(voltage), dtype)
    advance(params, membrane, voltage.astype(dtype), z, psi, draw)
    return z, psi


@pytest.mark.parametrize("kind", KINDS)
def test_the_probability_is_that_of_the_noise_to_stay_below(kind):
    params = noisy(kind, 1)
    for u in DISTANCES:
        assert escape_probability(params, u) == pytest.approx(BELOW[kind](u / WIDTH), abs=1e-15)


@pytest.mark.parametrize("kind", KINDS)
def test_neurons_spike_as_often_as_their_probability_says(kind):
    """At each distance from the threshold 10 000 draws, to four standard errors."""
    params = noisy(kind, NEURONS)
    shares = []
    for step, u in enumerate(DISTANCES):
        z, _ = one_step(params, np.full(NEURONS, THRESHOLD * (1 + u)), step * NEURONS)
        p = escape_probability(params, u)
        assert abs(z.mean() - p) <= 4 * np.sqrt(p * (1 - p) / NEURONS)
        shares.append(z.mean())
    assert (np.diff(shares) >= 0).all()
    assert shares[0] < 0.3
    assert shares[-1] > 0.7


@pytest.mark.parametrize("kind", KINDS)
def test_psi_is_the_derivative_of_that_probability_by_the_voltage(kind):
    """Not at the corners of the rectangle, where there is none."""
    params, h = noisy(kind, 1), 1e-6
    seen = 0
    for u in np.arange(-1.987, 2, 0.05):
        higher, lower = escape_probability(params, u + h), escape_probability(params, u - h)
        psi = np.array([u])
        apply_surrogate(params, psi)
        assert psi[0] == pytest.approx((higher - lower) / (2 * h * THRESHOLD), abs=1e-6)
        seen += psi[0] > 1e-3
    assert seen > 15


def test_a_draw_is_a_function_of_seed_step_and_neuron_alone():
    voltage = THRESHOLD * (1 + np.linspace(-1, 1, 500))
    params, other_seed = noisy("gaussian", 500), noisy("gaussian", 500, seed=8)
    z, _ = one_step(params, voltage, 3000)
    np.testing.assert_array_equal(z, one_step(params, voltage, 3000)[0])
    assert (z != one_step(params, voltage, 3500)[0]).any()
    assert (z != one_step(other_seed, voltage, 3000)[0]).any()
    chances = [escape_probability(params, (v - THRESHOLD) / THRESHOLD) for v in voltage]
    drawn = [uniform_written_out(7, 3000 + j) for j in range(500)]
    np.testing.assert_array_equal(z, np.array(drawn) < chances)
    assert 0.2 < z.mean() < 0.8


def test_random_numbers_are_those_of_splitmix_written_out():
    for seed, counter in ((0, 0), (5, 1), (2**63 - 1, 10**12), (7, 2**62)):
        assert uniform(seed, counter) == uniform_written_out(seed, counter)


def test_a_trial_replays_to_the_bit_and_every_trial_of_a_batch_draws_anew():
    rule, params = RuleSettings(), a_network("escape noise lif")
    weights, inputs, targets, _ = a_task(rule, params)
    inputs[1:], targets[1:] = inputs[0], targets[0]
    once, again = (trial_gradient(rule, params, weights, inputs, targets) for _ in range(2))
    for one, other in zip(once, again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert (once.spikes[0] != once.spikes[1]).any()
    reseeded = trial_gradient(rule, params._replace(seed=6), weights, inputs, targets)
    assert (once.spikes != reseeded.spikes).any()


def test_a_refractory_neuron_draws_no_spike():
    params = noisy("logistic", 2)
    membrane, z, psi = build_membrane(2, np.dtype(np.float64)), np.zeros(2), np.zeros(2)
    membrane.wait[0] = 1
    advance(params, membrane, np.full(2, 100.0), z, psi, 0)
    assert z.tolist() == [0, 1]
    assert psi[0] == 0


def test_drive_that_is_no_number_shows():
    """A NaN draws no spike, but the voltage keeps it: a guard sees it."""
    params = noisy("gaussian", 1)
    membrane, z, psi = build_membrane(1, np.dtype(np.float64)), np.zeros(1), np.zeros(1)
    advance(params, membrane, np.array([np.nan]), z, psi, 0)
    assert np.isnan(membrane.v[0])
    assert np.isnan(psi[0])


def test_a_surrogate_that_is_no_density_is_refused():
    with pytest.raises(ValidationError, match="is then the density of the noise, set its height"):
        NetworkSettings(spikes="escape", surrogate=SurrogateSettings(height=0.3))
