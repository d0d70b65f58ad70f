"""Intended direction: straight to the target, once somebody can have reacted to it."""

import numpy as np
import pytest

from eprop_rt.intention import intended_direction, towards

STAMPS = np.arange(10) * 0.1
HERE = np.zeros((10, 2))
RIGHT, UP = np.tile([4.0, 0.0], (10, 1)), np.tile([0.0, 3.0], (10, 1))
FROM_THE_START = np.zeros(10)


def known(direction):
    return np.flatnonzero(np.isfinite(direction).all(axis=1)).tolist()


def test_a_velocity_points_from_the_position_to_the_target_and_has_the_speed():
    assert towards([1.0, 2.0], [4.0, 6.0]) == pytest.approx([0.6, 0.8])
    assert towards([1.0, 2.0], [4.0, 6.0], 20) == pytest.approx([12.0, 16.0])
    assert towards(HERE, RIGHT, STAMPS)[7] == pytest.approx([0.7, 0.0])


def test_on_the_target_nothing_is_wanted_and_without_one_it_is_unknown():
    assert np.array_equal(towards([1.0, 2.0], [1.0, 2.0], 20), [0.0, 0.0])
    assert np.isnan(towards([1.0, 2.0], [np.nan, np.nan])).all()
    assert np.isnan(towards([np.nan, np.nan], [1.0, 2.0])).all()


def test_a_direction_is_a_unit_vector_from_the_reaction_on():
    direction = intended_direction(STAMPS, HERE, RIGHT, FROM_THE_START, 0.3)
    assert known(direction) == [3, 4, 5, 6, 7, 8, 9]
    assert np.array_equal(direction[3:], np.tile([1.0, 0.0], (7, 1)))


def test_a_new_target_is_unknown_again_until_the_reaction():
    target = np.where(np.arange(10)[:, None] < 4, RIGHT, UP)
    direction = intended_direction(STAMPS, HERE, target, FROM_THE_START, 0.2)
    assert known(direction) == [2, 3, 6, 7, 8, 9]
    assert np.array_equal(direction[6], [0.0, 1.0])


def test_the_same_target_in_a_new_trial_is_new():
    begins_s = np.where(STAMPS < 0.45, 0.0, 0.5)
    direction = intended_direction(STAMPS, HERE, RIGHT, begins_s, 0.2)
    assert known(direction) == [2, 3, 4, 7, 8, 9]


def test_a_pause_without_a_target_ends_what_was_known():
    target = RIGHT.copy()
    target[3:5] = np.nan
    direction = intended_direction(STAMPS, HERE, target, FROM_THE_START, 0.1)
    assert known(direction) == [1, 2, 6, 7, 8, 9]


def test_outside_of_trials_nothing_is_known():
    begins_s = np.where(STAMPS < 0.55, 0.0, np.nan)
    direction = intended_direction(STAMPS, HERE, RIGHT, begins_s, 0.0)
    assert known(direction) == [0, 1, 2, 3, 4, 5]
