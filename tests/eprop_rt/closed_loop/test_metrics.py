import math

import pytest

from eprop_rt.closed_loop.metrics import summarise
from eprop_rt.closed_loop.task import Trial
from eprop_rt.errors import DataError


def won(time_s: float, dial_in_s: float, efficiency: float) -> Trial:
    return Trial((9.0, 0.0), True, time_s, dial_in_s, efficiency, 3.0)


LOST = Trial((0.0, 9.0), False, math.nan, math.nan, math.nan, 3.0)


def test_means_are_over_successes_and_the_penalised_time_is_over_all():
    result = summarise([won(1.0, 0.0, 0.9), LOST, won(2.0, 0.5, 0.7)])
    assert (result.trials, result.successes) == (3, 2)
    assert result.success_rate == pytest.approx(2 / 3)
    assert result.time_to_target_s == pytest.approx(1.5)
    assert result.penalised_time_s == pytest.approx(2.0)
    assert result.dial_in_s == pytest.approx(0.25)
    assert result.path_efficiency == pytest.approx(0.8)


def test_without_a_success_means_are_nan_and_the_penalised_time_is_the_limit():
    result = summarise([LOST, LOST])
    assert result.success_rate == 0.0
    assert math.isnan(result.time_to_target_s)
    assert math.isnan(result.path_efficiency)
    assert result.penalised_time_s == 3.0


def test_no_trials_are_a_mistake():
    with pytest.raises(DataError, match="no trials"):
        summarise([])
