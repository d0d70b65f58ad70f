import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from eprop_rt_services.sources.gate import SLEW, STEADY_S, GateSettings, StampGate

RATE_HZ = 1000.0
PULL_S = 0.01
BEYOND_S = 2.5  # beyond the bound, 2 s, with every delay that is tried


class Passage:
    """A gate between a sender and somebody who pulls every 10 ms of a clock that is turned."""

    def __init__(self, **given):
        self.events, self.lines, self.values = Counter(), [], []
        self.gate = StampGate(GateSettings(**given), self._report)
        self.now_s = 1000.0
        self.stamps = []

    def _report(self, event, times, text="", **values):
        if times:
            self.events[event] += times
        if text:
            self.lines.append(text)
            self.values.append(values)

    def give(self, stamps):
        placed, keep = self.gate.apply(np.array(stamps, np.float64), self.now_s)
        kept = (placed if keep is None else placed[keep]).tolist()
        self.stamps += kept
        return kept

    def run(self, seconds, offset_s=0.0, delay_s=0.001, rate=1.0):
        """A sender whose clock differs by `offset_s`; returns how many samples passed."""
        passed, count = 0, round(PULL_S * RATE_HZ)
        for _ in range(round(seconds / PULL_S)):
            made = self.now_s + PULL_S - delay_s - np.arange(count)[::-1] / RATE_HZ
            self.now_s += PULL_S
            passed += len(self.give(made * rate + offset_s))
        return passed

    def error_s(self):
        return self.stamps[-1] - self.now_s


def test_stamps_near_the_clock_pass_untouched():
    one = Passage()
    stamps = np.array([999.2, 999.9, 1000.0, 1000.5])
    placed, keep = one.gate.apply(stamps, one.now_s)
    assert placed is stamps
    assert keep is None
    assert not one.events


@pytest.mark.parametrize("amount_s", [5.0, -5.0, 300.0, -1e5])
def test_a_clock_that_steps_is_followed_there_and_back(amount_s):
    one = Passage()
    assert one.run(1.0) == 1000
    passed = one.run(1.0, amount_s)
    assert one.events["clock_step"] == 1
    assert one.events["stamp_off_clock"] == 1000 - passed
    assert 650 <= passed <= 720  # 0.3 s of it were dropped
    assert one.gate.offset_s == pytest.approx(-amount_s, abs=0.01)
    passed = one.run(1.0, 0.0)
    assert one.events["clock_step"] == 2
    assert 650 <= passed <= 720
    assert one.gate.offset_s == 0.0
    assert abs(one.error_s()) < 0.02
    assert one.stamps == sorted(one.stamps)
    told_s = float(re.search(r"stepped by (\S+) s", one.lines[0])[1])
    assert told_s == pytest.approx(amount_s, abs=0.01)
    assert one.values[0]["step_s"] == pytest.approx(told_s, abs=0.001)
    assert one.values[1] == {"step_s": pytest.approx(-told_s, abs=0.01), "offset_s": 0.0}


def test_a_sender_whose_clock_began_at_zero_is_taken_after_a_third_of_a_second():
    one = Passage()
    assert one.run(0.25, -1000.0) == 0
    assert one.run(0.75, -1000.0) > 650
    assert one.events["clock_step"] == 1
    assert abs(one.error_s()) < 0.02
    assert np.diff(one.stamps).min() > 0


def test_to_drop_what_is_off_the_clock_is_a_choice():
    one = Passage(off_clock="drop")
    one.run(1.0)
    assert one.run(2.0, 5.0) == 0
    assert one.events == {"stamp_off_clock": 2000}
    assert one.run(0.1) == 100


def test_a_step_backward_within_the_bound_is_told_by_stamps_that_run_backward():
    """A delay of a second would need a second in which nothing comes; a clock does not."""
    one = Passage()
    one.run(1.0)
    one.run(1.0, -1.0)
    assert one.events["clock_step"] == 1
    assert abs(one.error_s()) < 0.02


def test_a_clock_that_is_followed_may_step_back_within_the_bound_too():
    one = Passage()
    one.run(0.5)
    one.run(1.0, 4.0)
    one.run(1.0, 3.0)
    assert one.events["clock_step"] == 2
    assert abs(one.error_s()) < 0.02
    assert one.run(1.0, 3.0) == 1000


def test_a_delay_within_the_bound_is_the_truth_and_no_step():
    one = Passage()
    one.run(1.0)
    one.now_s += 1.0  # nothing comes for a second, and from then on everything a second late
    one.run(2.0, delay_s=1.001)
    assert not one.events
    assert one.error_s() == pytest.approx(-1.0, abs=0.02)


def test_a_backlog_is_no_step_and_loses_nothing():
    one = Passage()
    one.run(1.0)
    began_s = one.now_s
    one.now_s += 10.0
    old = began_s + np.arange(10_000) / RATE_HZ
    for part in np.split(old, 10):
        assert len(one.give(part)) == 1000
        one.now_s += 0.002
    assert not one.events


def test_single_stamps_that_are_off_are_dropped_and_change_nothing():
    one = Passage()
    for k in range(200):
        one.run(0.01)
        one.give([one.now_s + (-1) ** k * 50.0])
    assert one.events == {"stamp_off_clock": 200}
    assert one.gate.offset_s == 0.0


def test_what_is_not_finite_is_left_to_who_bins():
    one = Passage()
    kept = one.give([1000.0, np.nan, np.inf, 1000.001, -np.inf])
    assert len(kept) == 5
    assert not one.events
    assert one.give([1000.002]) == [1000.002]
    kept = one.give([np.nan, 2000.0])
    assert np.isnan(kept).tolist() == [True]
    assert one.events == {"stamp_off_clock": 1}


@pytest.mark.parametrize("drift", [3e-4, -3e-4])
def test_a_clock_that_is_followed_and_drifts_is_tracked(drift):
    """At 300 parts in a million it would be off by a second in an hour."""
    one = Passage()
    one.run(60.0, -500.0, rate=1 + drift)
    assert one.events["clock_step"] == 1
    assert abs(one.error_s()) < 0.01
    assert np.diff(one.stamps).min() > 0


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.floats(-1e4, 1e4).filter(lambda s: abs(s) > BEYOND_S), st.floats(0.05, 1.5)),
        min_size=1,
        max_size=5,
    ),
    delay_s=st.floats(0.0, 0.2),
)
def test_whatever_the_clock_does_stamps_stay_near_ours_and_hardly_run_backward(steps, delay_s):
    """Every step, the one back to ours too, is beyond the bound: within it stamps pass."""
    offsets = [0.0, *(offset_s for offset_s, _ in steps), 0.0]
    assume(all(step == 0.0 or abs(step) > BEYOND_S for step in np.diff(offsets)))
    one = Passage()
    one.run(0.5, delay_s=delay_s)
    for offset_s, seconds in steps:
        one.run(seconds, offset_s, delay_s)
    one.run(1.0, delay_s=delay_s)
    stamps = np.array(one.stamps)
    assert np.diff(stamps).min() > -STEADY_S
    assert abs(one.error_s()) < 0.5 + STEADY_S
    assert one.run(0.1, delay_s=delay_s) == 100
    assert SLEW < 1
