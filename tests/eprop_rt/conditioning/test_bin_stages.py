import numpy as np
import pytest
from pydantic import TypeAdapter
from scipy import signal

from conditioned import bins_of, intake
from eprop_rt.conditioning.stages import StageSettings
from eprop_rt.kernels.binning import Spread, add_spread

BIN_S = 0.02
RNG = np.random.default_rng(8)
X = RNG.normal(2, 3, (300, 4))


def run(values, **settings):
    one = TypeAdapter(StageSettings).validate_python(settings).build(values.shape[1], BIN_S)
    return np.array([one.apply(row) for row in values]), one


def test_smoothing_is_scipys_first_order_filter_from_rest():
    came, _ = run(X, kind="smoothing", tau_s=0.1)
    a = 1 - np.exp(-BIN_S / 0.1)
    expected = signal.lfilter([a], [1, a - 1], X, axis=0, zi=(1 - a) * X[:1])[0]
    np.testing.assert_allclose(came, expected, rtol=0, atol=1e-10)


def test_smoothing_begins_anew_after_a_gap_and_goes_on_after_what_is_not_finite():
    came, one = run(np.array([[np.nan], [1.0], [np.inf], [np.nan], [1.0]]), kind="smoothing")
    np.testing.assert_array_equal(came.ravel(), [np.nan, 1.0, np.nan, np.nan, 1.0])
    one.reset()
    assert one.apply(np.array([7.0])) == 7.0


@pytest.mark.parametrize("half_life_s", [None, 1.0])
def test_the_z_score_is_of_the_weighted_past(half_life_s):
    came, _ = run(X, kind="zscore", half_life_s=half_life_s, least_bins=5, clip=None)
    fade = 1.0 if half_life_s is None else 0.5 ** (BIN_S / half_life_s)
    weight, total, square = (
        signal.lfilter([1], [1, -fade], one, axis=0) for one in (np.ones_like(X), X, X**2)
    )
    mean = total / weight
    variance = (square / weight - mean**2)[4:]
    expected = (X - mean)[4:] / np.sqrt(variance)
    np.testing.assert_allclose(came[4:], expected, rtol=0, atol=1e-10)
    assert (came[:4] == 0).all()


def test_the_z_score_of_a_constant_is_0_and_an_infinite_bin_leaves_no_trace():
    values = X.copy()
    values[:, 1] = 5.0
    values[100] = np.inf
    came, _ = run(values, kind="zscore")
    expected, _ = run(np.delete(values, 100, axis=0), kind="zscore")
    assert (came[:, 1] == 0).all()
    assert (came[100] == 0).all()
    np.testing.assert_array_equal(np.delete(came, 100, axis=0), expected)


def test_lags_are_the_newest_bins_first_and_none_from_before_a_gap():
    came, one = run(X, kind="lags", bins=3)
    padded = np.vstack([np.full((2, 4), np.nan), X])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 3, axis=0)
    expected = windows[:, :, ::-1].transpose(0, 2, 1).reshape(300, 12)
    np.testing.assert_array_equal(came, expected)
    one.reset()
    assert np.isnan(one.apply(X[0])[4:]).all()


def test_the_variance_of_a_bin_is_numpys_even_far_from_zero():
    samples = 1e6 + X
    samples[::7, 2] = np.nan
    spread = Spread(*(np.zeros(4) for _ in Spread._fields))
    add_spread(spread, samples, 0, 120)
    add_spread(spread, samples, 120, 300)
    expected = np.nanvar(samples, axis=0)
    np.testing.assert_allclose(spread.squares / spread.seen, expected, rtol=1e-10, atol=0)


@pytest.mark.parametrize("kind", ["log", "log_variance"])
def test_the_logarithm_is_numpys(kind):
    values = np.exp(X)
    came, _ = run(values, kind=kind)
    np.testing.assert_allclose(came, X, rtol=0, atol=1e-10)


def test_log_variance_is_the_logarithm_of_each_bins_own_variance():
    x = (100 + RNG.normal(0, [1, 5, 30], (2000, 3))).astype(np.float32)
    path = intake([{"kind": "log_variance"}], reduce="variance")
    _, came = bins_of(path, np.arange(2000) / 2000, x, [0.013, 0.5])
    expected = np.log(x.astype(np.float64).reshape(50, 40, 3).var(axis=1))
    np.testing.assert_allclose(came, expected, rtol=1e-6, atol=1e-6)


def test_the_logarithm_of_nothing_is_that_of_the_floor():
    came, _ = run(np.array([[0.0, 1.0]]), kind="log", floor=1e-3)
    np.testing.assert_allclose(came, [[np.log(1e-3), 0.0]], rtol=1e-12)
