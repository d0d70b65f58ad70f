import numpy as np
import pytest
from hypothesis import given, settings
from scipy import signal

from conditioned import bins_of, intake, some_cuts, stage, through
from eprop_rt.conditioning.stages import InputSettings
from eprop_rt.errors import ConfigError
from eprop_rt.intake import Intake
from eprop_rt.series import Chunk, StreamInfo

RATE_HZ = 2000.0
SPIKES = [{"kind": "spike_events", "channels": 2}]


def with_spikes(rows=1500, channels=2, seed=3):
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 10, (rows, channels))
    for c in range(channels):
        x[rng.integers(0, rows, 25), c] -= 90
    return x


def offline_crossings(x, multiple, refractory, rate, start):
    """By SciPy: a running mean at first, then an exponential one, then edges, one at a time."""
    square = x**2
    turn = int(np.ceil(1 / rate))
    mean = np.cumsum(square)[:turn] / np.arange(1, turn + 1)
    rest = signal.lfilter([rate], [1, rate - 1], square[turn:], zi=[(1 - rate) * mean[-1]])[0]
    before = np.concatenate([[0.0], np.concatenate([mean, rest])[:-1]])
    beyond = np.sign(multiple) * x > np.abs(multiple) * np.sqrt(before)
    onset = beyond & ~np.concatenate([[False], beyond[:-1]])
    onset[:start] = False
    out, last = np.zeros(len(x)), -np.inf
    for t in np.flatnonzero(onset):
        if t - last > refractory:
            out[t], last = 1, t
    return out


@pytest.mark.parametrize("multiple", [-4.5, 3.0])
@settings(max_examples=6, deadline=None, derandomize=True)
@given(cuts=some_cuts)
def test_crossings_are_edges_of_a_running_rms_a_refractory_time_apart(multiple, cuts):
    x = with_spikes() * np.sign(-multiple)
    half_life_s, start_s = 0.1, 0.05
    one = stage(
        2,
        kind="threshold_crossings",
        multiple=multiple,
        refractory_s=2e-3,
        half_life_s=half_life_s,
        start_s=start_s,
        clip=None,
    )
    rate = 1 - 0.5 ** (1 / (half_life_s * RATE_HZ))
    came = through(one, x, cuts)
    expected = [offline_crossings(x[:, c], multiple, 4, rate, 100) for c in range(2)]
    assert came.sum() > 20
    assert (came == np.array(expected).T).all()


def test_spikes_do_not_raise_the_threshold_that_they_are_found_by():
    x = with_spikes(6000)
    quiet = np.random.default_rng(4).normal(0, 10, (6000, 2))
    rms = {}
    for clip in (None, 3.0):
        one = stage(2, kind="threshold_crossings", half_life_s=0.5, start_s=0.1, clip=clip)
        spikes = np.where(x < -50, x - 400, quiet)
        through(one, np.concatenate([quiet[:200], spikes]))
        rms[clip] = np.sqrt(one.state.square)
    assert (np.abs(rms[3.0] - 10) < 0.7).all()
    assert (rms[None] > 12).all()


def test_an_absent_sample_is_no_crossing_and_leaves_the_threshold():
    x = with_spikes()
    holes = x.copy()
    holes[700:900, 0] = np.nan
    how = {"kind": "threshold_crossings", "start_s": 0.05, "half_life_s": 0.1}
    came = through(stage(2, **how), holes)
    short = through(stage(2, **how), np.delete(x[:, :1], np.s_[700:900], axis=0)[:, [0, 0]])
    assert np.isnan(came[700:900, 0]).all()
    assert (np.delete(came[:, 0], np.s_[700:900]) == short[:, 0]).all()
    assert (came[:, 1] == through(stage(2, **how), x)[:, 1]).all()


def test_crossings_add_up_in_bins():
    x = with_spikes().astype(np.float32)
    how = [{"kind": "threshold_crossings", "start_s": 0.05}]
    _, counts = bins_of(intake(how, 2), np.arange(1500) / RATE_HZ, x)
    each = through(stage(2, **how[0]), x.astype(np.float64))
    assert (counts == each[: 37 * 40].reshape(37, 40, 2).sum(axis=1)).all()


@settings(max_examples=6, deadline=None, derandomize=True)
@given(cuts=some_cuts)
def test_delta_steps_follow_the_signal_to_within_a_step(cuts):
    rng = np.random.default_rng(5)
    x = np.cumsum(rng.normal(0, 0.4, (800, 2)), axis=0)
    one = stage(2, kind="delta", step=0.5)
    came = through(one, x, cuts)
    level = x[0] + 0.5 * np.cumsum(came[:, :2] - came[:, 2:], axis=0)
    assert (np.abs(x - level) < 0.5 + 1e-9).all()
    assert (came[:, :2] * came[:, 2:] == 0).all()
    level, expected = x[0].copy(), np.zeros((800, 4))
    for t in range(800):
        for c in range(2):
            while x[t, c] - level[c] >= 0.5 - 1e-12:
                level[c] += 0.5
                expected[t, c] += 1
            while x[t, c] - level[c] <= -0.5 + 1e-12:
                level[c] -= 0.5
                expected[t, 2 + c] += 1
    assert (came == expected).all()
    assert one.info.channel_names == ("0 up", "1 up", "0 down", "1 down")


def events(rows=400, seed=6):
    """As a simulator of sorted spikes sends them: channel, unit, a waveform."""
    rng = np.random.default_rng(seed)
    stamps = np.sort(rng.uniform(100, 102, rows))
    channel, unit = rng.integers(1, 6, rows), rng.integers(0, 3, rows)
    waves = rng.normal(size=(rows, 8))
    return stamps, np.column_stack([channel, unit, waves]).astype(np.float32)


@pytest.mark.parametrize("units", [0, 2])
def test_spike_events_are_counted_by_channel_or_unit(units):
    stamps, x = events()
    how = [{"kind": "spike_events", "channels": 4, "first_channel": 1, "units": units}]
    path = intake(how, 10, 0.0)
    bits, counts = bins_of(path, stamps, x)
    column = (x[:, 0] - 1) * max(units, 1) + (x[:, 1] if units else 0)
    known = (x[:, 0] <= 4) & ((x[:, 1] < 2) if units else True)
    when = np.floor((stamps - stamps[0]) / 0.02)
    expected = np.histogram2d(
        when[known], column[known], [np.arange(101), np.arange(4 * max(units, 1) + 1)]
    )[0]
    indices = [index for index, *_ in bits]
    assert path.channels == 4 * max(units, 1)
    assert (counts == expected[indices]).all()
    assert path.events == {"spike_outside": int((~known).sum())}


@settings(max_examples=6, deadline=None, derandomize=True)
@given(cuts=some_cuts)
def test_bins_without_a_spike_are_zero_and_a_long_silence_is_a_gap(cuts):
    stamps, x = events()
    some = np.concatenate([np.arange(0, 400, 16), [399]])
    stamps, x = stamps[some], x[some]
    stamps[-1] += 3.0
    how = [{"kind": "spike_events", "channels": 6}]
    bits, counts = bins_of(intake(how, 10, 0.0), stamps, x, cuts)
    indices = np.array([index for index, *_ in bits])
    expected = np.histogram2d(
        np.floor((stamps[:-1] - stamps[0]) / 0.02), x[:-1, 0], [np.arange(102), np.arange(7)]
    )[0]
    assert (counts == expected[: len(counts)]).all()
    assert (indices == np.arange(len(counts))).all()
    assert (counts.sum(axis=1) == 0).sum() > 60
    assert bits == bins_of(intake(how, 10, 0.0), stamps, x)[0]


@pytest.mark.parametrize("streams", [1, 2])
def test_streams_of_spikes_leave_bins_empty_together_as_one_does(streams):
    """In one bin both have a spike, between others there is none for long."""
    stamps = 7.0 + np.array([0.0, 0.101, 0.102, 0.201, 0.301, 0.901, 0.951, 1.001])
    x = np.array([0, 1, 0, 1, 0, 1, 0, 1], np.float32)[:, None]
    settings = InputSettings.model_validate({"bin_s": 0.02, "conditioning": SPIKES})
    path = Intake(settings, tuple(StreamInfo(f"s{n}", 1, 0.0) for n in range(streams)))
    came = [
        (one.index, one.values.reshape(streams, 2).sum(axis=0).tolist())
        for at in range(len(stamps))
        for one in path.push(Chunk(stamps[at : at + 1], x[at : at + 1], at % streams))
    ]
    spikes = {0: [1, 0], 5: [1, 1], 10: [0, 1], 15: [1, 0], 45: [0, 1], 47: [1, 0]}
    assert came == [(k, spikes.get(k, [0, 0])) for k in range(len(came))]
    assert len(came) >= 16


def test_spikes_beside_a_regular_stream_come_in_its_bins():
    infos = (StreamInfo("power", 1, 100.0), StreamInfo("spikes", 1, 0.0))
    settings = InputSettings.model_validate(
        {"bin_s": 0.02, "conditioning": [{"kind": "spike_events", "channels": 2, "streams": [1]}]}
    )
    path, power = Intake(settings, infos), np.ones((30, 1), np.float32)
    came = list(path.push(Chunk(np.arange(10) / 100, power[:10])))
    came += path.push(Chunk(np.array([0.101]), np.ones((1, 1), np.float32), 1))
    came += path.push(Chunk(np.arange(10, 30) / 100, power[10:]))
    came += path.push(Chunk(0.5 + np.arange(30) / 100, power))
    assert [one.index for one in came] == [*range(15), *range(25, 35)]  # none where power has none
    assert [one.values.tolist() for one in came] == [[2, 0, float(k == 5)] for k in range(25)]


def test_a_waveform_with_a_hole_is_still_a_spike_and_a_spike_without_a_channel_is_none():
    stamps, x = events()
    x[::3, 7] = np.nan
    x[5, 0] = np.nan
    path = intake([{"kind": "spike_events", "channels": 6}], 10, 0.0)
    _, counts = bins_of(path, stamps, x)
    last = np.floor((stamps[-1] - stamps[0]) / 0.02)
    assert counts.sum() == (np.floor((stamps - stamps[0]) / 0.02) < last).sum() - 1
    assert path.events["spike_outside"] == 1


def test_spike_events_need_a_unit_where_units_are_told_apart():
    with pytest.raises(ConfigError, match="signal with 1 values a sample, expected 2 or more"):
        stage(1, 0.0, kind="spike_events", channels=3, units=2)
