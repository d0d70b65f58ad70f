"""Conditioning in the data path: cuts, gaps, absent values, several streams."""

import numpy as np
import pytest
from hypothesis import given, settings
from pydantic import ValidationError
from scipy import signal

from conditioned import bins_of, intake, some_cuts, stage, through
from eprop_rt.bins.binner import Binner
from eprop_rt.bins.grid import BinGrid
from eprop_rt.conditioning.stages import InputSettings
from eprop_rt.config import BinSettings, RlsSettings
from eprop_rt.decoder import build_decoder
from eprop_rt.errors import ConfigError
from eprop_rt.intake import Intake, channels_of
from eprop_rt.pipeline import Pipeline
from eprop_rt.series import Chunk, StreamInfo

RATE_HZ = 2000.0
CHAINS = {
    "broadband": (
        [
            {"kind": "channels", "drop": [1]},
            {"kind": "bad_channels", "window_s": 0.1, "back_after": 1},
            {"kind": "notch", "harmonics": 2},
            {"kind": "bandpass", "low_hz": 100, "high_hz": 800},
            {"kind": "common_average"},
            {"kind": "threshold_crossings", "multiple": -2.5, "start_s": 0.05},
            {"kind": "smoothing", "tau_s": 0.03},
            {"kind": "zscore", "least_bins": 5},
        ],
        "sum",
    ),
    "regression": (
        [
            {"kind": "highpass", "cutoff_hz": 20},
            {"kind": "regression_reference", "refit_s": 0.07},
            {"kind": "delta", "step": 20.0},
        ],
        "sum",
    ),
    "power": (
        [
            {"kind": "band_power", "bands_hz": [[8, 12], [13, 30]]},
            {"kind": "log"},
            {"kind": "lags", "bins": 2},
        ],
        "mean",
    ),
    "variance": (
        [{"kind": "bandpass", "low_hz": 20, "high_hz": 400}, {"kind": "log_variance"}],
        "variance",
    ),
}


def broadband(rows=1300, channels=4, seed=9):
    """With holes, an artefact, a jump of the clock and two gaps, a long and a short one."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 10, (rows, channels)) + 40 * np.sin(np.arange(rows) / 6)[:, None] + 300
    x[rng.random((rows, channels)) < 0.002] = np.nan
    x[100:140, 2] = np.nan
    x[200:203] = np.inf
    x[400:600, 3] = 1234.0
    stamps = 50 + np.arange(rows) / RATE_HZ
    stamps[700:] += 0.4
    stamps[900:] += 0.003
    stamps[1000] -= 0.002
    return stamps, x.astype(np.float32)


@pytest.mark.parametrize("name", CHAINS)
@settings(max_examples=5, deadline=None, derandomize=True)
@given(cuts=some_cuts)
def test_one_sample_at_a_time_is_one_big_chunk_to_the_bit(name, cuts):
    stages, reduce = CHAINS[name]
    stamps, x = broadband()
    runs = []
    for how in ((), cuts, np.arange(1, len(x)) / len(x) + 1e-9):
        path = intake(stages, 4, reduce=reduce)
        bits, values = bins_of(path, stamps, x, how)
        runs.append((bits, path.events))
    assert len(bits) > 30
    assert np.unique(values).size > 10
    assert runs[0] == runs[1] == runs[2]


def test_without_conditioning_bins_are_what_they_were():
    stamps, x = broadband()
    x[100] = 7.0
    for conditioned in (InputSettings(bin_s=0.02), BinSettings(bin_s=0.02)):
        info = StreamInfo("signal", 4, RATE_HZ)
        came, _ = bins_of(Intake(conditioned, (info,)), stamps[:600], x[:600])
        plain = Binner(BinSettings(bin_s=0.02), BinGrid(0.02), info)
        expected = list(plain.push(Chunk(stamps[:600], x[:600])))
        assert [one[3] for one in came] == [one.values.tobytes() for one in expected]


def test_an_absent_value_is_filtered_as_the_one_before_it_and_stays_absent():
    _, x = broadband()
    x = x[:600].astype(np.float64)
    x[300:310, 0] = np.nan
    filled = x.copy()
    for t in range(1, 600):
        gone = ~np.isfinite(filled[t])
        filled[t, gone] = filled[t - 1, gone]
    how = {"kind": "highpass", "cutoff_hz": 30}
    expected = through(stage(4, RATE_HZ, **how), filled)
    sums = np.where(np.isfinite(x), expected, 0.0).reshape(15, 40, 4).sum(axis=1)
    _, came = bins_of(intake([how], 4), np.arange(600) / RATE_HZ, x.astype(np.float32))
    np.testing.assert_allclose(came, sums, rtol=0, atol=1e-3)


def crossings_one_by_one(x, rate_hz):
    """Of -4.5 RMS at the defaults, a sample at a time; x (n,)."""
    weight, start, wait = 1 - 0.5 ** (1 / (10 * rate_hz)), rate_hz, rate_hz / 1000
    square, beyond, last, found = 0.0, False, -np.inf, np.zeros(len(x))
    for t, value in enumerate(x):
        was, beyond = beyond, value < -4.5 * np.sqrt(square)
        if beyond and not was and t >= start and t - last > wait:
            found[t], last = 1, t
        power = value**2 if t < start else min(value**2, 9 * square)
        square += max(weight, 1 / (t + 1)) * (power - square)
    return found


@pytest.mark.parametrize("chunk", [300, 30])
def test_filter_reference_threshold_and_bins_are_those_of_scipy_and_a_loop(chunk):
    """The chain of `bench/conditioning.py`, in the chunks that are measured there."""
    rate_hz, rows, channels = 30_000.0, 45_000, 4
    rng = np.random.default_rng(11)
    x = rng.normal(0, 10, (rows, channels)) + 100 * np.sin(np.arange(rows) / 500)[:, None]
    for channel in range(channels):
        x[rng.integers(0, rows, 60), channel] -= 150
    x = x.astype(np.float32)
    stages = [
        {"kind": "bandpass", "low_hz": 300, "high_hz": 6000},
        {"kind": "common_average"},
        {"kind": "threshold_crossings"},
    ]
    _, counts = bins_of(
        intake(stages, channels, rate_hz),
        np.arange(rows) / rate_hz,
        x,
        np.arange(0, rows, chunk) / rows,
    )
    given_x = x.astype(np.float64)
    sos = signal.butter(2, [300, 6000], "bandpass", fs=rate_hz, output="sos")
    start = signal.sosfilt_zi(sos)[:, :, None] * given_x[0]
    y = signal.sosfilt(sos, given_x, axis=0, zi=start)[0]
    y -= y.mean(axis=1, keepdims=True)
    found = np.array([crossings_one_by_one(y[:, c], rate_hz) for c in range(channels)]).T
    assert (counts == found.reshape(75, 600, channels).sum(axis=1)).all()
    assert counts.sum() > 40


HOLE = slice(30, 50)  # bins
ON_BINS = {
    "log and z-score": [{"kind": "log"}, {"kind": "zscore"}],
    "smoothing in front": [{"kind": "smoothing"}, {"kind": "log"}, {"kind": "zscore"}],
}


@pytest.mark.parametrize("name", ON_BINS)
def test_stages_on_bins_learn_nothing_from_an_absent_channel(name):
    """A bin without a value is no small value: what comes after it is as if it had not been."""
    x = np.abs(np.random.default_rng(3).normal(0, 10, (4000, 2))).astype(np.float32)
    stamps, rows = np.arange(4000) / RATE_HZ, 40  # samples a bin
    holes = x.copy()
    holes[HOLE.start * rows : HOLE.stop * rows, 0] = np.nan
    _, came = bins_of(intake(ON_BINS[name], 2, reduce="mean"), stamps, holes, [0.31, 0.4])
    _, whole = bins_of(intake(ON_BINS[name], 2, reduce="mean"), stamps, x)
    short = np.delete(x, np.s_[HOLE.start * rows : HOLE.stop * rows], axis=0)
    _, without = bins_of(intake(ON_BINS[name], 2, reduce="mean"), stamps[: len(short)], short)
    assert (came[HOLE, 0] == 0).all()
    np.testing.assert_array_equal(np.delete(came[:, 0], HOLE), without[:, 0])
    np.testing.assert_array_equal(came[:, 1], whole[:, 1])


def test_a_regular_stream_that_is_missing_leaves_no_trace_in_a_score():
    infos = (StreamInfo("a", 1, RATE_HZ), StreamInfo("b", 1, RATE_HZ))
    settings = InputSettings.model_validate(
        {"bin_s": 0.02, "reduce": "mean", "max_wait_s": 0.02, "conditioning": [{"kind": "zscore"}]}
    )
    x = np.random.default_rng(3).normal(50, 5, (4000, 2)).astype(np.float32)
    stamps, path, came = np.arange(4000) / RATE_HZ, Intake(settings, infos), []
    for first in range(0, 4000, 40):
        part = slice(first, first + 40)
        came += path.push(Chunk(stamps[part], x[part, :1], 0))
        if not 1200 <= first < 2000:
            came += path.push(Chunk(stamps[part], x[part, 1:], 1))
    scores = {one.index: one.values for one in came}
    assert path.events["stream_missing"] == 20
    assert all(scores[k][1] == 0 for k in range(30, 50))
    assert np.std([scores[k][1] for k in range(52, 98)]) == pytest.approx(1, abs=0.3)


def test_lags_before_the_first_bin_are_no_zeros_to_a_score():
    x = np.random.default_rng(3).normal(50, 5, (4000, 1)).astype(np.float32)
    stages = [{"kind": "lags", "bins": 2}, {"kind": "zscore", "least_bins": 2}]
    _, came = bins_of(intake(stages, 1, reduce="mean"), np.arange(4000) / RATE_HZ, x)
    np.testing.assert_array_equal(came[1:, 1], came[:-1, 0])


def test_a_channel_that_is_absent_at_first_is_filtered_from_its_first_value_on():
    _, x = broadband()
    x = np.nan_to_num(x[:300].astype(np.float64), nan=300.0, posinf=300.0)
    late = x.copy()
    late[:50, 1] = np.nan
    how = {"kind": "highpass", "cutoff_hz": 30}
    came = through(stage(4, RATE_HZ, **how), late)
    expected = through(stage(4, RATE_HZ, **how), x[50:])
    np.testing.assert_array_equal(came[50:, 1], expected[:, 1])


def test_a_gap_starts_a_filter_anew_and_a_short_one_does_not():
    stamps, x = broadband()
    x = np.nan_to_num(x, nan=300, posinf=300)
    path = intake([{"kind": "highpass", "cutoff_hz": 30}], 4)
    bits, came = bins_of(path, stamps, x)
    assert path.events["filter_restarted"] == 1
    assert path.events["gap"] == 3
    again = intake([{"kind": "highpass", "cutoff_hz": 30}], 4)
    later = 50 + 20 * 0.02 + 0.4  # a bin begins with the first sample after the gap
    index = next(at for at, one in enumerate(bits) if one[0] >= (later - 50) / 0.02 + 8)
    stamps_after = np.concatenate([[50.0], stamps[700:]])
    _, expected = bins_of(again, stamps_after, np.vstack([x[:1], x[700:]]))
    np.testing.assert_array_equal(came[index:], expected[-len(came[index:]) :])


def test_lags_and_smoothing_begin_anew_with_the_decoder():
    stages = [{"kind": "lags", "bins": 2}]
    stamps = np.concatenate([np.arange(100), 5000 + np.arange(100)]) / RATE_HZ
    _, came = bins_of(intake(stages, 1), stamps, np.ones((200, 1), np.float32))
    assert came[:, 0].tolist() == [40.0, 40.0, 20.0, 40.0, 40.0]
    assert came[:, 1].tolist() == [0.0, 40.0, 40.0, 0.0, 40.0]


def test_stages_are_for_the_streams_that_they_name():
    infos = (StreamInfo("a", 2, RATE_HZ), StreamInfo("b", 3, RATE_HZ))
    stages = [
        {"kind": "channels", "keep": [1], "streams": [0]},
        {"kind": "common_average", "streams": [1]},
    ]
    settings = InputSettings.model_validate({"bin_s": 0.02, "conditioning": stages})
    path, came = Intake(settings, infos), []
    stamps, rng = np.arange(200) / RATE_HZ, np.random.default_rng(0)
    a, b = (rng.normal(1, 1, (200, k)).astype(np.float32) for k in (2, 3))
    came += path.push(Chunk(stamps, a))
    came += path.push(Chunk(stamps, b, 1))
    assert path.channels == channels_of(settings, infos) == 4
    values = np.array([one.values for one in came])
    expected = np.hstack([a[:, 1:], b - b.mean(axis=1, keepdims=True)])
    expected = expected.reshape(5, 40, 4).sum(axis=1)
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-3)


def test_a_stream_that_is_not_there_is_refused():
    stages = [{"kind": "common_average", "streams": [0, 1]}]
    settings = InputSettings.model_validate({"conditioning": stages})
    with pytest.raises(ConfigError, match=r"0 \(common_average\) is for stream 1, the input has 1"):
        Intake(settings, (StreamInfo("a", 2, RATE_HZ),))


def test_the_decoder_sees_the_channels_that_are_left():
    stages = [{"kind": "channels", "keep": ["c", "a"]}, {"kind": "lags", "bins": 3}]
    settings = InputSettings.model_validate({"bin_s": 0.02, "conditioning": stages})
    info = StreamInfo("signal", 3, RATE_HZ, ("a", "b", "c"))
    decoder = build_decoder(RlsSettings(), channels_of(settings, (info,)), 2, 0.02)
    pipeline = Pipeline(settings, info, None, decoder, 2)
    stamps, x = np.arange(200) / RATE_HZ, np.tile(np.float32([1, 2, 3]), (200, 1))
    closed = list(pipeline.close(Chunk(stamps, x)))
    assert closed[1].values.tolist() == [120, 40, 120, 40, 0, 0]
    assert [pipeline.decode(one).index for one in closed] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("stages", "reduce", "why"),
    [
        (
            [{"kind": "zscore"}, {"kind": "threshold_crossings"}],
            "sum",
            r"conditioning.1 \(threshold_crossings\) works on samples and came after "
            r"conditioning.0 \(zscore\), which works on bins: put it before that",
        ),
        (
            [{"kind": "threshold_crossings"}, {"kind": "highpass", "cutoff_hz": 3}],
            "sum",
            r"conditioning.1 \(highpass\) takes signal or power and came after conditioning.0 "
            r"\(threshold_crossings\), which gives counts: put it before that",
        ),
        (
            [{"kind": "common_average"}, {"kind": "spike_events", "channels": 3}],
            "sum",
            r"\(spike_events\) takes events and came after conditioning.0 \(common_average\)",
        ),
        ([{"kind": "log_variance"}], "rms", "came with bins.reduce rms: set it to variance"),
        (
            [{"kind": "threshold_crossings"}],
            "rms",
            "gives counts, bins.reduce is rms: set it to sum",
        ),
        ([{"kind": "spike_band_power"}], "variance", "bins.reduce is variance: set it to mean"),
        ([{"kind": "channels"}], "sum", "needs one of keep and drop"),
        ([{"kind": "bandpass", "low_hz": 9, "high_hz": 3}], "sum", "9 is not below high_hz 3"),
        ([{"kind": "threshold_crossings", "multiple": 0}], "sum", "multiple is 0: give how many"),
        ([{"kind": "threshold_crossings", "clip": 0.5}], "sum", "clip is 0.5 RMS: give more"),
    ],
)
def test_nonsense_is_refused(stages, reduce, why):
    with pytest.raises(ValidationError, match=why):
        InputSettings.model_validate({"reduce": reduce, "conditioning": stages})


def test_stages_of_different_streams_do_not_follow_each_other():
    stages = [
        {"kind": "threshold_crossings", "streams": [0]},
        {"kind": "highpass", "cutoff_hz": 3, "streams": [1]},
    ]
    InputSettings.model_validate({"conditioning": stages})


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"keep": [3]}, "names 3, signal has a, b, c: name one of them"),
        ({"drop": ["d"]}, "names 'd', signal has a, b, c: name one of them"),
        ({"drop": ["a", 1, "c"]}, "leaves none of signal: keep one"),
    ],
)
def test_a_channel_that_a_stream_does_not_have_is_refused(how, why):
    settings = InputSettings.model_validate({"conditioning": [{"kind": "channels", **how}]})
    with pytest.raises(ConfigError, match=why):
        Intake(settings, (StreamInfo("signal", 3, RATE_HZ, ("a", "b", "c")),))
