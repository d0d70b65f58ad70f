"""Real cycles, seen to go or to stay."""

import gc
import weakref

import pytest

from eprop_rt_services.garbage import FULL_EVERY_S, YOUNG, GarbageCollection


class Cycle:
    """Refers to itself: only the collector frees it."""

    def __init__(self):
        self.itself = self


@pytest.fixture
def collection():
    with GarbageCollection() as inside:
        yield inside


def lost_cycle():
    return weakref.ref(Cycle())


def many():
    return [[] for _ in range(2 * YOUNG)]


def test_garbage_stays_until_the_loop_has_time_for_it(collection):
    collection.between_bins(100.0)
    cycle = lost_cycle()
    crowd = many()
    assert cycle() is not None
    collection.between_bins(100.1)
    assert cycle() is None
    assert len(crowd) == 2 * YOUNG


def test_few_objects_are_not_worth_a_look(collection):
    collection.between_bins(100.0)
    cycle = lost_cycle()
    collection.between_bins(100.1)
    assert cycle() is not None


def test_all_that_was_made_since_the_start_is_looked_at_once_a_minute(collection):
    collection.between_bins(100.0)
    old = Cycle()
    cycle = weakref.ref(old)
    gc.collect()
    gc.collect()  # it has grown old
    del old
    crowd = many()
    collection.between_bins(100.0 + FULL_EVERY_S / 2)
    assert cycle() is not None
    collection.between_bins(100.0 + FULL_EVERY_S)
    assert cycle() is None
    assert len(crowd) == 2 * YOUNG


def test_what_was_there_at_the_start_is_left_alone_and_given_back_at_the_end():
    before = gc.get_freeze_count()
    with GarbageCollection():
        assert not gc.isenabled()
        assert gc.get_freeze_count() > 1000
    assert gc.isenabled()
    assert gc.get_freeze_count() <= before
