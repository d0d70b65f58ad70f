"""Boards whose packets carry several samples with one stamp."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from eprop_rt.conditioning.check import ChunkCheck
from eprop_rt.series import Chunk, StreamInfo
from eprop_rt_services.boards.packets import PacketStamps

RATE_HZ = 200.0


def spread(stamps, cuts=()):
    one, edges = PacketStamps(RATE_HZ), [0, *sorted(cuts), len(stamps)]
    return np.concatenate([one.spread(stamps[a:b]) for a, b in itertools.pairwise(edges)])


def test_pairs_of_equal_stamps_become_single_samples_and_none_is_dropped():
    stamps = 1.7e9 + np.repeat(np.arange(500) * 2 / RATE_HZ, 2)
    came = spread(stamps)
    np.testing.assert_allclose(np.diff(came), 1 / RATE_HZ, atol=1e-6)
    np.testing.assert_array_equal(came[1::2], stamps[1::2])
    check = ChunkCheck(StreamInfo("board", 1, RATE_HZ), 0.1)
    kept = check.apply(Chunk(came, np.zeros((1000, 1), np.float32)))
    assert len(kept.stamps) == 1000
    assert not +check.events


def test_stamps_that_differ_are_left_alone():
    stamps = np.cumsum(np.random.default_rng(0).exponential(1 / RATE_HZ, 300))
    assert spread(stamps, [7, 100]).tobytes() == stamps.tobytes()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_samples_stay_in_order_and_within_their_packets_time(data):
    sizes = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=30))
    late = data.draw(st.lists(st.floats(0.2, 3), min_size=len(sizes), max_size=len(sizes)))
    whole_s = np.cumsum(np.array(sizes) / RATE_HZ * late)  # packets come early and late
    stamps = 1.7e9 + np.repeat(whole_s, sizes)
    cuts = data.draw(st.lists(st.integers(0, len(stamps)), max_size=4))
    came = spread(stamps, cuts)
    assert (np.diff(came) > 0).all()
    ends = np.cumsum(sizes)
    if not set(cuts) - {0, *ends.tolist()}:  # no packet was cut in two
        np.testing.assert_array_equal(came[ends - 1], stamps[ends - 1])
        assert (came <= stamps).all()
    assert np.abs(came - stamps).max() < 5 / RATE_HZ


def test_a_clock_that_is_set_back_is_followed():
    came = spread(np.array([100.0, 100.0, 50.0, 50.0, 50.01]))
    np.testing.assert_allclose(came, [99.995, 100.0, 49.995, 50.0, 50.01])
