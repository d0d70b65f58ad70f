import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eprop_rt.bins.binner import Binner
from eprop_rt.bins.grid import BinGrid
from eprop_rt.config import BinSettings
from eprop_rt.series import Chunk, StreamInfo

RATES_HZ = [1001.5, 250.0, 30000 / 7]
REDUCTIONS = ["sum", "mean", "rms"]


def binner(bin_s=0.05, rate_hz=0.0, channels=1, reduce="sum"):
    """A binner on a grid of its own."""
    info = StreamInfo("signal", channels, rate_hz)
    return Binner(BinSettings(bin_s=bin_s, reduce=reduce), BinGrid(bin_s), info)


def ones(stamps):
    stamps = np.asarray(stamps, np.float64)
    return Chunk(stamps, np.ones((len(stamps), 1), np.float32))


def counts(bins):
    return {b.index: float(b.values[0]) for b in bins}


def regular(rate, seconds, origin_s=0.0):
    """Stamps of a stream whose clock keeps this rate exactly."""
    rate = Fraction(rate).limit_denominator(100)
    return origin_s + np.array([float(k / rate) for k in range(int(rate * seconds))]), rate


@pytest.mark.parametrize("origin_s", [0.0, 1234.567, 1.7e9])
@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_sample_falls_into_the_bin_in_which_its_middle_lies(rate_hz, origin_s):
    """By exact fractions; where the middle lies on an edge, either side will do."""
    stamps, rate = regular(rate_hz, 5, origin_s)
    index = np.concatenate(
        [np.full(int(b.values[0]), b.index) for b in binner(0.05, rate_hz).push(ones(stamps))]
    )
    assert len(index) >= len(stamps) - int(0.05 * rate_hz) - 1
    for k, came in enumerate(index):
        middle = (k + Fraction(1, 2)) / (rate * Fraction(1, 20))
        on_edge = middle.denominator == 1
        assert int(came) in ({int(middle), int(middle) - 1} if on_edge else {int(middle)})


@pytest.mark.parametrize("bin_s", [0.01, 0.02, 0.05, 0.1])
@pytest.mark.parametrize("rate_hz", [100.0, 1000.0, 30000.0, 512.0, *RATES_HZ])
def test_a_clean_stream_raises_no_event(rate_hz, bin_s):
    """250 Hz make 12.5 samples of 50 ms: an edge cuts a sample in two, and none is late for it."""
    for origin_s in (0.0, 1234.567):
        one = binner(bin_s, rate_hz)
        bins = list(one.push(ones(regular(rate_hz, min(3, 12_000 / rate_hz), origin_s)[0])))
        assert [b.index for b in bins] == list(range(len(bins)))
        assert np.ptp([b.values[0] for b in bins]) <= 1
        assert not +one.events


@pytest.mark.parametrize("reduce", REDUCTIONS)
@pytest.mark.parametrize("origin_s", [0.0, 98765.4321])
def test_stamps_that_lie_on_edges_open_the_bin_that_begins_there(reduce, origin_s):
    """k * 0.1 is now above, now below k tenths; each must still get a bin of its own."""
    stamps = origin_s + np.arange(2000) * 0.1
    values = np.arange(2000, dtype=np.float32)[:, None]
    bins = list(binner(0.1, 10.0, reduce=reduce).push(Chunk(stamps, values)))
    assert [b.index for b in bins] == list(range(2000))
    assert [float(b.values[0]) for b in bins] == list(range(2000))
    assert [b.end_s for b in bins] == pytest.approx(stamps + 0.1, abs=1e-9)
    assert [b.origin_s for b in bins] == stamps.tolist()


def test_a_bin_closes_with_its_last_sample_and_not_with_the_one_after():
    """At 1 kHz the sample of 49 ms closes the bin of 50; the one of 48 ms does not."""
    one = binner(0.05, 1000.0)
    stamps = np.arange(200) / 1000 + 77.7
    closed_by = {b.index: k for k in range(200) for b in one.push(ones(stamps[k : k + 1]))}
    assert closed_by == {0: 49, 1: 99, 2: 149, 3: 199}


def test_a_bin_of_an_irregular_stream_closes_with_the_first_event_after_it():
    one = binner(1.0)
    assert list(one.push(ones([10.0, 10.2, 10.999]))) == []
    (closed,) = one.push(ones([11.0]))
    assert (closed.index, closed.end_s, closed.origin_s) == (0, 11.0, 10.999)
    assert closed.values[0] == 3
    assert counts(one.push(ones([13.5, 13.6, 20.0]))) == {1: 1, 3: 2}


def test_bins_in_which_nothing_came_are_left_out_and_the_index_tells():
    one = binner(0.05, 1000.0)
    stamps = np.arange(1000) / 1000
    with_gap = np.concatenate([stamps[:125], stamps[560:]])
    bins = list(one.push(ones(with_gap)))
    assert counts(bins) == {0: 50, 1: 50, 2: 25, 11: 40} | dict.fromkeys(range(12, 20), 50)
    assert [b.end_s for b in bins][2] == pytest.approx(0.15)


def test_a_late_sample_counts_for_the_open_bin_and_is_told():
    one = binner(1.0)
    bins = list(one.push(ones([0.0, 0.5, 1.2, 0.9, 1.4, 2.5, 1.9, 3.5, 9.0])))
    assert counts(bins) == {0: 2, 1: 3, 2: 2, 3: 1}
    assert one.events["late_sample"] == 2


def test_a_sample_out_of_order_within_its_bin_is_not_late():
    one = binner(1.0)
    bins = list(one.push(ones([0.0, 0.5, 0.2, 0.9, 1.5])))
    assert counts(bins) == {0: 4}
    assert not +one.events


def test_a_sample_from_before_the_first_one_counts_for_the_first_bin():
    one = binner(1.0)
    assert counts(one.push(ones([5.0, 4.9, 5.5, 6.5]))) == {0: 3}
    assert one.events["late_sample"] == 1


@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_each_reduction_is_what_its_name_says(reduce):
    rng = np.random.default_rng(0)
    values = rng.normal(3, 50, (4000, 5)).astype(np.float32)
    bins = list(binner(0.05, 1000.0, 5, reduce).push(Chunk(np.arange(4000) / 1000, values)))
    assert len(bins) == 80
    for b in bins:
        part = values[b.index * 50 : (b.index + 1) * 50].astype(np.float64)
        expected = {
            "sum": part.sum(axis=0),
            "mean": part.mean(axis=0),
            "rms": np.sqrt((part**2).mean(axis=0)),
        }[reduce]
        assert b.values.dtype == np.float32
        np.testing.assert_allclose(b.values, expected, rtol=1e-6, atol=1e-4)


def test_counts_add_up_to_the_unit_however_many():
    values = np.full((50, 2), 2.0**22 + 1, np.float32)
    (closed,) = binner(0.05, 1000.0, 2).push(Chunk(np.arange(50) / 1000, values))
    assert closed.values.tolist() == [np.float32(50 * (2.0**22 + 1))] * 2


@pytest.mark.parametrize("reduce", REDUCTIONS)
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_adds_nothing_and_spares_its_neighbours(reduce, wrong):
    values = np.full((20, 2), 4.0, np.float32)
    values[3, 0] = wrong
    values[10:, 1] = wrong
    bins = list(binner(0.01, 1000.0, 2, reduce).push(Chunk(np.arange(20) / 1000, values)))
    sums = [[36, 40], [40, np.nan]]
    level = [[4, 4], [4, np.nan]]
    expected = sums if reduce == "sum" else level
    np.testing.assert_array_equal([b.values for b in bins], expected)
    assert [b.absent for b in bins] == [0, 1]


def test_one_value_alone_has_no_variance():
    values = np.array([[1.0, 1.0], [3.0, np.nan]], np.float32)
    info = StreamInfo("signal", 2, 1000.0)
    one = Binner(BinSettings(bin_s=0.002, reduce="variance"), BinGrid(0.002), info)
    (closed,) = one.push(Chunk(np.arange(2) / 1000, values))
    np.testing.assert_array_equal(closed.values, [1.0, np.nan])
    assert closed.absent == 0


@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_samples_are_left_untouched_and_bins_keep_what_they_said(reduce):
    stamps, values = np.arange(200) / 1000, np.ones((200, 1), np.float32)
    for array in (stamps, values):
        array.flags.writeable = False
    bins = list(binner(0.05, 1000.0, reduce=reduce).push(Chunk(stamps, values)))
    assert len({b.values.ctypes.data for b in bins}) == len(bins) == 4


@st.composite
def streams(draw):
    """A stream at an awkward rate with jitter, disorder, gaps and NaN, and a way to cut it."""
    rate_hz = draw(st.sampled_from([*RATES_HZ, 0.0]))
    n = draw(st.integers(1, 150))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    step_s = 1 / (rate_hz or 500.0)
    steps = np.full(n, step_s)
    steps[rng.random(n) < draw(st.sampled_from([0.0, 0.05]))] = 0.31
    jitter = draw(st.sampled_from([0.0, 0.3, 3.0])) * step_s
    stamps = draw(st.sampled_from([0.0, 777.7])) + np.cumsum(steps) + rng.normal(0, jitter, n)
    values = rng.normal(0, 10, (n, 3)).astype(np.float32)
    values[rng.random((n, 3)) < 0.05] = np.nan
    cuts = sorted(draw(st.lists(st.integers(0, n), max_size=8)))
    return rate_hz, stamps, values, cuts


def fingerprints(one, chunks):
    return [(b.index, b.end_s, b.origin_s, b.values.tobytes()) for c in chunks for b in one.push(c)]


@pytest.mark.parametrize("reduce", REDUCTIONS)
@settings(max_examples=60, deadline=None)
@given(stream=streams(), bin_s=st.sampled_from([0.005, 0.02, 0.05]))
def test_how_samples_were_cut_into_chunks_leaves_no_trace(reduce, stream, bin_s):
    rate_hz, stamps, values, cuts = stream
    whole = [Chunk(stamps, values)]
    single = [Chunk(stamps[k : k + 1], values[k : k + 1]) for k in range(len(stamps))]
    edges = [0, *cuts, len(stamps)]
    random = [Chunk(stamps[a:b], values[a:b]) for a, b in itertools.pairwise(edges)]
    runs = []
    for chunks in (whole, single, random):
        one = binner(bin_s, rate_hz, 3, reduce)
        runs.append((fingerprints(one, chunks), +one.events))
    assert runs[0] == runs[1] == runs[2]


@settings(max_examples=60, deadline=None)
@given(stream=streams(), bin_s=st.sampled_from([0.005, 0.02, 0.05]))
def test_no_sample_is_lost_and_none_counts_twice(stream, bin_s):
    """Pushed far ahead at the end, the stream has given out every finite value."""
    rate_hz, stamps, values, _ = stream
    flag = np.append(stamps, stamps.max() + 10), np.vstack([values, np.zeros((1, 3), np.float32)])
    bins = list(binner(bin_s, rate_hz, 3).push(Chunk(*flag)))
    total = np.nansum([b.values.astype(np.float64) for b in bins], axis=0)
    np.testing.assert_allclose(total, np.nansum(values.astype(np.float64), axis=0), atol=1e-3)
    assert all(a.index < b.index for a, b in itertools.pairwise(bins))


@pytest.mark.parametrize("chunk", [1, 3])
@pytest.mark.parametrize("bin_s", [0.01, 0.05])
@pytest.mark.parametrize("rate_hz", [1000.0, *RATES_HZ])
def test_the_stamp_of_the_sample_that_completes_a_bin_is_known_before(rate_hz, bin_s, chunk):
    stamps, _ = regular(rate_hz, 3, 1234.5)
    one = binner(bin_s, rate_hz)
    assert one.last_due_s is None
    due_s, seen = None, 0
    for at in range(0, len(stamps), chunk):
        part = stamps[at : at + chunk]
        closed = list(one.push(ones(part)))
        if due_s is not None and bin_s * rate_hz > chunk + 2:
            came = part[-1] > due_s - 1e-6
            on_edge = abs((due_s + 1.5 / rate_hz - 1234.5) / bin_s % 1 - 0.5) > 0.499
            assert len(closed) == came or (came and on_edge), (due_s, part)
            seen += came
        due_s = one.last_due_s
    assert seen > 3 / bin_s - 3 or bin_s * rate_hz <= chunk + 2


def test_of_an_irregular_stream_nothing_is_known_before():
    one = binner(0.05, 0.0)
    list(one.push(ones([1.0, 1.01])))
    assert one.last_due_s is None
