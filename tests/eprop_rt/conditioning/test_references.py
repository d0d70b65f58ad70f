import numpy as np
import pytest
from hypothesis import given, settings

from conditioned import some_cuts, stage, through
from eprop_rt.conditioning import regression
from eprop_rt.errors import ConfigError

RATE_HZ = 2000.0


def mixed(rows=800, channels=4, seed=1):
    """Channels that share two sources."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1, (rows, channels)) + rng.normal(0, 3, (rows, 2)) @ rng.normal(
        0, 1, (2, channels)
    )


def test_the_common_average_goes_and_absent_channels_are_not_in_it():
    x = mixed()
    x[10:20, 1] = np.nan
    x[15, :] = np.nan
    with np.errstate(invalid="ignore"):
        seen = np.isfinite(x)
        mean = np.where(seen, x, 0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    came = through(stage(4, kind="common_average"), x, [0.01, 0.02])
    np.testing.assert_allclose(came, x - mean[:, None], rtol=0, atol=1e-10)


def ridge_residual(past, x, ridge):
    """Each channel of x without its regression, fitted on `past`, on all others."""
    strength = ridge * (past**2).sum(axis=0).mean()
    out = np.empty_like(x)
    for c in range(x.shape[1]):
        others = [k for k in range(x.shape[1]) if k != c]
        a = np.vstack([past[:, others], np.sqrt(strength) * np.eye(len(others))])
        b = np.concatenate([past[:, c], np.zeros(len(others))])
        out[:, c] = x[:, c] - x[:, others] @ np.linalg.lstsq(a, b, rcond=None)[0]
    return out


@settings(max_examples=5, deadline=None, derandomize=True)
@given(cuts=some_cuts)
def test_the_regression_reference_is_least_squares_on_the_past(cuts):
    x = mixed()
    how = {"kind": "regression_reference", "refit_s": 0.1, "half_life_s": None, "ridge": 1e-3}
    came = through(stage(4, **how), x, cuts)
    expected = [x[:200] - x[:200].mean(axis=1, keepdims=True)]
    expected += [ridge_residual(x[:a], x[a : a + 200], 1e-3) for a in (200, 400, 600)]
    np.testing.assert_allclose(came, np.concatenate(expected), rtol=0, atol=1e-10)
    assert came[200:].std() < 0.6 * came[:200].std()
    assert (came == through(stage(4, **how), x)).all()


@pytest.mark.parametrize(("refit", "lag"), [(200, 4), (4, 4), (3, 3)])
@settings(max_examples=5, deadline=None, derandomize=True)
@given(cuts=some_cuts)
def test_the_fit_of_many_channels_is_spread_over_the_samples_behind_it(refit, lag, cuts):
    x = mixed()
    how = {"kind": "regression_reference", "refit_s": refit / RATE_HZ, "half_life_s": None}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(regression, "AT_ONCE", 3)  # and four come
        came = through(stage(4, **how), x, cuts)
    first = refit + lag
    average = x[:first] - x[:first].mean(axis=1, keepdims=True)
    np.testing.assert_allclose(came[:first], average, rtol=0, atol=1e-10)
    for begin in range(first, 800, refit):
        part = x[begin : begin + refit]
        expected = ridge_residual(x[: begin - lag], part, 1e-3)
        np.testing.assert_allclose(came[begin : begin + refit], expected, rtol=0, atol=1e-10)


def test_a_fit_of_many_channels_in_which_nothing_came_leaves_all_as_it_is():
    x = np.zeros((40, 4))
    x[20:] = mixed()[:20]
    how = {"kind": "regression_reference", "refit_s": 10 / RATE_HZ}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(regression, "AT_ONCE", 3)
        came = through(stage(4, **how), x)
    assert (came[20:30] == x[20:30]).all()
    assert np.isfinite(came).all()


def test_the_past_of_a_regression_fades():
    x = np.concatenate([mixed(200), mixed(400, seed=2)])
    how = {"kind": "regression_reference", "refit_s": 0.1, "half_life_s": 0.1}
    came = through(stage(4, **how), x)[400:]
    weighted = np.concatenate([np.sqrt(0.5) * x[:200], x[200:400]])
    np.testing.assert_allclose(came, ridge_residual(weighted, x[400:], 1e-3), rtol=0, atol=1e-10)


def test_an_absent_channel_takes_nothing_from_the_others_and_foretells_nothing():
    x = mixed()
    x[:, 3] = np.nan
    how = {"kind": "regression_reference", "refit_s": 0.1, "half_life_s": None}
    came = through(stage(4, **how), x)
    assert np.isnan(came[:, 3]).all()
    assert np.isfinite(came[:, :3]).all()
    strength = 1e-3 * (x[:200, :3] ** 2).sum() / 4 / (x[:200, :3] ** 2).sum(axis=0).mean()
    expected = ridge_residual(x[:200, :3], x[200:400, :3], strength)
    np.testing.assert_allclose(came[200:400, :3], expected, rtol=0, atol=1e-10)


def test_one_channel_has_no_others():
    with pytest.raises(ConfigError, match="has one channel: leave it out"):
        stage(1, kind="regression_reference")
