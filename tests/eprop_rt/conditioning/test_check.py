import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eprop_rt.conditioning.check import ChunkCheck, checked_labels
from eprop_rt.errors import DataError
from eprop_rt.series import Chunk, LabelChunk, StreamInfo

DISORDER_S = 0.1


def check(rate_hz=100.0, channels=1):
    return ChunkCheck(StreamInfo("array A", channels, rate_hz), DISORDER_S)


def chunk(stamps, values=None):
    """Sample k holds k, so that one sees which are left."""
    stamps = np.asarray(stamps, np.float64)
    values = np.asarray(np.arange(len(stamps)) if values is None else values, np.float32)
    return Chunk(stamps, values[:, None] if values.ndim == 1 else values)


def kept(one, *chunks):
    return [int(v) for c in chunks for v in one.apply(c).samples[:, 0]]


def test_a_clean_stream_passes_as_it_is():
    one = check()
    stamps = 1e5 + np.arange(500) / 100
    came = one.apply(chunk(stamps))
    np.testing.assert_array_equal(came.stamps, stamps)
    np.testing.assert_array_equal(came.samples[:, 0], np.arange(500))
    assert not +one.events


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 5), (3, 4, 1), (0, 5)])
def test_another_number_of_channels_is_refused_in_one_line(shape):
    with pytest.raises(DataError, match="array A") as refused:
        check(channels=4).apply(Chunk(np.zeros(shape[0]), np.zeros(shape, np.float32)))
    assert str(shape) in str(refused.value)
    assert "(samples, 4)" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_sample_without_a_stamp_is_refused():
    with pytest.raises(DataError, match=r"2 stamps .* 3 samples from array A"):
        check().apply(Chunk(np.zeros(2), np.zeros((3, 1), np.float32)))


def test_what_was_refused_leaves_no_trace():
    one = check()
    assert kept(one, chunk([1.00])) == [0]
    with pytest.raises(DataError):
        one.apply(Chunk(np.array([999.0]), np.zeros((1, 7), np.float32)))
    assert kept(one, chunk([1.01])) == [0]
    assert not +one.events


def test_an_empty_chunk_is_nothing():
    one = check()
    assert len(one.apply(chunk([])).stamps) == 0
    assert not +one.events


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_stamp_that_is_not_finite_is_dropped_and_told(wrong):
    one = check()
    assert kept(one, chunk([1.00, wrong, 1.01, 1.02])) == [0, 2, 3]
    assert +one.events == {"stamp_not_finite": 1}
    assert kept(one, chunk([wrong]), chunk([1.03])) == [0]
    assert +one.events == {"stamp_not_finite": 2}


def test_a_sample_slightly_out_of_order_is_kept_and_told():
    """Chunks of a sender may overlap: the next one begins a little before the last one ended."""
    one = check()
    assert kept(one, chunk([1.00, 1.01, 1.02, 1.03])) == [0, 1, 2, 3]
    assert kept(one, chunk([1.015, 1.025, 1.035, 1.04])) == [0, 1, 2, 3]
    assert +one.events == {"stamp_out_of_order": 2}


def test_a_sample_far_out_of_order_is_dropped_and_told():
    """Far is counted from the newest sample, not from the one before."""
    one = check()
    assert kept(one, chunk([5.0, 4.91, 4.89, 4.92, 4.0, 5.01])) == [0, 1, 3, 5]
    assert +one.events == {"stamp_out_of_order": 2, "stamp_too_old": 2}


def test_a_repeated_stamp_is_dropped_and_told():
    one = check()
    assert kept(one, chunk([1.00, 1.00, 1.01])) == [0, 2]
    assert kept(one, chunk([1.01, 1.02, 1.02])) == [1]
    assert +one.events == {"stamp_repeated": 3}


def test_a_chunk_that_is_sent_twice_is_taken_once():
    one = check()
    first = [1.00, 1.01, 1.02]
    assert kept(one, chunk(first), chunk(first), chunk([1.03])) == [0, 1, 2, 0]
    assert kept(one, chunk([1.04, 1.05, 1.04, 1.05, 1.06])) == [0, 1, 4]
    assert kept(one, chunk([1.04, 1.045, 1.06])) == [1]
    assert +one.events == {"stamp_repeated": 7, "stamp_out_of_order": 1}


def test_events_of_one_stamp_are_not_each_other():
    """Of an irregular stream: several channels may have one at a time."""
    one = check(rate_hz=0.0)
    assert kept(one, chunk([1.00, 1.01, 1.00])) == [0, 1, 2]
    assert +one.events == {"stamp_out_of_order": 1}


def test_a_sample_with_a_value_that_is_not_finite_is_kept_and_told():
    one = check(channels=2)
    values = [[1, 2], [np.nan, 2], [np.inf, np.nan], [3, 4]]
    came = one.apply(chunk([1.00, 1.01, 1.02, 1.03], values))
    np.testing.assert_array_equal(came.samples, np.asarray(values, np.float32))
    assert +one.events == {"value_not_finite": 2}


def test_what_is_dropped_is_not_told_twice():
    one = check()
    one.apply(chunk([1.0, np.nan, 1.01], [1, np.nan, 2]))
    assert +one.events == {"stamp_not_finite": 1}


def test_a_stretch_that_did_not_come_is_one_gap():
    one = check()
    one.apply(chunk([1.00, 1.01, 1.53, 1.54]))
    one.apply(chunk([2.0]))
    one.apply(chunk([2.01]))
    assert +one.events == {"gap": 2}


def test_jitter_is_no_gap_and_one_lost_sample_is():
    one = check()
    one.apply(chunk([1.00, 1.018, 1.02, 1.034, 1.04]))
    assert not +one.events
    one.apply(chunk([1.06]))
    assert +one.events == {"gap": 1}


def test_an_irregular_stream_has_no_gaps():
    one = check(rate_hz=0.0)
    assert kept(one, chunk([1.0, 5.0, 500.0])) == [0, 1, 2]
    assert not +one.events


def test_chunks_are_left_untouched():
    given_chunk = chunk([1.0, np.nan, 0.99, 0.99, 0.1], [1, 2, np.nan, 4, 5])
    for array in (given_chunk.stamps, given_chunk.samples):
        array.flags.writeable = False
    check().apply(given_chunk)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**31),
    n=st.integers(0, 80),
    cuts=st.lists(st.integers(0, 80), max_size=6),
    rate_hz=st.sampled_from([0.0, 100.0, 1001.5]),
    jitter=st.sampled_from([0.0, 1.0, 20.0]),
)
def test_how_samples_were_cut_into_chunks_leaves_no_trace(seed, n, cuts, rate_hz, jitter):
    rng = np.random.default_rng(seed)
    step_s = 1 / (rate_hz or 100.0)
    stamps = 50.0 + np.cumsum(np.full(n, step_s)) + rng.normal(0, jitter * step_s, n)
    wrong = rng.random(n)
    stamps[wrong < 0.05] = np.nan
    stamps[(wrong > 0.05) & (wrong < 0.1)] -= 3
    for back in (1, 3):
        again = (wrong > 1 - back / 20) & (np.arange(n) >= back)
        stamps = np.where(again, np.roll(stamps, back), stamps)
    values = rng.normal(size=(n, 2)).astype(np.float32)
    values[rng.random((n, 2)) < 0.1] = np.nan
    edges = [0, *sorted(min(cut, n) for cut in cuts), n]
    runs = []
    for parts in ([0, n], list(range(n + 1)), edges):
        one = check(rate_hz, 2)
        came = [one.apply(Chunk(stamps[a:b], values[a:b])) for a, b in itertools.pairwise(parts)]
        bits = (
            b"".join(c.stamps.tobytes() for c in came),
            b"".join(c.samples.tobytes() for c in came),
        )
        runs.append((bits, +one.events))
    assert runs[0] == runs[1] == runs[2]


def labels(stamps, values):
    return LabelChunk(np.asarray(stamps, np.float64), np.asarray(values, np.float32))


def test_labels_pass_as_they_are_but_for_stamps_that_are_not_finite():
    given_labels = labels([1.0, np.nan, 0.5, np.inf], [[1], [2], [np.nan], [4]])
    came = checked_labels(given_labels, 1)
    assert came.stamps.tolist() == [1.0, 0.5]
    np.testing.assert_array_equal(came.values, [[1], [np.nan]])
    assert len(given_labels.stamps) == 4


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 3)])
def test_labels_of_another_shape_are_refused_in_one_line(shape):
    with pytest.raises(DataError, match=r"expected \(labels, 2\)") as refused:
        checked_labels(labels(np.zeros(3), np.zeros(shape)), 2)
    assert str(shape) in str(refused.value)


def test_labels_without_a_stamp_each_are_refused():
    with pytest.raises(DataError, match="2 stamps"):
        checked_labels(labels(np.zeros(2), np.zeros((3, 1))), 1)


class Thorough(ChunkCheck):
    """Takes no short cut."""

    def _goes_on(self, stamps):
        return False


def test_stamps_that_are_no_time_are_dropped_without_a_word():
    """Warnings are errors here: infinity minus infinity would be one."""
    check = ChunkCheck(StreamInfo("array A", 1, 100.0), DISORDER_S)
    kept = [
        stamp
        for stamps in ([0.0, 0.01], [np.inf, np.inf, 0.02], [-np.inf, np.inf, 0.03], [0.04, 0.05])
        for stamp in check.apply(chunk(stamps)).stamps.tolist()
    ]
    assert kept == [0.0, 0.01, 0.02, 0.03, 0.04, 0.05]
    assert check.events["stamp_not_finite"] == 4


STEPS = st.sampled_from(
    [0.01] * 12 + [0.0, -0.005, -0.3, 0.0181, 0.019, 0.0191, 0.05, np.nan, np.inf]
)


@settings(deadline=None)
@given(
    st.lists(STEPS, min_size=1, max_size=60), st.lists(st.integers(1, 7), min_size=60), st.data()
)
def test_the_short_cut_for_what_goes_on_decides_as_the_long_way_does(steps, sizes, data):
    at_s = 100.0
    stamps = []
    for step in steps:
        at_s = at_s + step if np.isfinite(step) else at_s
        stamps.append(at_s if np.isfinite(step) else step)
    rate_hz = data.draw(st.sampled_from([100.0, 0.0]))
    info = StreamInfo("array A", 1, rate_hz)
    quick, thorough = ChunkCheck(info, DISORDER_S), Thorough(info, DISORDER_S)
    first = 0
    for size in sizes:
        part = chunk(stamps[first : first + size])
        first += size
        a, b = quick.apply(part), thorough.apply(part)
        np.testing.assert_array_equal(a.stamps, b.stamps)
        np.testing.assert_array_equal(a.samples, b.samples)
        assert +quick.events == +thorough.events
