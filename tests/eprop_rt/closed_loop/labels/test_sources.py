"""Each kind of source against cases that were worked out by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import solve_discrete_are

from eprop_rt.closed_loop.labels import LabelSettings, build_label_source
from eprop_rt.closed_loop.labels.optimal import OptimalSettings, feedback_gain, riccati
from eprop_rt.closed_loop.scene import Event, Scene
from eprop_rt.closed_loop.task import CentreOut, Phase, TaskSettings
from eprop_rt.errors import ConfigError
from label_scenes import NO_TARGET, scene, walk

BIN_S = 0.02
KINDS = ("direct", "refit", "optimal", "retrospective", "intention")


def source(kind="direct", **settings):
    return build_label_source(LabelSettings(kind=kind, **settings), BIN_S, 0)


def now(kind, shown, **settings):
    return source(kind, **settings).label(shown).now


def test_direct_is_towards_the_target_at_its_own_speed():
    assert np.allclose(now("direct", scene()), (12.0, 16.0))  # 5 cm away: 20 cm/s by 3-4-5


def test_direct_slows_down_in_proportion_nearer_by():
    assert np.allclose(now("direct", scene(position=(1.5, 2.0))), (6.0, 8.0))


def test_direct_is_zero_inside_the_target():
    assert np.array_equal(now("direct", scene(position=(2.9, 3.9))), (0.0, 0.0))


def test_direct_says_what_the_task_of_centre_out_says():
    task, draws = CentreOut(TaskSettings(), 3), np.random.default_rng(0)
    direct, known = source("direct"), 0
    for _ in range(600):
        position = draws.normal(0, 3, 2)
        state = task.step(position, BIN_S)
        target = state.target
        inside = bool(np.hypot(*(target - position)) <= state.radius_cm)
        since_s = math.nan if state.phase is Phase.PAUSE else task._clock_s
        shown = replace(
            scene(position, target, radius_cm=state.radius_cm, since_onset_s=since_s), inside=inside
        )
        expected = task.label(position, target)
        known += not np.isnan(expected).any()
        assert np.array_equal(direct.label(shown).now, expected, equal_nan=True)
    assert 100 < known < 600


def test_refit_turns_the_velocity_and_keeps_its_speed():
    assert np.allclose(now("refit", scene(velocity=(0.0, -10.0))), (6.0, 8.0))


@pytest.mark.parametrize("seed", range(3))
def test_refit_keeps_the_speed_and_points_at_the_target_wherever_the_cursor_is(seed):
    refit, checked = source("refit", after_s=0.0), 0
    for shown in walk(seed):
        label = refit.label(shown).now
        if np.isnan(shown.target).any() or shown.inside:
            continue
        way = shown.target - shown.position
        assert np.hypot(*label) == pytest.approx(np.hypot(*shown.velocity))
        assert label @ way == pytest.approx(np.hypot(*label) * np.hypot(*way))
        checked += 1
    assert checked > 100


def test_refit_is_zero_on_hold_however_the_cursor_moves():
    held = scene(position=(3.0, 4.5), velocity=(7.0, 7.0))
    assert np.array_equal(now("refit", held), (0.0, 0.0))


def test_refit_never_starts_from_nothing_unless_it_is_told_to():
    assert np.array_equal(now("refit", scene()), (0.0, 0.0))
    assert np.allclose(now("refit", scene(), least_speed_cm_s=5.0), (3.0, 4.0))


def test_the_optimal_gain_of_a_plant_without_inertia_is_that_of_the_closed_form():
    # e' = e + dt u, cost e^2 + r u^2: p = (1 + sqrt(1 + 4 r / dt^2)) / 2, k = p dt / (r + p dt^2).
    settings = OptimalSettings(smoothing_s=0.0, velocity_s=0.0, effort_s=0.25)
    r, dt = 0.25**2, BIN_S
    p = (1 + math.sqrt(1 + 4 * r / dt**2)) / 2
    gain = feedback_gain(settings, dt)
    assert gain == (pytest.approx(p * dt / (r + p * dt**2)), pytest.approx(0.0))


@pytest.mark.parametrize("smoothing_s", [0.0, 0.05, 0.3])
def test_the_riccati_equation_is_solved(smoothing_s):
    a_v = math.exp(-BIN_S / smoothing_s) if smoothing_s else 0.0
    a = np.array([[1.0, BIN_S * a_v], [0.0, a_v]])
    b = np.array([[BIN_S * (1 - a_v)], [1 - a_v]])
    q, r = np.diag([1.0, 0.01]), np.array([[0.04]])
    p = riccati(a, b, q, r)
    left = q + a.T @ p @ a - a.T @ p @ b @ np.linalg.solve(r + b.T @ p @ b, b.T @ p @ a)
    assert np.allclose(p, left, rtol=1e-10)
    assert np.allclose(p, solve_discrete_are(a, b, q, r), rtol=1e-8)


def test_no_other_linear_policy_costs_less_than_the_optimal_one():
    settings = OptimalSettings()
    of_error, of_velocity = feedback_gain(settings, BIN_S)
    a_v = math.exp(-BIN_S / settings.smoothing_s)

    def cost(k_e, k_v):
        e, v, total = 8.0, 0.0, 0.0
        for _ in range(2000):
            u = -(k_e * e + k_v * v)
            total += e * e + (settings.velocity_s * v) ** 2 + (settings.effort_s * u) ** 2
            v = a_v * v + (1 - a_v) * u
            e += BIN_S * v
        return total

    best = cost(of_error, of_velocity)
    others = [(0.9, 1.0), (1.1, 1.0), (1.0, 0.8), (1.0, 1.2), (0.95, 0.9)]
    assert all(cost(of_error * f, of_velocity * g) > best for f, g in others)


def test_the_optimal_intention_is_feedback_of_error_and_velocity():
    of_error, of_velocity = feedback_gain(OptimalSettings(), BIN_S)
    label = now("optimal", scene(target=(1.0, 0.0), radius_cm=0.1, velocity=(2.0, 1.0)))
    assert np.allclose(label, (of_error - 2 * of_velocity, -of_velocity))
    assert of_error > 0
    assert of_velocity > 0


def test_the_optimal_intention_is_bounded_in_speed_and_brakes_on_the_target():
    far = now("optimal", scene(target=(30.0, 40.0)))
    assert np.allclose(far, (12.0, 16.0))
    on_target = now("optimal", scene(position=(3.0, 4.0), velocity=(5.0, 0.0)))
    assert on_target[0] < 0
    assert on_target[1] == pytest.approx(0.0)


def test_a_plant_that_nothing_moves_has_no_policy():
    with pytest.raises(ConfigError, match="raise effort_s, or lower smoothing_s"):
        feedback_gain(OptimalSettings(smoothing_s=1e20), BIN_S)


def test_the_oracle_says_what_the_user_intended():
    assert np.array_equal(now("intention", scene(intent=(4.0, -2.0))), (4.0, -2.0))


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_learned_in_a_pause_or_before_people_react(kind):
    for shut in (scene(target=NO_TARGET), scene(since_onset_s=0.24), scene(since_onset_s=np.nan)):
        assert np.isnan(now(kind, shut)).all()
    if kind != "retrospective":
        assert np.isfinite(now(kind, scene(since_onset_s=0.25, velocity=(1.0, 1.0)))).all()


def approach(event: Event, *, told: bool = True, selected=None) -> list[Scene]:
    """A straight way to (6, 8), 0.1 s before and 0.3 s after the reaction; the end is a pause."""
    target = (6.0, 8.0) if told else NO_TARGET
    way = [
        scene(
            (0.3 * index, 0.4 * index),
            target,
            since_onset_s=0.15 + BIN_S * index,
            event=Event.TARGET_ON if index == 0 else Event.NONE,
        )
        for index in range(20)
    ]
    last = scene((6.0, 8.0), NO_TARGET, since_onset_s=0.55, event=event)
    return [*way, replace(last, selected=None if selected is None else np.array(selected))]


def test_retrospective_labels_are_those_of_direct_with_their_ages():
    direct, retrospective = source("direct"), source("retrospective")
    said = []
    for shown in approach(Event.SUCCESS):
        said.append(direct.label(shown).now)
        labels = retrospective.label(shown)
        if shown.event is not Event.SUCCESS:
            assert np.isnan(labels.now).all()
            assert labels.earlier == ()
    said = said[:-1]  # at the selection itself the target is gone
    known = {len(said) - at: one for at, one in enumerate(said) if not np.isnan(one).any()}
    assert sorted(known) == list(range(1, 16))  # 0.25 s and later
    assert sorted(dict(labels.earlier)) == sorted(known)
    assert all(np.array_equal(label, known[age]) for age, label in labels.earlier)
    assert np.isnan(labels.now).all()


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("event", [Event.SUCCESS, Event.FAILURE])
def test_what_was_selected_is_taken_for_the_target_right_or_wrong_and_known_or_not(event, told):
    retrospective = source("retrospective")
    for shown in approach(event, told=told, selected=(5.7, 7.6)):
        labels = retrospective.label(shown)
    assert len(labels.earlier) == 15
    # Bin 11 of 20, selected where the cursor was in bin 19: 4 cm before it, at 16 cm/s.
    assert np.allclose(dict(labels.earlier)[9], (0.6 * 16, 0.8 * 16))


def test_a_mistaken_selection_is_turned_as_a_mistaken_target_is():
    mistaken = source("retrospective", mistakes=1.0)
    for shown in approach(Event.FAILURE, selected=(5.7, 7.6)):
        labels = mistaken.label(shown)
    first = max(age for age, _ in labels.earlier)
    angle = np.angle(complex(*dict(labels.earlier)[first]) / complex(0.6, 0.8))
    assert abs(angle) > 0.3


def test_a_failure_teaches_nothing_and_a_new_target_begins_a_new_approach():
    retrospective = source("retrospective")
    for shown in approach(Event.FAILURE):
        labels = retrospective.label(shown)
    assert np.isnan(labels.now).all()
    assert labels.earlier == ()
    for shown in (*approach(Event.FAILURE)[:-1], *approach(Event.SUCCESS)):
        labels = retrospective.label(shown)
    assert max(age for age, _ in labels.earlier) == 15


def test_an_approach_goes_back_by_its_lookback_at_most():
    retrospective = source("retrospective", lookback_s=0.1)
    for shown in approach(Event.SUCCESS):
        labels = retrospective.label(shown)
    assert sorted(age for age, _ in labels.earlier) == [1, 2, 3, 4, 5]


def test_a_restart_forgets_the_approach():
    retrospective = source("retrospective")
    *way, last = approach(Event.SUCCESS)
    for shown in way:
        retrospective.label(shown)
    retrospective.restart(0)
    assert retrospective.label(last).earlier == ()


@pytest.mark.parametrize("kind", KINDS)
def test_labels_have_one_number_an_axis(kind):
    shown = scene((0.0,), (5.0,), command=(2.0,), velocity=(1.0,), intent=(3.0,))
    assert now(kind, shown).shape == (1,)
