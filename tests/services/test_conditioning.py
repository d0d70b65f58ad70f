"""Conditioning in a configuration, a replay, a checkpoint and the examples."""

from pathlib import Path

import numpy as np
import pytest

from eprop_rt.config import BinSettings, RlsSettings, WienerSettings
from eprop_rt.errors import ConfigError, RestoreError
from eprop_rt.intake import Intake
from eprop_rt.series import Chunk, StreamInfo
from eprop_rt_services.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from eprop_rt_services.config import Config, load_config
from eprop_rt_services.recordings import Recording, Series
from eprop_rt_services.replay import Contestant
from eprop_rt_services.replay.contestant import Setting
from eprop_rt_services.replay.source import binned

EXAMPLES = Path(__file__).parents[2] / "examples" / "conditioning"
FITTING = {  # channels and rate that go in, channels that come out
    "broadband": (4, 20_000.0, 4),
    "spike_band_power": (4, 2000.0, 4),
    "spike_events": (50, 0.0, 96),
    "emg": (8, 250.0, 24),
    "eeg": (8, 250.0, 16),
}


def test_every_example_is_known_here():
    assert {path.stem for path in EXAMPLES.iterdir()} == set(FITTING)


@pytest.mark.parametrize("name", FITTING)
def test_an_example_loads_and_turns_samples_into_bins(name):
    channels, rate_hz, out = FITTING[name]
    config = load_config(str(EXAMPLES / f"{name}.yaml"))
    path = Intake(config.inputs, (StreamInfo("signal", channels, rate_hz),))
    rng = np.random.default_rng(0)
    rows = int(3 * (rate_hz or 500))
    stamps = np.arange(rows) / (rate_hz or 500)
    samples = rng.normal(0, 10, (rows, channels))
    samples[rng.random((rows, channels)) < 0.002] -= 200
    if rate_hz == 0:
        samples[:, 0] = rng.integers(0, 96, rows)
    values = np.array([one.values for one in path.push(Chunk(stamps, samples.astype(np.float32)))])
    assert path.channels == out == values.shape[1]
    assert len(values) > 20
    assert np.isfinite(values).all()
    assert (values[-10:].std(axis=0) > 0).sum() >= out / 4


@pytest.mark.parametrize("where", ["preset:openbci", "preset:gtec", str(EXAMPLES / "eeg.yaml")])
def test_a_channel_that_was_away_is_scored_as_before_once_it_is_back(where):
    config = load_config(where)
    channels = config.lsl.signal.channels or 8
    rows = 250 * 90
    x = np.random.default_rng(5).normal(0, 10, (rows, channels)).astype(np.float32)
    x[250 * 60 : 250 * 62, 0] = np.nan
    path = Intake(config.inputs, (StreamInfo("signal", channels, 250.0),))
    chunk = Chunk(np.arange(rows) / 250.0, x)
    scores = {one.end_s: one.values for one in path.push(chunk)}
    away = np.array([one for end_s, one in scores.items() if 60.1 < end_s < 61.9])
    back = np.array([one for end_s, one in scores.items() if end_s > 66])
    assert (away[:, 0] == 0).all()
    assert (away[:, 1] != 0).all()
    assert np.abs(back[:, 0].std() / back[:, 1].std() - 1) < 0.4


CONDITIONED = {
    "bins": {"bin_s": 0.05, "reduce": "mean"},
    "conditioning": [
        {"kind": "channels", "drop": [0]},
        {"kind": "lowpass", "cutoff_hz": 20},
        {"kind": "lags", "bins": 2},
    ],
}


def recording(rows=3000, rate_hz=200.0):
    rng = np.random.default_rng(1)
    stamps = np.arange(rows) / rate_hz
    wave = np.sin(stamps[:, None] * (3.0, 4.0)).astype(np.float32)
    signal = wave @ rng.normal(0, 1, (2, 5)) + rng.normal(0, 1, (rows, 5))
    return Recording(
        "a recording",
        Series(StreamInfo("signal", 5, rate_hz), stamps, signal.astype(np.float32)),
        Series(StreamInfo("velocity", 2, rate_hz / 4), stamps[::4], wave[::4]),
    )


@pytest.mark.parametrize("decoder", [RlsSettings(lags=2), WienerSettings(lags=2)])
def test_a_replay_decodes_what_an_offline_fit_sees(decoder):
    config = Config.model_validate(CONDITIONED)
    given = recording()
    once, again, raw = (
        Contestant("it", decoder, Setting(bins)).replay(given, lambda _: None)
        for bins in (config.inputs, config.inputs, config.bins)
    )
    _, inputs, _ = binned(given, config.inputs)
    assert inputs.shape == (once.bins, 8)
    assert once.digest == again.digest != raw.digest
    assert once.score.r2_last20.min() > 0.5


def test_without_conditioning_inputs_are_the_bins_themselves():
    config = Config(bins=BinSettings(bin_s=0.03))
    assert config.inputs is config.bins


def test_a_checkpoint_belongs_to_its_conditioning(tmp_path):
    config = Config.model_validate(CONDITIONED)
    decoder = RlsSettings(lags=2)
    arrays = {"w": np.zeros(3)}
    write_checkpoint(tmp_path / "it.npz", Checkpoint(decoder, config.inputs, 8, 2, arrays))
    came = read_checkpoint(tmp_path / "it.npz")
    assert came.bins == config.inputs
    assert came.fitting(decoder, config.inputs) == decoder
    with pytest.raises(RestoreError, match=r"made with bins\.conditioning") as why:
        came.fitting(decoder, config.bins)
    assert "\n" not in str(why.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[{kind: highpass, cutof_hz: 300}]", r"conditioning\.0\.cutof_hz: did you mean cutoff_hz"),
        ("[{kind: hipass, cutoff_hz: 300}]", r"conditioning\.0: Input tag 'hipass'"),
        ("[{kind: highpass, cutoff_hz: -3}]", r"conditioning\.0\.cutoff_hz: .*greater than 0"),
        ("[{kind: lags, bins: 2}, {kind: delta, step: 1}]", r"1 \(delta\) works on samples and"),
        ("[{kind: log_variance}]", r"conditioning: conditioning\.0 .* set it to variance$"),
    ],
)
def test_a_mistake_in_a_stage_is_told_in_one_line(text, told, tmp_path):
    path = tmp_path / "it.yaml"
    path.write_text(f"conditioning: {text}", encoding="utf-8")
    with pytest.raises(ConfigError, match=told) as why:
        load_config(str(path))
    assert "\n" not in str(why.value)


def test_a_filter_too_fast_for_the_recording_is_told_when_that_is_known():
    config = Config.model_validate({"conditioning": [{"kind": "highpass", "cutoff_hz": 300}]})
    contestant = Contestant("it", RlsSettings(), Setting(config.inputs))
    with pytest.raises(ConfigError, match="an edge at 300 Hz, signal comes at 200 Hz: take one"):
        contestant.replay(recording(), lambda _: None)
