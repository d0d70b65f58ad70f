import numpy as np
import pytest

from eprop_rt.memory import Memory


def filled(bins, capacity=10):
    """A ring in which bin k holds k as inputs and -k as label."""
    memory = Memory(capacity, 2, 1)
    for k in range(bins):
        memory.append(np.full(2, k, np.float32), np.full(1, -k, np.float32))
    return memory


@pytest.mark.parametrize(("bins", "kept"), [(0, 0), (1, 1), (9, 9), (10, 10), (11, 10), (345, 10)])
def test_it_keeps_the_newest_bins_and_no_more_than_its_capacity(bins, kept):
    memory = filled(bins)
    assert len(memory) == kept
    x, labels = memory.read(0, kept)
    assert x[:, 0].tolist() == list(range(bins - kept, bins))
    assert labels[:, 0].tolist() == [-k for k in range(bins - kept, bins)]


@pytest.mark.parametrize("bins", [10, 13, 19, 20, 27])
def test_any_stretch_reads_in_order_across_the_seam(bins):
    memory = filled(bins)
    for start in range(10):
        for length in range(1, 11 - start):
            x, labels = memory.read(start, length)
            oldest = bins - 10 + start
            assert x[:, 1].tolist() == list(range(oldest, oldest + length))
            assert (labels[:, 0] == -x[:, 0]).all()


def test_what_is_read_is_a_copy():
    memory = filled(12)
    for array in memory.read(0, 10):
        array[:] = np.nan
    assert np.isfinite(memory.read(0, 10)[0]).all()
    assert np.isfinite(memory.read(0, 10)[1]).all()


def test_what_is_appended_is_copied():
    memory, x, label = Memory(4, 2, 1), np.ones(2, np.float32), np.ones(1, np.float32)
    memory.append(x, label)
    x[:], label[:] = 9, 9
    assert memory.read(0, 1)[0].tolist() == [[1, 1]]
    assert memory.read(0, 1)[1].tolist() == [[1]]


def test_absent_labels_stay_absent():
    memory = Memory(4, 2, 2)
    memory.append(np.ones(2, np.float32), np.array([np.nan, 3], np.float32))
    assert np.isnan(memory.read(0, 1)[1]).tolist() == [[True, False]]
