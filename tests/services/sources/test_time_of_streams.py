import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eprop_rt.series import Chunk
from eprop_rt_services.sources.age import AgeWatch
from eprop_rt_services.sources.backlog import PORTION_S, Backlog
from eprop_rt_services.sources.interleave import SLICE_S, interleaved
from eprop_rt_services.sources.rate import RateWatch


def rates(watch, hertz, seconds, lost=0.0, pull_s=0.02):
    rng = np.random.default_rng(0)
    told, now_s = [], 50.0
    stamps = 50.0 + np.arange(int(hertz * seconds)) / hertz
    stamps = stamps[rng.random(len(stamps)) >= lost]
    while now_s < 50.0 + seconds:
        part = stamps[(stamps >= now_s) & (stamps < now_s + pull_s)]
        now_s += pull_s
        if len(part):
            told.append(watch.implausible_hz(part, now_s))
    return [hz for hz in told if hz is not None]


@pytest.mark.parametrize("hertz", [100.0, 1000.0, 1150.0, 860.0])
def test_a_rate_within_a_fifth_is_plausible_also_with_losses(hertz):
    announced = 100.0 if hertz == 100.0 else 1000.0
    assert rates(RateWatch(announced), hertz, 10, lost=0.05 if hertz > 900 else 0.0) == []


@pytest.mark.parametrize("hertz", [500.0, 1300.0, 30.0])
def test_another_rate_than_announced_is_told_every_few_seconds(hertz):
    told = rates(RateWatch(1000.0), hertz, 10)
    assert len(told) == 3
    assert told == pytest.approx([hertz] * 3, rel=0.05)


def test_stamps_that_stand_still_are_no_rate():
    watch = RateWatch(1000.0)
    told = [watch.implausible_hz(np.full(10, 5.0), 5.0 + k / 100) for k in range(1000)]
    assert [hz for hz in told if hz is not None] == [np.inf] * 3


def test_an_irregular_stream_has_no_rate_to_keep():
    assert rates(RateWatch(0.0), 500.0, 10) == []


def test_a_stretch_that_did_not_come_is_no_slower_rate():
    watch, told = RateWatch(100.0), []
    for k in range(600):
        stamp_s = k / 100 + (k // 100) * 2.0  # two seconds are missing after each one
        told.append(watch.implausible_hz(np.array([stamp_s]), stamp_s))
    assert set(told) == {None}


def test_age_grows_in_silence_and_ends_with_the_next_sample():
    watch = AgeWatch.begun(100.0, silence_s=1.0)
    assert watch.age_s(100.4) == pytest.approx(0.4)
    watch.came(100.5)
    watch.heard(100.6)
    assert watch.age_s(100.6) == pytest.approx(0.1)
    assert watch.age_s(100.4) == 0.0
    assert not watch.falls_silent(101.6)
    assert watch.falls_silent(101.7)
    assert not watch.falls_silent(105.0)
    assert watch.age_s(105.0) == pytest.approx(4.5)
    watch.came(104.9)
    watch.came(104.0)  # an old one changes nothing
    watch.heard(105.1)
    assert watch.age_s(105.1) == pytest.approx(0.2)
    assert watch.falls_silent(107.0)
    watch.heard(107.1)  # of stamps that could not be used
    assert watch.age_s(107.1) == pytest.approx(2.2)
    assert not watch.falls_silent(108.0)


@st.composite
def pulled(draw):
    """What piled up of one to three streams, with disorder and stamps that are not finite."""
    streams = []
    for at in range(draw(st.integers(1, 3))):
        chunks, start = [], draw(st.floats(0, 0.5))
        for _ in range(draw(st.integers(0, 3))):
            n = draw(st.integers(1, 200))
            stamps = (
                start
                + np.arange(n) / 500
                + draw(st.sampled_from([0.0, 0.01])) * np.sin(np.arange(n))
            )
            if draw(st.booleans()):
                stamps[draw(st.integers(0, n - 1))] = np.nan
            chunks.append(Chunk(stamps, np.arange(n, dtype=np.float32)[:, None] + start, at))
            start += n / 500
        streams.append(chunks)
    return streams


@settings(max_examples=80, deadline=None)
@given(streams=pulled())
def test_streams_are_interleaved_in_time_and_each_keeps_its_order(streams):
    came = interleaved(streams)
    for at, chunks in enumerate(streams):
        parts = [part for part in came if part.stream == at]
        for field in ("stamps", "samples"):
            before = [getattr(chunk, field) for chunk in chunks]
            after = [getattr(part, field) for part in parts]
            assert len(before) == len(after) == 0 or np.array_equal(
                np.concatenate(before), np.concatenate(after), equal_nan=True
            )
    if len({part.stream for part in came}) > 1:
        newest_s = -np.inf
        for part in came:
            known = part.stamps[np.isfinite(part.stamps)]
            if len(known):
                assert known.max() >= newest_s - SLICE_S - 0.03
                newest_s = max(newest_s, known.max())


def test_short_chunks_of_one_stream_are_handed_on_as_they_are():
    chunk = Chunk(np.arange(20) / 1000, np.zeros((20, 1), np.float32))
    (same,) = interleaved([[], [chunk]])
    assert same is chunk
    assert interleaved([[], []]) == []


@settings(max_examples=80, deadline=None)
@given(streams=pulled())
def test_what_has_piled_up_goes_on_whole_and_in_portions_of_time(streams):
    backlog, came = Backlog(), interleaved(streams)
    backlog.add(came)
    portions = []
    while backlog:
        portions.append(backlog.portion())
    assert [id(part) for portion in portions for part in portion] == [id(part) for part in came]
    for portion in portions:
        stamps = np.concatenate([part.stamps for part in portion])
        known = stamps[np.isfinite(stamps)]
        assert len(known) == 0 or known.max() - known[0] <= PORTION_S + SLICE_S + 0.03


def test_a_backlog_can_be_forgotten():
    backlog = Backlog()
    backlog.add([Chunk(np.arange(7.0), np.zeros((7, 1), np.float32))])
    assert backlog.clear() == 7
    assert not backlog
