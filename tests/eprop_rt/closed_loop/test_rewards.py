"""What each source of rewards says of a scene, and when."""

import math

import numpy as np
import pytest
from pydantic import TypeAdapter

from eprop_rt.closed_loop.rewards import (
    ErrorPotentialSettings,
    ProgressSettings,
    RewardSourceSettings,
    SelectionSettings,
    build_reward_source,
)
from eprop_rt.closed_loop.scene import Event, Scene

BIN_S = 0.02
TARGET = np.array([9.0, 0.0])


def scene(x_cm, event=Event.NONE, target=TARGET, since_s=1.0, radius_cm=2.0):
    position = np.array([x_cm, 0.0])
    inside = bool(np.linalg.norm(target - position) <= radius_cm)
    at_rest = np.zeros(2)
    return Scene(
        position, at_rest, at_rest, target, radius_cm, inside, since_s, event, np.full(2, np.nan)
    )


def judged(settings, scenes, seed=0):
    source = build_reward_source(settings, BIN_S, seed)
    return [source.reward(each) for each in scenes]


def test_a_selection_is_worth_something_in_the_bin_that_it_ends_a_trial():
    scenes = [scene(0), scene(8, Event.ENTERED), scene(8, Event.SUCCESS), scene(0, Event.FAILURE)]
    assert judged(SelectionSettings(failure=-0.5), scenes) == [0.0, 0.0, 1.0, -0.5]


def test_an_outcome_read_off_the_brain_comes_late_and_is_sometimes_wrong():
    settings = SelectionSettings(failure=-1, otherwise=None, accuracy=0.7, delay_s=2 * BIN_S)
    came = judged(settings, [scene(8, Event.SUCCESS), scene(0), scene(0)])
    assert np.isnan(came[:2]).all()
    assert came[2] in (1.0, -1.0)
    rightly = judged(settings.model_copy(update={"delay_s": 0.0}), [scene(8, Event.SUCCESS)] * 4000)
    assert np.mean(np.array(rightly) == 1) == pytest.approx(0.7, abs=0.03)


def test_an_error_potential_says_of_every_window_whether_it_ended_nearer():
    settings = ErrorPotentialSettings(window_s=3 * BIN_S, delay_s=0, after_s=0, accuracy=1)
    way = [0, 1, 2, 3, 2, 1, 1, 1, 2, 3.0]
    came = judged(settings, [scene(x) for x in way])
    # The first bin begins the first window; the bin that ends a window begins the next.
    assert np.isnan(came).tolist() == [True] * 3 + [False] + [True] * 2 + [False] + [True] * 2 + [
        False
    ]
    assert [came[3], came[6], came[9]] == [1.0, -1.0, 1.0]


def test_a_cursor_that_stays_in_the_target_does_well():
    settings = ErrorPotentialSettings(window_s=BIN_S, delay_s=0, after_s=0, accuracy=1)
    assert judged(settings, [scene(9), scene(8.5), scene(8.0)])[1:] == [1.0, 1.0]


def test_an_error_potential_comes_late_by_its_delay():
    settings = ErrorPotentialSettings(window_s=BIN_S, delay_s=4 * BIN_S, after_s=0, accuracy=1)
    came = judged(settings, [scene(x) for x in (0, 1, 0.5, 0.5, 0.5, 0.5, 0.5)])
    assert np.isnan(came[:5]).all()
    assert came[5:] == [1.0, -1.0]


def test_an_error_potential_is_wrong_as_often_as_it_is_said_to_be():
    settings = ErrorPotentialSettings(window_s=BIN_S, delay_s=0, after_s=0, accuracy=0.8)
    came = np.array(judged(settings, [scene(0.001 * t) for t in range(6000)]))[1:]
    assert set(came) == {1.0, -1.0}
    assert np.mean(came == 1) == pytest.approx(0.8, abs=0.02)


def test_nobody_judges_a_window_that_two_targets_share_or_that_began_too_early():
    settings = ErrorPotentialSettings(window_s=2 * BIN_S, delay_s=0, after_s=0.1, accuracy=1)
    other = np.array([0.0, 9.0])
    scenes = [
        scene(0, since_s=0.05),
        scene(1, since_s=0.1),
        scene(2, since_s=0.12),
        scene(3, Event.TARGET_ON, other, since_s=0.0),
        scene(3, target=other, since_s=0.1),
        scene(2, target=other, since_s=0.12),
        scene(1, target=other, since_s=0.14),
    ]
    came = judged(settings, scenes)
    assert np.isnan(came[:6]).all()
    assert came[6] == 1.0


@pytest.mark.parametrize(
    "settings",
    [ErrorPotentialSettings(window_s=BIN_S, delay_s=0, after_s=0), ProgressSettings()],
)
def test_without_a_target_nothing_is_said(settings):
    assert np.isnan(judged(settings, [scene(t, target=np.full(2, np.nan)) for t in range(5)])).all()


def test_progress_is_the_speed_towards_the_edge_and_nothing_within():
    came = judged(ProgressSettings(unit_cm_s=10), [scene(x) for x in (0, 0.2, 0.1, 6.95, 7.5, 8)])
    assert math.isnan(came[0])
    # 0.2 cm a bin is 10 cm/s; the edge is at 7 cm.
    assert came[1:] == pytest.approx([1.0, -0.5, 6.85 / 0.2, 0.05 / 0.2, 0.0])


@pytest.mark.parametrize("kind", ["selection", "error_potential", "progress"])
def test_a_source_that_is_restarted_says_the_same_again(kind):
    settings = TypeAdapter(RewardSourceSettings).validate_python({"kind": kind})
    source = build_reward_source(settings, BIN_S, 3)
    rng = np.random.default_rng(0)
    scenes = [
        scene(x, Event.SUCCESS if t % 37 == 0 else Event.NONE)
        for t, x in enumerate(np.cumsum(rng.normal(0, 0.1, 400)))
    ]
    runs = []
    for _ in range(2):
        source.restart(3)
        runs.append([source.reward(each) for each in scenes])
    np.testing.assert_array_equal(*runs)
    assert np.isfinite(runs[0]).any()
