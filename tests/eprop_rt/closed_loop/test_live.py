"""The halves of a room, apart: together they are the room; and what cannot be put on a wire."""

import numpy as np
import pytest

from eprop_rt.closed_loop.live import LiveSettings
from eprop_rt.closed_loop.person import Person
from eprop_rt.closed_loop.room import Room
from eprop_rt.closed_loop.task import Event
from eprop_rt.closed_loop.workspace import Workspace
from eprop_rt.errors import ConfigError, DataError

POPULATIONS = "cosine", "acceleration", "history", "nonlinear", "gain_field"
TASKS = "centre_out", "random_target", "target_jump", "grid", "literature"
PAIRS = [(p, "late", "random_target") for p in POPULATIONS]
PAIRS += [("gain_field", u, t) for t in TASKS for u in ("late", "prompt")]


def live(population, user, task):
    return LiveSettings.model_validate(
        {
            "population": {"kind": population, "units": 24},
            "user": {"kind": user},
            "task": {"kind": task},
            "bin_s": 0.01,
        }
    )


@pytest.mark.parametrize(("population", "user", "task"), PAIRS)
def test_a_person_in_front_of_a_workspace_is_the_room_of_that_seed(population, user, task):
    settings = live(population, user, task)
    room, workspace, person = Room(settings, 7), Workspace(settings, 7), Person(settings, 7)
    command, velocity = np.zeros(2), np.zeros(2)
    for _ in range(1500):
        counts = room.run_bin(command)
        state = workspace.step(command)
        scene = room.scene(command)
        np.testing.assert_array_equal(workspace.position, scene.position)
        np.testing.assert_array_equal(state.target, scene.target)
        velocity = scene.velocity
        fired = person.see(workspace.position, velocity, state.target, state.radius_cm)
        np.testing.assert_array_equal(fired, counts)
        np.testing.assert_array_equal(person.intent, scene.intent)
        command = scene.intent.copy()
    assert workspace.ended == room.ended > 3
    assert workspace.trials(room.ended - 3) == room.trials(room.ended - 3)


def test_every_event_of_a_tick_is_told_and_a_failure_puts_the_cursor_back():
    workspace, told = Workspace(LiveSettings()), []
    for _ in range(400):
        told += workspace.step(np.zeros(2)).events
    way = [Event.TARGET_ON, Event.ENTERED, Event.TARGET_ON, Event.FAILURE, Event.RECENTRE]
    assert told == way


def test_without_a_pause_the_onset_of_the_first_target_and_of_the_next_are_told():
    workspace = Workspace(live("cosine", "late", "literature"))
    ticks = [workspace.step(np.zeros(2)).events for _ in range(300)]
    assert ticks[0] == (Event.TARGET_ON,)
    assert ticks[-1] == (Event.FAILURE, Event.RECENTRE, Event.TARGET_ON)
    assert not any(ticks[1:-1])


def test_labels_point_at_the_target_once_people_have_reacted():
    workspace = Workspace(LiveSettings())
    known = []
    for tick in range(60):
        workspace.step(np.array([10.0, 0.0]))
        known.append(np.isfinite(workspace.label()).all())
        if tick == 59:
            assert workspace.label()[0] < -10
    # A pause of 0.3 s, and 0.25 s until a label.
    assert known.index(True) == pytest.approx(54, abs=1)


def test_a_command_that_is_no_number_is_refused():
    with pytest.raises(DataError, match="finite"):
        Workspace(LiveSettings()).step(np.array([np.nan, 0.0]))


def test_what_has_no_kind_is_of_the_usual_one():
    settings = LiveSettings.model_validate({"population": {"units": 5}, "user": {"delay_s": 0.2}})
    assert (settings.population.kind, settings.population.units) == ("cosine", 5)
    assert (settings.user.kind, settings.user.delay_s) == ("late", 0.2)
    assert LiveSettings.model_validate_json(settings.model_dump_json()) == settings


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"task": {"kind": "one_dimension"}}, "one_dimension has axes 1"),
        ({"task": {"kind": "random_target", "axes": 3}}, "random_target has axes 3"),
        ({"cursor": {"adds": True}}, "cursor.adds"),
        ({"form": {"kind": "spikes"}}, "form spikes"),
    ],
)
def test_what_cannot_be_put_on_a_wire_is_refused_in_one_line(given, told):
    with pytest.raises(ConfigError, match=told) as refused:
        LiveSettings.model_validate(given)
    assert "\n" not in str(refused.value)
