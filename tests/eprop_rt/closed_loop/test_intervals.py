import math

import pytest

from eprop_rt.closed_loop.intervals import mean_interval, t_quantile


def test_the_quantiles_are_those_of_the_tables():
    assert t_quantile(9) == 2.262
    assert t_quantile(30) == pytest.approx(2.0423, abs=2e-4)
    assert t_quantile(100) == pytest.approx(1.9840, abs=2e-4)


def test_an_interval_worked_out_by_hand():
    mean, (low, high) = mean_interval([1.0, 2.0, 3.0, math.nan])
    assert mean == 2.0
    assert high - mean == mean - low == pytest.approx(4.303 / math.sqrt(3))


def test_too_little_gives_no_interval():
    assert all(math.isnan(x) for x in (mean_interval([])[0], *mean_interval([])[1]))
    mean, (low, high) = mean_interval([4.0])
    assert mean == 4.0
    assert math.isnan(low)
    assert math.isnan(high)
