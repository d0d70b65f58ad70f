"""When the sample that matters is looked for."""

import time

import numpy as np
import pytest

from eprop_rt.series import StreamInfo
from eprop_rt_protocols.streams import StreamRequirement
from eprop_rt_services.lsl_link import LslOutlet, local_clock, lsl_available
from eprop_rt_services.sources.live import LslSource
from eprop_rt_services.sources.pace import EARLY_S, WINDOW_S, Pace
from eprop_rt_services.sources.settings import LslSettings


def test_nothing_is_known_before_the_first_sample():
    assert Pace().left_s(10.0, 9.0) is None


def test_the_least_delay_is_what_counts():
    pace = Pace()
    for delay_s in (0.03, 0.004, 0.2):
        pace.came(10.0, 10.0 + delay_s)
    assert pace.left_s(10.5, 10.3) == pytest.approx(0.204)


def test_a_stream_whose_stamps_are_ahead_of_our_clock_is_not_slept_through():
    pace = Pace()
    pace.came(11.0, 10.0)
    assert pace.left_s(11.1, 10.02) == pytest.approx(0.08)


def test_a_delay_is_forgotten_when_two_windows_are_over():
    pace = Pace()
    pace.came(10.0, 10.001)
    for second in range(1, 8):
        pace.came(10.0 + second, 10.5 + second)
    assert 2 * WINDOW_S < 7
    assert pace.left_s(18.0, 17.6) == pytest.approx(0.9)


@pytest.mark.parametrize("stamp_s", [np.nan, np.inf])
def test_a_stamp_that_is_not_finite_lets_nobody_sleep(stamp_s):
    pace = Pace()
    pace.came(stamp_s, 10.0)
    assert pace.left_s(20.0, 10.0) is None


@pytest.mark.live
@pytest.mark.skipif(not lsl_available(), reason="liblsl is not installed")
def test_samples_before_the_one_that_is_due_come_together_with_it_or_shortly_before():
    info, name = StreamInfo("paced", 1, 100.0), "paced-signal"
    wanted = StreamRequirement(source_id=name)
    with (
        LslOutlet(info, "Test", name) as outlet,
        LslSource(LslSettings(signal=wanted, wait_s=20.0, settle_s=0.1)) as source,
    ):
        source.open()
        assert outlet.wait_for_reader(20.0)
        end_s = time.monotonic() + 20.0
        came = []
        while not came and time.monotonic() < end_s:
            outlet.push(np.array([local_clock()]), np.zeros((1, 1), np.float32))
            came = source.pull(0.1)
        assert came
        source.drop_backlog()
        due_s = local_clock() + 0.3
        outlet.push(np.array([local_clock()]), np.zeros((1, 1), np.float32))
        (chunk,) = source.pull(1.0, due_s)
        assert local_clock() > due_s - EARLY_S
        assert len(chunk.stamps) == 1
        outlet.push(np.array([local_clock()]), np.zeros((1, 1), np.float32))
        assert source.pull(20.0, local_clock() - 1.0)
