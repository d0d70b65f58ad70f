import numpy as np
import pytest

from eprop_rt.closed_loop.cursor import Cursor, CursorSettings
from eprop_rt.errors import DataError

RIGHT = np.array([10.0, 0.0])


def after(cursor: Cursor, command: np.ndarray, seconds: float, dt_s: float) -> np.ndarray:
    for _ in range(round(seconds / dt_s)):
        cursor.step(command, dt_s)
    return cursor.position


def test_without_smoothing_the_cursor_integrates_the_command():
    cursor = Cursor(CursorSettings(smoothing_s=0))
    assert after(cursor, np.array([10.0, -5.0]), 0.5, 0.01) == pytest.approx([5.0, -2.5])


def test_smoothing_reaches_its_share_after_its_time_constant_whatever_the_tick():
    for dt_s in (0.01, 0.005):
        cursor = Cursor(CursorSettings(smoothing_s=0.05))
        before = after(cursor, RIGHT, 0.05 - dt_s, dt_s)
        speed = (cursor.step(RIGHT, dt_s) - before)[0] / dt_s
        assert speed == pytest.approx(10 * (1 - np.exp(-1)))


def test_a_command_above_the_bound_keeps_its_direction_and_loses_its_excess():
    cursor = Cursor(CursorSettings(smoothing_s=0, max_speed_cm_s=20))
    assert cursor.step(np.array([300.0, 400.0]), 0.1) == pytest.approx([1.2, 1.6])


def test_the_walls_hold_and_stop_what_runs_into_them():
    cursor = Cursor(CursorSettings(half_width_cm=3, smoothing_s=0.05))
    assert after(cursor, np.array([30.0, 1.0]), 1.0, 0.01)[0] == 3.0
    assert cursor.step(np.zeros(2), 0.01)[0] == 3.0
    assert cursor.step(-30 * RIGHT, 0.01)[0] < 3.0


def test_a_cursor_that_was_put_down_is_at_rest():
    cursor = Cursor(CursorSettings())
    after(cursor, RIGHT, 0.5, 0.01)
    cursor.put(np.array([1.0, 2.0]))
    assert cursor.step(np.zeros(2), 0.01) == pytest.approx([1.0, 2.0])


def test_the_position_handed_out_is_a_copy():
    cursor = Cursor(CursorSettings())
    cursor.position[0] = 9.0
    cursor.step(RIGHT, 0.1)[:] = 9.0
    assert cursor.position[0] < 1.0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_command_that_is_not_finite_is_refused_and_leaves_the_cursor(bad):
    cursor = Cursor(CursorSettings())
    after(cursor, RIGHT, 0.2, 0.01)
    before = cursor.position
    with pytest.raises(DataError, match="expected finite"):
        cursor.step(np.array([1.0, bad]), 0.01)
    assert np.array_equal(cursor.position, before)
