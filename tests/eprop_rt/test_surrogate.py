"""Every surrogate has its height and its area, and is the density of the noise it stands for."""

from typing import get_args

import numpy as np
import pytest

from eprop_rt.build import build_membrane, build_params
from eprop_rt.config import NetworkSettings, SurrogateSettings
from eprop_rt.kernels import surrogate
from eprop_rt.kernels.neuron import advance
from eprop_rt.kernels.surrogate import AREA, KINDS
from gradient_oracle import BELOW

NOISE = {
    "rectangular": lambda rng, n: rng.uniform(-1, 1, n),
    "triangular": lambda rng, n: rng.triangular(-1, 0, 1, n),
    "logistic": lambda rng, n: rng.logistic(0, 1, n),
    "arctangent": lambda rng, n: rng.standard_cauchy(n),
    "fast_sigmoid": lambda rng, n: rng.laplace(0, 1, n) / rng.exponential(1, n),
    "gaussian": lambda rng, n: rng.normal(0, 1, n),
    "exponential": lambda rng, n: rng.laplace(0, 1, n),
}


def population(kind, neurons, threshold=1.0, **surrogate_settings):
    """Neurons without memory: their voltage is what drives them at this step."""
    settings = NetworkSettings(
        neurons=neurons,
        adaptive_fraction=0.0,
        tau_groups=1,
        threshold=threshold,
        surrogate=SurrogateSettings(kind=kind, **surrogate_settings),
    )
    params = build_params(settings, 0.05, np.dtype(np.float64))
    return params._replace(alpha=np.zeros(neurons))


def shape(kind, u, height, width):
    """The kernel of that name."""
    return getattr(surrogate, kind)(u, height, width)


def one_step(params, drive):
    """Spikes and pseudo-derivatives of rested neurons."""
    z, psi = np.zeros(len(drive)), np.zeros(len(drive))
    advance(params, build_membrane(len(drive), drive.dtype), drive, z, psi, 0)
    return z, psi


def test_the_settings_offer_what_the_kernels_know():
    offered = get_args(SurrogateSettings.model_fields["kind"].annotation)
    assert offered == KINDS == tuple(NOISE) == tuple(BELOW)


@pytest.mark.parametrize("kind", KINDS)
def test_it_has_its_height_at_the_threshold_falls_on_both_sides_and_scales_with_its_width(kind):
    params = population(kind, 1, height=0.37, width=0.6, threshold=2.5)
    _, (at_threshold,) = one_step(params, np.array([2.5]))
    assert at_threshold == pytest.approx(0.37 / 2.5)
    for x in (0.3, 0.9, 1.1, 4.0):
        value = shape(kind, 0.6 * x, 0.37, 0.6)
        assert value == shape(kind, -0.6 * x, 0.37, 0.6)
        assert value == pytest.approx(0.37 * shape(kind, x, 1.0, 1.0))
        assert 0 <= value <= 0.37
        _, (psi,) = one_step(params, np.array([2.5 * (1 + 0.6 * x)]))
        assert psi == pytest.approx(value / 2.5, abs=1e-12)
    assert shape(kind, 4.0, 1.0, 1.0) < 0.1


@pytest.mark.parametrize("width", [0.4, 1.7])
@pytest.mark.parametrize("kind", KINDS)
def test_without_a_height_its_area_over_the_voltage_is_one(kind, width):
    """Trapezoids on a grid that widens as sinh; the tails beyond it are 2 / (area x) at most."""
    threshold = 0.8
    grid = np.sinh(np.linspace(-14, 14, 20001))
    params = population(kind, len(grid), threshold, height=None, width=width)
    drive = threshold * (1 + width * grid)
    _, psi = one_step(params, drive)
    area = np.sum((psi[1:] + psi[:-1]) / 2 * np.diff(drive))
    assert area == pytest.approx(1.0, abs=1e-3)
    stated = shape(kind, 0.0, 1.0, 1.0) / AREA[KINDS.index(kind)]
    assert params.shape[0] == pytest.approx(stated / width)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_derivative_of_the_probability_to_exceed_its_noise(kind):
    width, h = 0.7, 1e-5
    height = 1 / (AREA[KINDS.index(kind)] * width)
    for u in np.arange(-2.05, 2.1, 0.1):
        slope = (BELOW[kind]((u + h) / width) - BELOW[kind]((u - h) / width)) / (2 * h)
        assert shape(kind, u, height, width) == pytest.approx(slope, abs=2e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_refractory_neuron_has_none(kind):
    params = population(kind, 2)
    membrane, z, psi = build_membrane(2, np.dtype(np.float64)), np.zeros(2), np.zeros(2)
    membrane.wait[0] = 1
    advance(params, membrane, np.ones(2), z, psi, 0)
    assert psi[0] == 0
    assert psi[1] == pytest.approx(0.3)


@pytest.mark.parametrize("kind", KINDS)
def test_neurons_with_that_noise_on_their_threshold_fire_as_its_integral_says(kind):
    """The share that fires at u is the integral of the pseudo-derivative up to u."""
    draws, width = 20_000, 0.5
    noise = width * NOISE[kind](np.random.default_rng(3), draws)
    params = population(kind, draws, height=None, width=width)
    levels = np.array([-0.8, -0.3, 0.0, 0.2, 0.7])
    fired = [one_step(params, 1 + u - noise)[0].mean() for u in levels]
    for one, other, low, high in zip(fired, fired[1:], levels, levels[1:], strict=False):
        grid = np.linspace(low, high, draws)
        _, psi = one_step(params, 1 + grid)
        assert other - one > 0.01
        assert other - one == pytest.approx(psi.mean() * (high - low), abs=4 * 0.5 / draws**0.5)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            "triangular",
            [
                0.21030100902759,
                0.18933659619924,
                0.17036721102500,
                0.15320300152221,
                0.13767218251307,
            ],
        ),
        (
            "exponential",
            [
                0.28011776848615,
                0.26861558105999,
                0.25861553046549,
                0.24988832085299,
                0.24224569105944,
            ],
        ),
        (
            "fast_sigmoid",
            [
                0.20044113201621,
                0.19020804299944,
                0.18160934703950,
                0.17432167613232,
                0.16809903522604,
            ],
        ),
        (
            "arctangent",
            [
                0.37433498786304,
                0.36073812744784,
                0.34852165076370,
                0.33759316659435,
                0.32784181049728,
            ],
        ),
    ],
)
def test_a_decaying_voltage_has_the_surrogates_that_nest_has(kind, expected):
    """NEST 3.10, test_eprop_plasticity: tau 10 ms, threshold .6, weight .3, height .5, slope 1.7.

    Spikes arrive at steps 2, 3, 4, 6, 10 and 12; the neuron fires at 4 and 10 and is masked for
    two steps after each (t_ref 3). NEST resets at once, as `eprop_plus` does.
    """
    settings = NetworkSettings(
        convention="eprop_plus",
        neurons=1,
        adaptive_fraction=0.0,
        tau_groups=1,
        membrane_tau_s=(0.01, 0.01),
        threshold=0.6,
        refractory_s=0.002,
        surrogate=SurrogateSettings(kind=kind, height=0.5 * 0.6, width=1 / 1.7 / 0.6),
    )
    params = build_params(settings, 0.001, np.dtype(np.float64))
    arrivals = np.zeros((19, 1))
    arrivals[[2, 3, 4, 6, 10, 12]] = 0.3
    membrane, z, psi = build_membrane(1, arrivals.dtype), np.zeros(1), np.zeros(1)
    psis, spikes = [], []
    for t in range(19):
        advance(params, membrane, arrivals[t], z, psi, t)
        psis.append(psi[0])
        spikes += [t] * int(z[0])
    assert spikes == [4, 10]
    np.testing.assert_allclose(psis[14:], expected, rtol=1e-12)


def test_single_precision_stays_close_to_double():
    u = np.linspace(-3, 3, 25)
    for kind in KINDS:
        double = [shape(kind, value, 0.3, 0.7) for value in u]
        real = np.float32
        single = [shape(kind, real(value), real(0.3), real(0.7)) for value in u]
        np.testing.assert_allclose(single, double, rtol=1e-4, atol=1e-6)
