import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eprop_rt.bins.grid import BinGrid
from eprop_rt.bins.labels import LabelBins
from eprop_rt.series import LabelChunk, StreamInfo


def label_bins(bin_s=0.1, rate_hz=0.0, outputs=2, origin_s=0.0, info=True):
    grid = BinGrid(bin_s)
    if origin_s is not None:
        grid.start(origin_s)
    stream = StreamInfo("labels", outputs, rate_hz) if info else None
    return LabelBins(grid, stream, outputs), grid


def chunk(stamps, values):
    values = np.asarray(values, np.float32).reshape(len(stamps), -1)
    return LabelChunk(np.asarray(stamps, np.float64), values)


def test_the_label_of_a_bin_is_the_mean_of_what_came_in_it():
    labels, _ = label_bins()
    labels.push(chunk([0.01, 0.05, 0.12], [[1, 10], [2, 30], [7, 8]]))
    assert labels.take(0).tolist() == [1.5, 20]
    assert labels.take(1).tolist() == [7, 8]
    assert labels.take(1).dtype == np.float32


def test_a_bin_without_labels_has_none():
    labels, _ = label_bins()
    assert np.isnan(labels.take(0)).all()
    labels.push(chunk([0.35], [[1, 2]]))
    assert np.isnan(labels.take(2)).all()
    assert labels.take(3).tolist() == [1, 2]


def test_what_is_not_finite_is_passed_over_axis_by_axis():
    labels, _ = label_bins()
    labels.push(chunk([0.01, 0.02, 0.03], [[1, np.nan], [np.inf, 4], [3, np.nan]]))
    assert labels.take(0).tolist() == [2, 4]
    labels.push(chunk([0.11, 0.12], [[np.nan, 1], [np.nan, -np.inf]]))
    came = labels.take(1)
    assert np.isnan(came[0])
    assert came[1] == 1


def late(labels):
    return [(index, label.tolist()) for index, label in labels.late()]


def test_a_label_for_a_bin_that_is_decoded_is_late_and_of_no_other_bin():
    labels, _ = label_bins()
    labels.push(chunk([0.05], [[1, 1]]))
    labels.take(0)
    labels.push(chunk([0.07, 0.15], [[100, 100], [2, 2]]))
    assert labels.take(1).tolist() == [2, 2]
    assert late(labels) == [(0, [100, 100])]
    labels.take(7)
    labels.push(chunk([0.5], [[3, 3]]))
    assert np.isnan(labels.take(8)).all()
    assert late(labels) == [(5, [3, 3])]
    assert late(labels) == []


def test_late_labels_of_one_bin_that_come_apart_are_joined():
    labels, _ = label_bins()
    labels.take(3)
    labels.push(chunk([0.21], [[1, 5]]))
    assert late(labels) == [(2, [1, 5])]
    labels.push(chunk([0.22, 0.11], [[3, 7], [9, 9]]))
    assert late(labels) == [(1, [9, 9]), (2, [2, 6])]


def test_what_is_absent_on_every_axis_is_no_label_in_time_or_late():
    labels, _ = label_bins()
    labels.push(chunk([0.05, 0.15], [[1, 1], [2, 2]]))
    labels.take(0)
    labels.push(chunk([0.05, 0.05, 0.15], [[np.nan, np.nan], [np.inf, -np.inf], [np.nan, np.nan]]))
    assert late(labels) == []
    assert labels.take(1).tolist() == [2, 2]


def test_late_labels_take_memory_for_a_few_bins_only():
    labels, _ = label_bins()
    labels.take(1000)
    labels.push(chunk(np.arange(900) * 0.1 + 0.05, np.ones((900, 2))))
    assert len(late(labels)) == 900
    labels.push(chunk([0.05, 89.95], [[3, 3], [3, 3]]))
    assert late(labels) == [(0, [3, 3]), (899, [2, 2])]


def test_a_label_from_before_the_first_sample_is_late():
    labels, _ = label_bins(origin_s=5.0)
    labels.push(chunk([4.95, 5.05], [[9, 9], [1, 1]]))
    assert labels.take(0).tolist() == [1, 1]
    assert late(labels) == [(-1, [9, 9])]


def test_labels_that_come_before_the_first_sample_wait_for_the_grid():
    labels, grid = label_bins(origin_s=None)
    labels.push(chunk([5.05], [[1, 1]]))
    labels.push(chunk([5.15, 4.0], [[2, 2], [3, 3]]))
    grid.start(5.0)
    assert labels.take(0).tolist() == [1, 1]
    assert labels.take(1).tolist() == [2, 2]
    assert late(labels) == [(-10, [3, 3])]


def test_labels_of_skipped_bins_are_forgotten():
    labels, _ = label_bins()
    labels.push(chunk([0.05, 0.15, 0.25], [[1, 1], [2, 2], [3, 3]]))
    assert labels.take(2).tolist() == [3, 3]
    assert np.isnan(labels.take(1)).all()


@pytest.mark.parametrize("origin_s", [0.0, 98765.4321])
def test_labels_stamped_on_the_edges_of_bins_belong_to_the_bin_that_begins_there(origin_s):
    labels, _ = label_bins(rate_hz=10.0, outputs=1, origin_s=origin_s)
    stamps = origin_s + np.arange(1000) * 0.1
    labels.push(chunk(stamps, np.arange(1000)))
    assert [labels.take(k)[0] for k in range(1000)] == list(range(1000))


def test_without_a_label_stream_there_are_no_labels():
    labels, _ = label_bins(info=False)
    assert np.isnan(labels.take(0)).all()


def test_labels_are_left_untouched():
    labels, _ = label_bins()
    given_chunk = chunk([0.01, 0.02], [[1, np.nan], [3, 4]])
    given_chunk.stamps.flags.writeable = False
    given_chunk.values.flags.writeable = False
    labels.push(given_chunk)
    labels.take(0)[:] = 0
    assert labels.take(1).shape == (2,)


def test_many_labels_ahead_cost_no_more_than_few():
    """A whole session's labels may be there before its first bin: each is looked at once."""

    def seconds(bins):
        labels, _ = label_bins(outputs=1)
        labels.push(chunk(np.arange(bins) * 0.1 + 0.05, np.arange(bins)))
        start = time.perf_counter()
        for k in range(500):
            labels.take(k)
        return time.perf_counter() - start

    assert min(seconds(20_000) for _ in range(3)) < 20 * min(seconds(600) for _ in range(3)) + 0.02


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    n=st.integers(0, 40),
    cuts=st.lists(st.integers(0, 40), max_size=6),
    rate_hz=st.sampled_from([0.0, 60.0, 1001.5]),
    waiting=st.booleans(),
)
def test_how_labels_were_cut_into_chunks_leaves_no_trace(seed, n, cuts, rate_hz, waiting):
    rng = np.random.default_rng(seed)
    stamps = 3.0 + rng.uniform(-0.1, 1.0, n)
    values = rng.normal(0, 100, (n, 2)).astype(np.float32)
    values[rng.random((n, 2)) < 0.2] = np.nan
    edges = [0, *sorted(min(cut, n) for cut in cuts), n]
    runs = []
    for parts in ([0, n], list(range(n + 1)), edges):
        labels, grid = label_bins(0.07, rate_hz, origin_s=None if waiting else 3.0)
        for a, b in itertools.pairwise(parts):
            labels.push(LabelChunk(stamps[a:b], values[a:b]))
        grid.start(3.0)
        runs.append(([labels.take(k).tobytes() for k in range(16)], repr(late(labels))))
    assert runs[0] == runs[1] == runs[2]


def test_labels_beyond_a_gap_of_years_wait_for_the_signal():
    grid = BinGrid(0.1)
    grid.start(0.0)
    labels = LabelBins(grid, None, 1)
    far_s = 1e8
    stamps = np.array([0.05, 0.15, far_s + 0.05, far_s + 0.15])
    labels.push(LabelChunk(stamps, np.arange(4, dtype=np.float32)[:, None]))
    index = round(far_s / 0.1)
    taken = [labels.take(k)[0] for k in (0, 1, index, index + 1)]
    assert taken == [0.0, 1.0, 2.0, 3.0]
    assert not +labels.events


def test_labels_of_no_time_that_will_come_take_no_more_room():
    grid = BinGrid(0.1)
    grid.start(0.0)
    labels = LabelBins(grid, None, 1)
    for far in range(1000):
        labels.push(LabelChunk(np.array([1e9 + far]), np.ones((1, 1), np.float32)))
    assert labels.events["label_too_early"] == 1000 - 16
    labels.push(LabelChunk(np.array([0.05]), np.ones((1, 1), np.float32)))
    assert labels.take(0)[0] == 1.0
