import numpy as np
import pytest

from eprop_rt.closed_loop.task import CentreOut, Event, Phase, TaskSettings, TaskState
from eprop_rt.errors import ConfigError

DT_S = 0.01
CENTRE = np.zeros(2)


def wait(task: CentreOut, position: np.ndarray, phase: Phase) -> TaskState:
    """Stay at a position until a phase begins."""
    for _ in range(1000):
        if task.step(position, DT_S).phase is phase:
            return task.state
    raise AssertionError(f"{phase} never began")


def reach(task: CentreOut, waypoints: list[np.ndarray], speed_cm_s: float = 20.0) -> None:
    """Travel through waypoints at a constant speed, then hold until the trial ends."""
    position = CENTRE
    for waypoint in waypoints:
        steps = max(1, round(np.linalg.norm(waypoint - position) / (speed_cm_s * DT_S)))
        for step in range(1, steps + 1):
            task.step(position + (waypoint - position) * step / steps, DT_S)
        position = waypoint
    if task.state.phase is not Phase.PAUSE:
        wait(task, position, Phase.PAUSE)


def test_a_trial_is_a_pause_then_the_centre_then_a_reach():
    task = CentreOut(TaskSettings(pause_s=0.3, centre_hold_s=0.5), 0)
    assert task.state.phase is Phase.PAUSE
    assert np.all(np.isnan(task.state.target))
    phases = [task.step(CENTRE, DT_S).phase for _ in range(90)]
    assert phases.index(Phase.CENTRE) == 29
    assert phases.index(Phase.REACH) == 30 + 50  # entered at the first tick, held for 50
    assert np.hypot(*task.state.target) == pytest.approx(9.0)


def test_each_target_comes_once_before_any_comes_again():
    task = CentreOut(TaskSettings(targets=8), 3)
    order = []
    for _ in range(24):
        target = wait(task, CENTRE, Phase.REACH).target
        reach(task, [target])
        order.append(tuple(np.round(target, 6)))
    blocks = [set(order[i : i + 8]) for i in (0, 8, 16)]
    assert all(len(block) == 8 for block in blocks)
    assert order[:8] != order[8:16]
    assert all(trial.success for trial in task.trials)


def test_time_to_target_ends_with_the_entry_and_not_with_the_hold():
    task = CentreOut(TaskSettings(distance_cm=9, radius_cm=2, hold_s=0.4), 0)
    target = wait(task, CENTRE, Phase.REACH).target
    reach(task, [target], speed_cm_s=20)
    (trial,) = task.trials
    assert trial.success
    assert trial.time_to_target_s == pytest.approx(7 / 20, abs=DT_S + 1e-9)
    assert trial.dial_in_s == 0.0
    assert trial.path_efficiency == pytest.approx(1.0)
    assert trial.target == pytest.approx(tuple(target))


def test_leaving_the_target_starts_the_hold_again():
    task = CentreOut(TaskSettings(), 0)
    target = wait(task, CENTRE, Phase.REACH).target
    for _ in range(30):
        task.step(target, DT_S)
    assert task.step(target * 1.5, DT_S).events == (Event.LEFT,)
    assert task.step(target, DT_S).events == (Event.ENTERED,)
    ticks = 0
    while Event.SUCCESS not in task.step(target, DT_S).events:
        ticks += 1
    assert ticks == 39
    (trial,) = task.trials
    assert trial.time_to_target_s == pytest.approx(0.32)
    assert trial.dial_in_s == pytest.approx(0.31)


def test_a_detour_costs_path_efficiency():
    task = CentreOut(TaskSettings(radius_cm=0.5), 0)
    target = wait(task, CENTRE, Phase.REACH).target
    corner = target / 2 + 0.5 * np.array([-target[1], target[0]])
    reach(task, [corner, target], speed_cm_s=20)
    assert task.trials[0].path_efficiency == pytest.approx(np.sqrt(0.5), abs=0.03)


def test_who_does_not_reach_in_time_fails_and_is_recentred():
    task = CentreOut(TaskSettings(timeout_s=3.0), 0)
    wait(task, CENTRE, Phase.REACH)
    states = [task.step(CENTRE, DT_S) for _ in range(300)]
    assert states[-1].events == (Event.FAILURE, Event.RECENTRE)
    assert all(Event.FAILURE not in state.events for state in states[:-1])
    (trial,) = task.trials
    assert not trial.success
    assert np.isnan(trial.time_to_target_s)
    assert trial.time_limit_s == 3.0


def test_who_cannot_hold_the_centre_fails_the_trial_too():
    task = CentreOut(TaskSettings(), 0)
    away = np.array([5.0, 5.0])
    wait(task, away, Phase.CENTRE)
    wait(task, away, Phase.PAUSE)
    assert [trial.success for trial in task.trials] == [False]
    assert Event.RECENTRE in task.state.events


@pytest.mark.parametrize("settings", [TaskSettings(), TaskSettings(pause_s=0, centre_radius_cm=1)])
def test_no_constant_velocity_ever_succeeds(settings):
    for speed in np.linspace(0.5, 8.0, 16):
        task = CentreOut(settings, 1)
        velocity, position = speed * np.array([1.0, 0.0]), CENTRE
        while len(task.trials) < settings.targets:
            position = np.clip(position + velocity * DT_S, -14, 14)
            if Event.RECENTRE in task.step(position, DT_S).events:
                position = CENTRE
        assert not any(trial.success for trial in task.trials), speed


def test_settings_that_a_drift_could_win_are_refused():
    with pytest.raises(ConfigError, match=r"a drift of .* expected centre_radius_cm below"):
        TaskSettings(centre_radius_cm=2.0)
    with pytest.raises(ConfigError, match="must be shorter than timeout_s"):
        TaskSettings(hold_s=3.0)


def test_the_label_points_at_the_target_and_slows_down_towards_it():
    settings = TaskSettings(label_speed_cm_s=20, label_slows_cm=5)
    task = CentreOut(settings, 0)
    target = wait(task, CENTRE, Phase.REACH).target
    for _ in range(30):
        task.step(CENTRE, DT_S)
    way = target / 9
    assert task.label(CENTRE, target) == pytest.approx(20 * way)
    assert task.label(target - 3 * way, target) == pytest.approx(12 * way)
    assert task.label(target + 6 * way, target) == pytest.approx(-20 * way)
    assert np.array_equal(task.label(target - 1.9 * way, target), [0, 0])


def test_there_is_no_label_in_a_pause_nor_before_anyone_reacts():
    task = CentreOut(TaskSettings(label_after_s=0.25), 0)
    assert np.all(np.isnan(task.label(CENTRE, task.state.target)))
    target = wait(task, CENTRE, Phase.REACH).target
    known = []
    for _ in range(40):
        known.append(not np.any(np.isnan(task.label(CENTRE, target))))
        task.step(CENTRE, DT_S)
    assert known == [False] * 25 + [True] * 15


def test_a_restart_gives_the_same_targets_again():
    task = CentreOut(TaskSettings(), 5)
    first = wait(task, CENTRE, Phase.REACH).target
    task.restart(5)
    assert not task.trials
    assert np.array_equal(wait(task, CENTRE, Phase.REACH).target, first)
