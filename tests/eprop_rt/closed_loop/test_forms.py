"""Spikes and voltages of a room, through the project's own conditioning and back to counts."""

import numpy as np
import pytest

from eprop_rt.baselines.rls import RlsDecoder
from eprop_rt.closed_loop.course import BenchSettings, Course, CourseSettings
from eprop_rt.closed_loop.forms import BroadbandForm, SpikesForm, waveform
from eprop_rt.closed_loop.perturbation import parse_perturbation, silence
from eprop_rt.closed_loop.room import Room, RoomSettings
from eprop_rt.closed_loop.tuning import CosineTuning
from eprop_rt.conditioning.power import SpikeBandPowerSettings
from eprop_rt.conditioning.smoothing import SmoothingSettings
from eprop_rt.config import RlsSettings
from eprop_rt.errors import ConfigError

UNITS = 16
QUICK = (0.001, 0.02)  # ticks that are shorter than a spike


def room_with(form, seed=3, tick_s=0.01, units=UNITS):
    settings = RoomSettings(
        population=CosineTuning(units=units, baselines_hz=(10.0, 40.0)), tick_s=tick_s, form=form
    )
    return Room(settings, seed)


def wander(bins, seed=0):
    rng, command, commands = np.random.default_rng(seed), np.zeros(2), []
    for _ in range(bins):
        command = 0.97 * command + rng.normal(0, 3.0, 2)
        commands.append(command.copy())
    return commands


def seen(room, bins=400, warm_up=60):
    """What a decoder gets and what was fired (bins, ...), once thresholds are there."""
    for command in wander(warm_up, 1):
        room.run_bin(command)
    got, fired = [], []
    for command in wander(bins):
        got.append(room.run_bin(command).copy())
        fired.append(room.counts.copy())
    return np.array(got), np.array(fired)


@pytest.mark.parametrize("tick_s", QUICK)
def test_spikes_one_by_one_are_the_same_counts_in_bins(tick_s):
    room = room_with(SpikesForm(), tick_s=tick_s)
    got, fired = seen(room)
    assert room.inputs == UNITS
    assert fired.sum() > 1000
    assert np.array_equal(got, fired)


@pytest.mark.large
def test_the_form_of_what_is_fired_changes_nothing_of_it():
    counts = RoomSettings(population=CosineTuning(units=UNITS, baselines_hz=(10.0, 40.0)))
    _, fired = seen(Room(counts, 3))
    assert np.array_equal(seen(room_with(SpikesForm()))[1], fired)
    assert np.array_equal(seen(room_with(BroadbandForm()))[1], fired)


def test_bins_of_spikes_are_conditioned_as_asked():
    smoothed, fired = seen(room_with(SpikesForm(conditioning=(SmoothingSettings(tau_s=0.1),))))
    step = 1 - np.exp(-0.02 / 0.1)
    expected = smoothed[0]
    for at in range(1, len(fired)):
        expected = expected + step * (fired[at] - expected)
        assert np.allclose(smoothed[at], expected, atol=1e-4)


@pytest.mark.large
@pytest.mark.parametrize("tick_s", QUICK)
def test_threshold_crossings_of_the_voltages_recover_the_counts(tick_s):
    room = room_with(BroadbandForm(), tick_s=tick_s)
    got, fired = seen(room)
    assert room.inputs == UNITS
    assert got.sum() == pytest.approx(fired.sum(), rel=0.03)
    # A spike at the end of a bin crosses in the next one.
    wide, true = (x.reshape(40, 10, UNITS).sum(axis=1) for x in (got, fired))
    assert np.mean(np.abs(wide - true)) < 0.2
    assert np.mean([np.corrcoef(got[:, i], fired[:, i])[0, 1] for i in range(UNITS)]) > 0.95


@pytest.mark.large
def test_an_electrode_hears_all_of_its_units():
    room = room_with(BroadbandForm(electrodes=8))
    got, fired = seen(room)
    assert room.inputs == 8
    together = fired[:, :8] + fired[:, 8:]
    assert got.sum() == pytest.approx(together.sum(), rel=0.05)
    assert np.mean([np.corrcoef(got[:, i], together[:, i])[0, 1] for i in range(8)]) > 0.9


@pytest.mark.large
def test_without_a_reference_what_electrodes_have_in_common_hides_spikes():
    chain = BroadbandForm().conditioning
    lone = BroadbandForm(common_uv=40.0, conditioning=(chain[0], chain[2]))
    with_one = BroadbandForm(common_uv=40.0)
    alone, fired = seen(room_with(lone))
    referenced, _ = seen(room_with(with_one))
    assert referenced.sum() == pytest.approx(fired.sum(), rel=0.05)
    assert alone.sum() < 0.8 * fired.sum()


@pytest.mark.large
def test_a_dead_array_is_noise_and_hardly_ever_crosses():
    room = room_with(BroadbandForm())
    silence(room.tuning)
    got, fired = seen(room)
    assert not fired.any()
    assert got.sum() / (UNITS * len(got) * 0.02) < 0.5  # a second, of each electrode


@pytest.mark.large
def test_power_of_the_spike_band_goes_with_the_counts():
    form = BroadbandForm(
        reduce="mean", conditioning=(SpikeBandPowerSettings(low_hz=300.0, high_hz=1000.0),)
    )
    got, fired = seen(room_with(form))
    assert np.mean([np.corrcoef(got[:, i], fired[:, i])[0, 1] for i in range(UNITS)]) > 0.5


@pytest.mark.large
@pytest.mark.parametrize("form", [SpikesForm(), BroadbandForm()], ids=["spikes", "broadband"])
def test_a_room_goes_on_from_its_snapshot_to_the_bit_with_its_conditioning(form):
    room, commands = room_with(form), wander(160)
    for command in commands[:80]:
        room.run_bin(command)
    held = room.snapshot()
    first = [room.run_bin(command).copy() for command in commands[80:]]
    room.restart(77)
    for command in commands[:30]:
        room.run_bin(command)
    for _ in range(2):
        room.restore(held)
        assert np.array_equal([room.run_bin(command).copy() for command in commands[80:]], first)
    assert np.sum(first) > 100


def rls(inputs, outputs, bin_s):
    return RlsDecoder(RlsSettings(lags=5, forgetting=0.9999, ridge=100.0), inputs, outputs, bin_s)


@pytest.mark.large
@pytest.mark.parametrize("form", [SpikesForm(), BroadbandForm()], ids=["spikes", "broadband"])
def test_a_decoder_reaches_targets_through_it(form):
    room = RoomSettings(population=CosineTuning(units=24, depths_hz=(15.0, 40.0)), form=form)
    course = CourseSettings(
        learning_trials=0, probe_at=(0, 10), probe_trials=5, dead_trials=1, dead_probe_trials=2
    )
    settings = BenchSettings(room=room, course=course)
    result = Course(settings, rls, 0, 0).run((parse_perturbation("zero"),))
    before, after = (probe.result.success_rate for probe in result.passed[0].probes)
    assert before == 0
    assert after >= 0.8
    assert result.passed[0].silenced.success_rate == 0


def test_channels_that_are_added_are_electrodes_too():
    course = CourseSettings(learning_trials=1, probe_at=(0,), probe_trials=1, dead_trials=0,
                            dead_probe_trials=1)  # fmt: skip
    room = RoomSettings(population=CosineTuning(units=8), form=SpikesForm())
    widths = []

    def build(inputs, outputs, bin_s):
        widths.append(inputs)
        return rls(inputs, outputs, bin_s)

    settings = BenchSettings(room=room, course=course)
    Course(settings, build, 0, 0).run((parse_perturbation("added_noisy:0.5"),))
    assert set(widths) == {12}


def test_a_spike_is_a_trough_of_its_amplitude_and_a_smaller_peak_after_it():
    shape = waveform(30_000.0)
    assert len(shape) == 36
    assert shape.min() == -1.0
    assert 0.1 < shape.max() < 0.5
    assert np.argmin(shape) < np.argmax(shape)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (lambda: BroadbandForm(conditioning=BroadbandForm().conditioning[::-1]), "put it before"),
        (lambda: SpikesForm(conditioning=BroadbandForm().conditioning), "room.form: conditioning"),
        (lambda: room_with(BroadbandForm(rate_hz=30_050.0)), "set that to 30000"),
        (lambda: room_with(BroadbandForm(rate_hz=10_000.0)), "has an edge at 6000 Hz"),
    ],
)
def test_a_form_that_cannot_be_is_refused_in_one_line(form, expected):
    with pytest.raises(ConfigError) as error:
        form()
    assert expected in str(error.value)
    assert "\n" not in str(error.value)
