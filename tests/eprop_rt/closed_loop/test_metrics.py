import dataclasses
import math

import pytest

from eprop_rt.closed_loop.metrics import plateau_time_s, summarise
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


def test_the_angular_error_is_of_all_trials_that_moved():
    turned = [
        dataclasses.replace(trial, angular_error_deg=angle)
        for trial, angle in ((won(1.0, 0, 1), 10.0), (LOST, 50.0), (LOST, math.nan))
    ]
    assert summarise(turned).angular_error_deg == pytest.approx(30.0)
    assert math.isnan(summarise([LOST]).angular_error_deg)


def test_no_trials_are_a_mistake():
    with pytest.raises(DataError, match="no trials"):
        summarise([])


def selected(*, right: bool, lasted_s: float) -> Trial:
    return Trial(
        (1.0, 1.0), right, 1.0, 0.0, 1.0, 6.0, mistake=not right, lasted_s=lasted_s, choices=36
    )


def test_bitrate_and_throughput_worked_out_by_hand():
    trials = [selected(right=True, lasted_s=2.0)] * 3 + [selected(right=False, lasted_s=4.0)]
    assert summarise(trials).bitrate_bits_s == pytest.approx(math.log2(35) * 2 / 10)
    wrong = [selected(right=False, lasted_s=1.0)] * 2
    assert summarise([*wrong, trials[0]]).bitrate_bits_s == 0.0
    reach = Trial((9.0, 0.0), True, 2.0, 0.0, 1.0, 3.0, distance_cm=12.0, width_cm=4.0)
    assert summarise([reach, LOST]).throughput_bits_s == pytest.approx(1.0)
    assert math.isnan(summarise([reach]).bitrate_bits_s)


def test_the_plateau_is_reached_between_the_probes_where_a_line_says_so():
    probes = [summarise([LOST]), summarise([won(2.0, 0, 1)]), *[summarise([won(1.0, 0, 1)])] * 2]
    # 1 / time above 1 / 3: 0, 1/6, 2/3, 2/3; 90 % of the last is .6
    expected_s = 10 + (0.6 - 1 / 6) / (2 / 3 - 1 / 6) * 20
    assert plateau_time_s([0, 10, 30, 60], probes) == pytest.approx(expected_s)
    assert math.isnan(plateau_time_s([0, 10], [summarise([LOST])] * 2))
