import numpy as np
import pytest

from eprop_rt.closed_loop.population import CosinePopulation, PopulationSettings
from eprop_rt.errors import ConfigError

REST = np.zeros(2)


def heading(degrees: float, speed_cm_s: float = 17.0) -> np.ndarray:
    angle = np.deg2rad(degrees)
    return speed_cm_s * np.array([np.cos(angle), np.sin(angle)])


def test_counts_are_poisson_at_the_stated_rates():
    population = CosinePopulation(PopulationSettings(), seed=3)
    velocity, draws = heading(40), 4000
    expected = population.rates_hz(velocity) * 0.02
    counts = np.array([population.counts(velocity, 0.02) for _ in range(draws)])
    error = np.abs(counts.mean(axis=0) - expected)
    assert np.all(error <= 5 * np.sqrt(expected / draws))
    assert counts.var(axis=0).sum() == pytest.approx(expected.sum(), rel=0.05)


def test_rates_at_rest_lie_in_the_range_of_baselines():
    rates = CosinePopulation(PopulationSettings(baselines_hz=(6.0, 9.0)), seed=0).rates_hz(REST)
    assert rates.shape == (96,)
    assert 6.0 <= rates.min() < 6.5
    assert 8.5 < rates.max() <= 9.0


def test_a_unit_is_silent_rather_than_negative():
    rates = CosinePopulation(PopulationSettings(), seed=0).rates_hz(heading(0, 200.0))
    assert rates.min() == 0.0


def test_preferred_directions_cover_the_circle():
    settings = PopulationSettings(untuned_fraction=0.0, baselines_hz=(100.0, 100.0))
    population = CosinePopulation(settings, seed=5)
    x = population.rates_hz(heading(0)) - population.rates_hz(REST)
    y = population.rates_hz(heading(90)) - population.rates_hz(REST)
    angles = np.sort(np.arctan2(y, x))
    gaps = np.diff(np.append(angles, angles[0] + 2 * np.pi))
    assert gaps.max() <= 2 * 2 * np.pi / 96 + 1e-9
    depths = np.hypot(x, y)
    assert depths.min() >= 5.0 - 1e-9
    assert depths.max() <= 25.0 + 1e-9


def test_untuned_units_do_not_care_where_the_movement_goes():
    population = CosinePopulation(PopulationSettings(untuned_fraction=0.25), seed=1)
    away = [population.rates_hz(heading(a)) for a in (0, 90, 180, 270)]
    same = np.all(np.isclose(away, population.rates_hz(REST)), axis=0)
    assert same.sum() == 24


def test_a_seed_fixes_tuning_and_draws():
    first, second, other = (CosinePopulation(PopulationSettings(), seed) for seed in (7, 7, 8))
    assert np.array_equal(first.counts(heading(10), 0.1), second.counts(heading(10), 0.1))
    assert not np.array_equal(first.rates_hz(REST), other.rates_hz(REST))


def test_a_restart_draws_anew_from_the_same_tuning():
    population = CosinePopulation(PopulationSettings(), seed=7)
    rates, counts = population.rates_hz(heading(10)), population.counts(heading(10), 0.1)
    population.restart(1)
    assert np.array_equal(population.rates_hz(heading(10)), rates)
    again = population.counts(heading(10), 0.1)
    assert not np.array_equal(again, counts)
    population.restart(1)
    assert np.array_equal(population.counts(heading(10), 0.1), again)


@pytest.mark.parametrize("bounds", [(20.0, 4.0), (-1.0, 4.0)])
def test_a_range_that_is_not_one_is_refused_by_name(bounds):
    with pytest.raises(ConfigError, match=r"depths_hz is .*expected 0 <= low <= high"):
        PopulationSettings(depths_hz=bounds)
