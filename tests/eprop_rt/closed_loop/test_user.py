import numpy as np
import pytest

from eprop_rt.closed_loop.cursor import Cursor, CursorSettings
from eprop_rt.closed_loop.user import User, UserSettings
from eprop_rt.errors import ConfigError

DT_S = 0.01
TARGET = np.array([9.0, 0.0])
NOWHERE = np.full(2, np.nan)
CALM = {"noise_cm_s": 0.0}
AT_ONCE = {**CALM, "delay_s": 0.0, "reaction_s": 0.0, "damping": 0.0, "rest_fraction": 0.0}


def look(user: User, position: np.ndarray, target: np.ndarray, ticks: int) -> np.ndarray:
    """Show a still picture and collect the intents (ticks, 2)."""
    intents = []
    for _ in range(ticks):
        user.see(position, target, 2.0)
        intents.append(user.intend(DT_S))
    return np.array(intents)


def steer(settings: UserSettings, ticks: int) -> np.ndarray:
    """Let the intent itself drive a cursor and return its positions (ticks, 2)."""
    user, cursor = User(settings, 0), Cursor(CursorSettings(smoothing_s=settings.follows_s))
    positions = []
    for _ in range(ticks):
        user.see(cursor.position, TARGET, 2.0)
        positions.append(cursor.step(user.intend(DT_S), DT_S))
    return np.array(positions)


@pytest.mark.parametrize("delay_s", [0.05, 0.1, 0.2])
def test_what_the_screen_shows_matters_only_after_the_delay(delay_s):
    settings = UserSettings(delay_s=delay_s)
    same, other = User(settings, 1), User(settings, 1)
    here, there = np.zeros(2), np.array([3.0, -4.0])
    for user in (same, other):
        look(user, here, TARGET, 60)
    unchanged, changed = look(same, here, TARGET, 60), look(other, there, TARGET, 60)
    late = round(delay_s / DT_S)
    assert np.array_equal(unchanged[:late], changed[:late])
    assert not np.array_equal(unchanged[late], changed[late])


def test_a_new_target_is_followed_after_delay_and_reaction_time():
    user = User(UserSettings(**CALM, delay_s=0.1, reaction_s=0.2), 0)
    look(user, np.zeros(2), NOWHERE, 50)
    intents = look(user, np.zeros(2), TARGET, 50)
    assert not np.any(intents[:30])
    assert np.all(intents[30:, 0] > 0)


def test_until_the_reaction_the_old_target_is_still_pursued():
    user = User(UserSettings(**CALM, delay_s=0.1, reaction_s=0.2), 0)
    look(user, np.zeros(2), TARGET, 100)
    intents = look(user, np.zeros(2), -TARGET, 60)
    assert np.all(intents[:30, 0] > 0)
    assert intents[-1, 0] < 0


@pytest.mark.parametrize(
    ("distance_cm", "push_cm_s"), [(0.5, 1.0), (1.0, 2.0), (3.0, 11.0), (5.0, 20.0), (12.0, 20.0)]
)
def test_the_push_is_piecewise_linear_in_distance(distance_cm, push_cm_s):
    settings = UserSettings(
        **AT_ONCE, push_distances_cm=(0.0, 1.0, 5.0), push_cm_s=(0.0, 2.0, 20.0)
    )
    way = np.array([0.6, -0.8])
    intent = look(User(settings, 0), 2 * way, (2 + distance_cm) * way, 1)[0]
    assert intent == pytest.approx(push_cm_s * way)


def test_there_is_no_push_in_the_resting_zone_nor_without_a_target():
    settings = UserSettings(**{**AT_ONCE, "rest_fraction": 0.5})
    assert not np.any(look(User(settings, 0), TARGET - [0.9, 0.0], TARGET, 20))
    assert not np.any(look(User(settings, 0), TARGET, NOWHERE, 20))


def test_a_cursor_seen_to_move_is_damped_in_proportion_to_its_speed():
    settings = UserSettings(**{**AT_ONCE, "damping": 0.25}, velocity_window_s=0.03)
    user = User(settings, 0)
    for tick in range(20):
        user.see(np.array([0.0, 8.0 * tick * DT_S]), NOWHERE, 0.0)
        intent = user.intend(DT_S)
    assert intent == pytest.approx([0.0, -2.0])


@pytest.mark.parametrize(
    ("speed_cm_s", "taken_cm_s"), [(1.0, 0.5), (4.0, 2.0), (8.0, 6.0), (12.0, 10.0), (20.0, 10.0)]
)
def test_the_damping_is_piecewise_linear_in_speed(speed_cm_s, taken_cm_s):
    curve = {"damping_speeds_cm_s": (0.0, 4.0, 12.0), "damping_cm_s": (0.0, 2.0, 10.0)}
    settings = UserSettings(**{**AT_ONCE, **curve, "damping": 99.0}, velocity_window_s=0.03)
    user, way = User(settings, 0), np.array([0.6, -0.8])
    for tick in range(20):
        user.see(speed_cm_s * tick * DT_S * way, NOWHERE, 0.0)
        intent = user.intend(DT_S)
    assert intent == pytest.approx(-taken_cm_s * way)
    assert not np.any(look(User(settings, 0), np.zeros(2), NOWHERE, 20))  # of a cursor at rest


def test_the_forward_model_makes_up_for_the_delay_of_a_cursor_that_follows():
    prompt = {**CALM, "reaction_s": 0.0, "velocity_window_s": DT_S}
    undelayed = steer(UserSettings(**prompt, delay_s=0.0), 150)
    delayed = steer(UserSettings(**prompt, delay_s=0.1), 160)
    assert undelayed[-1, 0] > 8.0
    assert delayed[10:] == pytest.approx(undelayed, abs=1e-9)


def test_before_the_eye_can_tell_the_push_is_towards_where_the_cursor_should_be():
    settings = UserSettings(**{**AT_ONCE, "delay_s": 0.1})
    target = np.array([3.0, 0.0])
    user, believed = User(settings, 0), Cursor(CursorSettings(smoothing_s=settings.follows_s))
    look(user, np.zeros(2), target, 10)  # not one picture has reached the person yet
    intents = look(user, np.zeros(2), target, 10)  # and the screen shows a cursor that stays
    for intent in intents[:-1]:
        position = believed.step(intent, DT_S)
    assert position[0] > 0.3
    assert intents[-1] == pytest.approx([22.0 * (3.0 - position[0]) / 5.0, 0.0])


def test_the_noise_has_its_stated_size_and_memory():
    user = User(UserSettings(noise_cm_s=2.0, noise_time_s=0.1, damping=0.0), 4)
    noise = look(user, np.zeros(2), NOWHERE, 20_000)
    assert noise.std() == pytest.approx(2.0, rel=0.05)
    ten_ticks = np.mean(noise[10:] * noise[:-10]) / noise.var()
    assert ten_ticks == pytest.approx(np.exp(-1), abs=0.05)


def test_a_restart_forgets_everything():
    user = User(UserSettings(), 2)
    first = look(user, np.zeros(2), TARGET, 60)
    user.restart(2)
    assert np.array_equal(look(user, np.zeros(2), TARGET, 60), first)


def test_what_is_shown_is_neither_kept_nor_changed():
    user, position = User(UserSettings(**AT_ONCE), 0), np.zeros(2)
    user.see(position, TARGET, 2.0)
    position[:] = 100.0
    assert user.intend(DT_S)[0] > 0


def test_a_push_that_is_no_curve_is_refused():
    with pytest.raises(ConfigError, match="distances rising"):
        UserSettings(push_distances_cm=(0.0, 5.0, 5.0), push_cm_s=(0.0, 1.0, 2.0))
    with pytest.raises(ConfigError, match="speeds rising"):
        UserSettings(damping_speeds_cm_s=(5.0, 0.0), damping_cm_s=(0.0, 1.0))
    with pytest.raises(ConfigError, match=r"damping_cm_s .* as many of each"):
        UserSettings(damping_cm_s=(1.0,))
    with pytest.raises(ConfigError, match="as many of each"):
        UserSettings(push_distances_cm=(0.0, 5.0), push_cm_s=(0.0,))
