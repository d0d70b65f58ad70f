"""The compiled room: against the plain classes, by seed, and against published figures."""

import numpy as np
import pytest

from eprop_rt.closed_loop.cursor import Cursor, CursorSettings
from eprop_rt.closed_loop.room import (
    Room,
    RoomCursorSettings,
    RoomSettings,
)
from eprop_rt.closed_loop.scene import Event
from eprop_rt.closed_loop.task import CentreOut, Phase, TaskSettings
from eprop_rt.closed_loop.trials import TrialSettings, trial_params, trial_state
from eprop_rt.closed_loop.tuning import (
    AccelerationTuning,
    CosineTuning,
    GainFieldTuning,
    HistoryTuning,
    NonlinearTuning,
)
from eprop_rt.closed_loop.user import User, UserSettings
from eprop_rt.closed_loop.users import PromptUserSettings
from eprop_rt.errors import ConfigError
from eprop_rt.kernels.closed_loop.cursor import CursorState
from eprop_rt.kernels.closed_loop.draws import Draws
from eprop_rt.kernels.closed_loop.trial import (
    ENTRY_TICK,
    FIRST_ENTRY_TICK,
    HOME,
    PAUSE,
    REACH,
    STRAIGHT,
    TRAVELLED,
    WON,
    begin_trial,
    follow,
)

LITERATURE = RoomSettings(
    population=AccelerationTuning(),
    user=PromptUserSettings(),
    task=TrialSettings(kind="literature"),
    cursor=RoomCursorSettings(
        adds=True, max_speed_cm_s=20.0, smoothing_s=0.0, half_width_cm=1000.0
    ),
    bin_s=0.01,
)
CALM = UserSettings(noise_cm_s=0.0)
QUIET = RoomSettings(population=CosineTuning(units=24), user=CALM, bin_s=0.01)


MIXED = RoomSettings(population=NonlinearTuning(units=30), task=TrialSettings(kind="grid"))
GOLDEN = {
    "cosine": [369, 4345, -1.143831282, 2.046275646, 2.868577183, -5.219592133],
    "acceleration": [1700, 45815, -8.880565034, 15.83284366, -9.57910458, 0.7449622596],
    "nonlinear": [1104, 18050, -2.450653877, 4.195219371, -0.5940247936, 0.04059040609],
}


def perfect(room: Room, trials: int, seed: int) -> list:
    """The cursor does what is intended."""
    room.restart(seed)
    done, command, ended = [], np.zeros(room.axes), 0
    while len(done) < trials:
        room.run_bin(command)
        scene = room.scene(command)
        done += room.trials(ended)
        ended = room.ended
        command = scene.intent - (scene.velocity if room.settings.cursor.adds else 0.0)
    return done


def wander(ticks: int, seed: int = 0) -> np.ndarray:
    """Smooth commands (ticks, 2) in cm/s that go everywhere."""
    rng, command, commands = np.random.default_rng(seed), np.zeros(2), []
    for _ in range(ticks):
        command = 0.97 * command + rng.normal(0, 3.0, 2)
        commands.append(command.copy())
    return np.array(commands)


@pytest.mark.large
def test_a_perfect_decoder_needs_the_published_time_in_the_simulator_of_the_literature():
    trials = perfect(Room(LITERATURE, 0), 100, seed=3)
    assert all(trial.success for trial in trials)
    assert np.mean([t.time_to_target_s for t in trials]) == pytest.approx(0.810, abs=0.0015)
    assert all(trial.distance_cm == pytest.approx(8.0) for trial in trials)


@pytest.mark.large
@pytest.mark.parametrize("tick_ms", [1, 2, 5, 20])
def test_the_tick_makes_no_other_person_of_the_user_of_the_literature(tick_ms):
    timing = {"tick_s": tick_ms * 1e-3, "bin_s": tick_ms * 1e-3}
    room = Room(LITERATURE.model_copy(update=timing), 0)
    trials = perfect(room, 60, seed=3)
    assert all(trial.success for trial in trials)
    assert np.mean([t.time_to_target_s for t in trials]) == pytest.approx(0.810, abs=0.025)
    room.restart(0)  # at rest 8 cm away, and 20 cm/s are wanted
    room.run_bin(np.zeros(2))
    speed = np.linalg.norm(room.scene(np.zeros(2)).intent)
    assert speed == pytest.approx(20.0 * (1 - 0.7 ** (tick_ms / 10)), rel=1e-6)
    change = room._state.firing.features[2:4]
    assert np.linalg.norm(change) == pytest.approx(0.3 * 20.0, rel=1e-6)


@pytest.mark.large
@pytest.mark.parametrize(
    ("change_cm_s2", "least", "most"),
    [(0.0, 0, 0), (2.0, 0.06, 0.09), (4.5, 0.04, 0.08), (10, 0, 0)],
)
def test_in_that_simulator_a_constant_succeeds_by_chance_in_nine_of_a_hundred_at_most(
    change_cm_s2, least, most
):
    """What a decoder that hears nothing can say: a flight that gathers speed, one way."""
    room, ended, won = Room(LITERATURE, 0), 0, []
    while room.ended < 600:
        room.run_bin(np.array([change_cm_s2 * 0.01, 0.0]))
        won += [trial.success for trial in room.trials(ended)]
        ended = room.ended
    assert least <= np.mean(won) <= most


@pytest.mark.large
def test_units_of_the_literature_fire_between_their_least_and_largest_rates():
    room = Room(LITERATURE, 1)
    perfect(room, 3, seed=0)
    rates = []
    for _ in range(200):
        room.run_bin(np.zeros(2))
        rates.append(room._state.firing.rates_hz.copy())
    tuning = room.tuning
    most = tuning.floor_hz + tuning.span_hz
    assert room.units == 46
    assert np.all(np.array(rates) >= tuning.floor_hz - 1e-9)
    assert np.all(np.array(rates) <= most + 1e-9)
    assert np.all((most >= 40) & (most <= 100))
    assert 10 <= np.sum(tuning.floor_hz == 0) <= 36
    assert np.max(tuning.floor_hz) <= 5
    c = tuning.w[:, 2:4] * 6.0 / 1.5
    assert np.linalg.norm(c, axis=1) == pytest.approx(np.ones(46))
    assert not np.any(tuning.w[:, :2])
    assert not np.any(tuning.w[:, 4:])


DAMPED = CALM.model_copy(
    update={"damping_speeds_cm_s": (0.0, 5.0, 30.0), "damping_cm_s": (0.0, 4.0, 9.0)}
)


@pytest.mark.parametrize("person", [CALM, DAMPED])
def test_the_compiled_user_cursor_and_screen_agree_with_the_plain_ones_to_rounding(person):
    room, commands = Room(QUIET.model_copy(update={"user": person}), 0), wander(1500)
    user, cursor = User(person, 0), Cursor(CursorSettings())
    target, radius = np.full(2, np.nan), 0.0
    for command in commands:
        room.run_bin(command)
        scene = room.scene(command)
        position = cursor.step(command, 0.01)
        if scene.event is Event.FAILURE:
            cursor.put(np.zeros(2))
            position = cursor.position
        assert scene.position == pytest.approx(position, abs=1e-9)
        target, radius = scene.target, scene.radius_cm
        user.see(position, target, radius)
        assert scene.intent == pytest.approx(user.intend(0.01), abs=1e-7)


PHASES = {Phase.PAUSE: PAUSE, Phase.CENTRE: HOME, Phase.REACH: REACH}


@pytest.mark.parametrize("noise", [0.0, 0.3, 0.5])
def test_the_trial_machine_agrees_with_the_plain_centre_out_on_any_way(noise):
    settings = {"targets": 1, "hold_s": 0.2}
    plain = CentreOut(TaskSettings(**settings), 0)
    params = trial_params(TrialSettings(**settings), 0.01)
    machine = trial_state(TrialSettings(**settings), Draws(np.zeros(1, int), np.zeros(1, int)))
    cursor = CursorState(np.zeros(2), np.zeros(2), np.zeros(2))
    begin_trial(params, machine, cursor)
    position, rng, push = np.zeros(2), np.random.default_rng(int(10 * noise)), np.zeros(2)
    for _ in range(6000):
        aim = np.nan_to_num(plain.state.target, nan=0.0) - position
        push = 0.95 * push + rng.normal(0, noise, 2)
        position = position + 0.04 * aim + 0.05 * push
        before, ended = len(plain.trials), int(machine.ended[0])
        plain.step(position, 0.01)
        cursor.position[:] = position
        follow(params, machine, cursor)
        assert PHASES[plain.state.phase] == machine.phase[0]
        assert len(plain.trials) - before == machine.ended[0] - ended
        for trial in plain.trials[before:]:
            row = machine.results[ended % len(machine.results)]
            assert trial.success == bool(row[WON])
            if trial.success:
                assert trial.time_to_target_s == pytest.approx(0.01 * row[ENTRY_TICK])
                dial_in_s = 0.01 * (row[ENTRY_TICK] - row[FIRST_ENTRY_TICK])
                assert trial.dial_in_s == pytest.approx(dial_in_s)
                assert trial.path_efficiency == pytest.approx(
                    row[STRAIGHT] / row[TRAVELLED], abs=0.1
                )
    won = [trial.success for trial in plain.trials]
    assert any(won)
    assert noise < 0.5 or not all(won)


def test_one_seed_gives_one_room_and_another_another():
    rooms = [Room(QUIET, seed) for seed in (4, 4, 5)]
    drawn = [[room.run_bin(c).copy() for c in wander(300)] for room in rooms]
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_a_restart_begins_the_same_draws_again():
    room = Room(RoomSettings(), 0)
    first = [room.run_bin(c).copy() for c in wander(200)]
    room.restart(9)
    other = [room.run_bin(c).copy() for c in wander(200)]
    room.restart(0)
    assert np.array_equal([room.run_bin(c).copy() for c in wander(200)], first)
    assert not np.array_equal(other, first)


@pytest.mark.parametrize("settings", [QUIET, LITERATURE, MIXED])
def test_a_room_is_the_same_compiled_and_interpreted(settings):
    """What came out when this was written; the JIT is off in one of the two runs of all tests."""
    room = Room(settings, 7)
    counts = sum(room.run_bin(c).copy() for c in 0.2 * wander(120))
    scene = room.scene(np.zeros(2))
    weights = np.arange(1, 1 + room.units)
    came = [counts.sum(), counts @ weights, *scene.position, *scene.intent]
    assert came == pytest.approx(GOLDEN[settings.population.kind], rel=1e-8)


def test_how_many_ticks_a_bin_has_changes_nothing_but_the_sums():
    fine, coarse = Room(QUIET, 3), Room(QUIET.model_copy(update={"bin_s": 0.05}), 3)
    commands = wander(60)
    for command in commands:
        counts = sum(fine.run_bin(command).copy() for _ in range(5))
        assert np.array_equal(coarse.run_bin(command), counts)
    assert np.array_equal(fine.scene(command).position, coarse.scene(command).position)


def test_a_room_goes_on_from_its_snapshot_to_the_bit():
    settings = RoomSettings(population=NonlinearTuning(), task=TrialSettings(kind="random_target"))
    room, commands = Room(settings, 2), wander(400)
    for command in commands[:200]:
        room.run_bin(command)
    held = room.snapshot()
    first = [room.run_bin(command).copy() for command in commands[200:]]
    room.restart(77)
    for command in commands[:50]:
        room.run_bin(command)
    room.restore(held)
    assert np.array_equal([room.run_bin(command).copy() for command in commands[200:]], first)


@pytest.mark.large
def test_counts_are_poisson_at_the_rates_of_the_tick():
    room = Room(RoomSettings(user=UserSettings(push_cm_s=(0.0, 0.0), noise_cm_s=0.0)), 0)
    counts = np.array([room.run_bin(np.zeros(2)).copy() for _ in range(4000)])
    expected = room._state.firing.rates_hz * 0.02
    assert np.all(np.abs(counts.mean(axis=0) - expected) <= 5 * np.sqrt(expected / 4000))
    assert counts.var(axis=0).sum() == pytest.approx(expected.sum(), rel=0.05)


def test_a_gain_field_multiplies_a_gaussian_of_velocity_with_a_slope_of_position():
    tuning = GainFieldTuning(units=20, latents=0)
    room = Room(RoomSettings(population=tuning, task=TrialSettings(kind="random_target")), 4)
    for command in wander(300):
        room.run_bin(command)
    firing, drawn = room._state.firing, room.tuning
    velocity, position = firing.features[:2], firing.features[4:]
    depth, centre, slope = drawn.w[:, 0], drawn.w[:, 1:3], drawn.w[:, 3:]
    away = ((velocity - centre) ** 2).sum(axis=1)
    gain = np.maximum(0, 1 + slope @ position)
    expected = drawn.b + depth * gain * np.exp(-0.5 * away / tuning.width_cm_s**2)
    assert np.ptp(gain) > 0.5
    assert np.allclose(firing.rates_hz, expected)


@pytest.mark.parametrize(
    "population",
    [
        CosineTuning(units=20),
        HistoryTuning(units=20, power=2.0),
        NonlinearTuning(units=20, latents=0),
        GainFieldTuning(units=20, latents=0),
        AccelerationTuning(units=20, noise=0.0, silent_at_rest=0.0),
    ],
    ids=lambda population: population.kind,
)
def test_a_gain_is_on_the_depth_of_modulation_and_leaves_the_rate_at_baseline(population):
    rates = []
    for gain in (0.0, 1.0, 0.5, 1.25):
        room = Room(RoomSettings(population=population, user=CALM), 4)
        room.tuning.gain[:] = gain
        for command in wander(120):
            room.run_bin(command)
        rates.append(room._state.firing.rates_hz.copy())
    none, full, half, more = rates
    tuning = room.tuning
    baseline = {"acceleration": tuning.floor_hz, "history": 20 * (tuning.b / 20) ** 2}
    assert np.allclose(none, baseline.get(population.kind, tuning.b))
    assert np.ptp(full - none) > 5
    assert np.allclose(half - none, 0.5 * (full - none))
    assert np.allclose(more, np.maximum(none + 1.25 * (full - none), 0))


def test_a_power_bends_the_rates_of_history_about_one_rate():
    ways = wander(200)
    rates = []
    for power in (1.0, 2.0):
        room = Room(RoomSettings(population=HistoryTuning(units=20, power=power), user=CALM), 4)
        for command in ways:
            room.run_bin(command)
        rates.append(room._state.firing.rates_hz.copy())
    assert np.allclose(rates[1], 20 * (rates[0] / 20) ** 2)
    assert np.ptp(rates[0]) > 5


@pytest.mark.large
def test_shared_noise_correlates_units_and_none_does_not():
    still = UserSettings(push_cm_s=(0.0, 0.0), noise_cm_s=0.0)
    means = []
    for shared_hz in (0.0, 20.0):
        tuning = NonlinearTuning(units=12, baselines_hz=(60.0, 60.0), shared_hz=shared_hz)
        room = Room(RoomSettings(population=tuning, user=still, bin_s=0.1), 0)
        counts = np.array([room.run_bin(np.zeros(2)).copy() for _ in range(1500)])
        matrix = np.corrcoef(counts.T)
        means.append(np.mean(np.abs(matrix[np.triu_indices(12, 1)])))
    assert means[0] < 0.05
    assert means[1] > 0.15


@pytest.mark.large
@pytest.mark.parametrize(
    "kind", ["centre_out", "random_target", "target_jump", "one_dimension", "finger_pair", "grid"]
)
def test_who_does_what_is_intended_succeeds_at_every_task(kind):
    room = Room(RoomSettings(user=CALM, task=TrialSettings(kind=kind), bin_s=0.01), 1)
    trials = perfect(room, 12, seed=2)
    assert np.mean([trial.success for trial in trials]) >= 0.9
    assert not any(trial.mistake and trial.success for trial in trials)


@pytest.mark.large
@pytest.mark.parametrize(
    "kind", ["centre_out", "random_target", "target_jump", "one_dimension", "finger_pair", "grid"]
)
def test_no_constant_velocity_succeeds_at_any_task_but_by_chance(kind):
    won = []
    for speed in np.linspace(0.0, 12.0, 7):
        for angle in (0.0, 1.1):
            room = Room(RoomSettings(task=TrialSettings(kind=kind), bin_s=0.05), 1)
            command = speed * np.array([np.cos(angle), np.sin(angle)])[: room.axes]
            ended, done = 0, []
            while len(done) < 12:
                room.run_bin(command)
                done += room.trials(ended)
                ended = room.ended
            won += [trial.success for trial in done]
    # Who drifts slowly may cross a target that comes up on the way.
    assert np.mean(won) <= (0.05 if kind in ("random_target", "finger_pair") else 0.02)


@pytest.mark.large
@pytest.mark.parametrize("angle_deg", [0.0, 25.0, 60.0])
def test_the_angular_error_is_between_the_way_moved_and_the_way_to_the_target(angle_deg):
    cursor = RoomCursorSettings(smoothing_s=0.0)
    room = Room(RoomSettings(user=CALM, task=TrialSettings(kind="centre_out"), cursor=cursor,
                             bin_s=0.01), 0)  # fmt: skip
    angle = np.radians(angle_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    command = np.zeros(2)
    while room.ended < 5:
        room.run_bin(command)
        scene = room.scene(command)
        away = np.nan_to_num(scene.target) - scene.position
        distance = np.linalg.norm(away)
        # Askew to the target, straight to its middle once inside, and to the centre between.
        way = turn @ away if scene.target.any() and not scene.inside else away
        command = way / max(distance, 1e-9) * min(12.0, 20.0 * distance)
    errors = [trial.angular_error_deg for trial in room.trials(0)]
    assert all(trial.success for trial in room.trials(0))
    assert errors == pytest.approx([angle_deg] * 5, abs=2.0)


@pytest.mark.large
def test_a_wrong_cell_is_a_mistake_and_ends_the_trial():
    room = Room(RoomSettings(user=CALM, task=TrialSettings(kind="grid"), bin_s=0.01), 0)
    ended, done, events = 0, [], set()
    while not any(trial.mistake for trial in done):
        scene = room.scene(np.zeros(2))
        aim = np.nan_to_num(scene.target) + np.array([3.0, 0.0])  # the cell beside it
        room.run_bin(5.0 * (aim - scene.position))
        events.add(room.scene(np.zeros(2)).event)
        done += room.trials(ended)
        ended = room.ended
        assert ended < 50
    wrong = next(trial for trial in done if trial.mistake)
    assert not wrong.success
    assert wrong.choices == 36
    assert wrong.lasted_s < 6.0
    assert Event.FAILURE in events


@pytest.mark.large
def test_a_target_that_jumps_is_shown_twice_in_a_trial():
    settings = TrialSettings(kind="target_jump", jump_share=1.0)
    room = Room(RoomSettings(user=CALM, task=settings, bin_s=0.01), 0)
    shown = []
    while room.ended < 3:
        room.run_bin(np.zeros(2))
        scene = room.scene(np.zeros(2))
        if scene.event is Event.TARGET_ON:
            shown.append((room.ended, scene.since_onset_s))
    reaches = [sum(1 for ended, _ in shown if ended == trial) for trial in range(3)]
    assert reaches == [3, 3, 3]  # the centre, the target, and where it jumped to
    assert all(since_s == 0.0 for _, since_s in shown)


@pytest.mark.large
def test_who_was_in_the_former_target_of_a_jump_has_not_entered_the_new_one():
    task = TrialSettings(kind="target_jump", jump_share=1.0, jump_after_s=0.5, hold_s=0.6)
    room = Room(RoomSettings(user=CALM, task=task, bin_s=0.01), 0)
    command, was_in, ended, trials = np.zeros(2), 0, 0, []
    while room.ended < 6:
        room.run_bin(command)
        scene = room.scene(command)
        was_in += scene.inside and scene.target.any() and scene.since_onset_s == 0.49
        aim = np.where(np.isnan(scene.target), scene.position, scene.target)
        command = 12.0 * (aim - scene.position)
        trials += room.trials(ended)
        ended = room.ended
    assert was_in >= 6
    assert all(trial.success and trial.time_to_target_s > 0.5 for trial in trials)
    # Straight into the new target and never out again.
    assert all(trial.dial_in_s == 0 for trial in trials)


def test_settings_that_cannot_be_are_refused_in_one_line():
    with pytest.raises(ConfigError, match=r"bin_s is 0\.025 s, .* set it to"):
        RoomSettings(bin_s=0.025)
    with pytest.raises(ConfigError, match=r"a drift of .* expected centre_radius_cm below"):
        TrialSettings(centre_radius_cm=2.0)
    with pytest.raises(ConfigError, match="must be shorter than"):
        TrialSettings(hold_s=3.0)
    with pytest.raises(ConfigError, match=r"depths_hz is \(9\.0, 3\.0\)"):
        CosineTuning(depths_hz=(9.0, 3.0))
    with pytest.raises(ConfigError, match="cells is 1"):
        TrialSettings(kind="grid", cells=1)
