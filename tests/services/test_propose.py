"""A configuration proposed for what is in sight: one that the daemon takes."""

import uuid

import pytest

from eprop_rt.errors import StreamError
from eprop_rt.intake import Intake
from eprop_rt.series import StreamInfo
from eprop_rt_services.config import load_config
from eprop_rt_services.lsl_link import LslOutlet, marker_outlet
from eprop_rt_services.proposal import propose
from eprop_rt_services.sightings import StreamSighting
from processes import program


def seen(name, type, channels, rate_hz, is_text=False):
    return StreamSighting(name, type, f"{name}-id", "here", channels, rate_hz, is_text)


SPIKES = seen("NSP", "Spikes", 96, 100.0)
RATES = seen("NDS-SpikeRates", "SpikingRates", 190, 50.0)
EEG = seen("obci_eeg1", "EEG", 8, 250.0)
BROADBAND = seen("raw", "Ephys", 128, 30_000.0)
EVENTS = seen("NDS-SpikeEvents", "SpikeEvents", 50, 0.0)
ARM = seen("arm", "EMG", 8, 250.0)
HAND = seen("NDS-Behavior", "CursorVelocity", 2, 50.0)
STATES = seen("states", "Markers", 1, 0.0, is_text=True)


@pytest.mark.parametrize(
    ("stream", "bin_s", "reduce"),
    [
        (SPIKES, 0.02, "sum"),
        (RATES, 0.02, "mean"),
        (EEG, 0.052, "mean"),
        (BROADBAND, 0.02, "sum"),
        (ARM, 0.052, "variance"),
        (seen("field", "LFP", 32, 1000.0), 0.05, "rms"),
        (seen("slow", "EEG", 8, 64.0), 0.0625, "rms"),
        (seen("odd", "Spikes", 4, 30.0), 1 / 30, "sum"),
    ],
)
def test_a_signal_is_binned_by_what_it_is(stream, bin_s, reduce):
    bins = propose([HAND, stream]).content["bins"]
    assert bins["bin_s"] == pytest.approx(bin_s)
    assert bins["reduce"] == reduce
    samples = bins["bin_s"] * stream.sample_rate_hz
    assert samples == pytest.approx(round(samples), abs=1e-3)


def test_signal_labels_and_markers_are_told_apart_and_the_file_loads(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text(propose([STATES, HAND, EEG, RATES]).text())
    config = load_config(str(path))
    assert config.lsl.signal.name == "NDS-SpikeRates"
    assert config.lsl.labels.name == "NDS-Behavior"
    assert config.lsl.markers.name == "states"
    assert config.publish.names == ("vx", "vy")
    assert "obci_eeg1" in path.read_text()
    assert "Proposed for" in path.read_text()


def test_another_signal_can_be_named_and_namesakes_are_told_by_their_source_id():
    twin = StreamSighting("obci_eeg1", "EEG", "other", "there", 16, 125.0)
    lsl = propose([RATES, EEG, twin], "other").content["lsl"]
    assert lsl["signal"] == {"source_id": "other", "channels": 16}
    assert "labels" not in lsl


@pytest.mark.parametrize("stream", [SPIKES, RATES, EEG, BROADBAND, EVENTS, ARM])
def test_what_is_proposed_can_be_built_for_the_stream(stream, tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text(propose([stream, HAND]).text())
    config = load_config(str(path))
    info = StreamInfo(stream.name, stream.channels, stream.sample_rate_hz)
    assert Intake(config.inputs, (info,)).channels >= 8


@pytest.mark.parametrize(
    "stream", [EVENTS, seen("sorter", "Spikes", 1, 0.0), seen("spikes", "Events", 2, 0.0)]
)
def test_spike_events_are_counted_and_what_is_not_known_is_said(stream):
    proposed = propose([stream])
    assert proposed.content["conditioning"] == [{"kind": "spike_events", "channels": 96}]
    assert "say how many channels" in proposed.text()


@pytest.mark.parametrize("in_sight", [[], [STATES]])
def test_where_nothing_can_be_a_signal_it_says_so(in_sight):
    with pytest.raises(StreamError, match="no stream of numbers is in sight"):
        propose(in_sight)
    with pytest.raises(StreamError, match="called 'none'"):
        propose([*in_sight, EEG], "none")


@pytest.mark.parametrize("end", ["\n", "\r", "\x85", "\u2028", "\x07"])
def test_whatever_a_stream_is_called_the_file_loads(end, tmp_path):
    path = tmp_path / "my.yaml"
    odd = seen(f"raw{end}wide: {{", "Ephys", 4, 30_000.0)
    path.write_text(propose([EEG, odd], "EEG").text(), encoding="utf-8")
    assert load_config(str(path)).lsl.signal.name == "obci_eeg1"
    assert "Not used: " in path.read_text(encoding="utf-8")


def test_a_name_that_no_configuration_can_hold_is_one_error():
    with pytest.raises(StreamError, match="rename"):
        propose([seen("it's", "EEG", 8, 250.0)])


@pytest.mark.live
def test_what_is_printed_for_live_streams_is_a_configuration(tmp_path):
    unique = uuid.uuid4().hex[:8]
    names = {role: f"{role} {unique}" for role in ("amplifier", "velocity", "states")}
    with (
        LslOutlet(StreamInfo(names["amplifier"], 8, 250.0), "EEG", f"{unique}-1"),
        LslOutlet(StreamInfo(names["velocity"], 3, 60.0), "Mocap", f"{unique}-2"),
        marker_outlet(names["states"], f"{unique}-3"),
    ):
        done = program("streams", "--wait", "5", "--propose", "--signal", names["amplifier"])
    assert done.returncode == 0, done.stderr
    path = tmp_path / "my.yaml"
    path.write_text(done.stdout)
    config = load_config(str(path))
    assert (config.lsl.signal.name, config.lsl.signal.channels) == (names["amplifier"], 8)
    assert config.lsl.labels.name == names["velocity"]
    assert config.lsl.markers.name == names["states"]
    assert len(config.publish.names) == 3


@pytest.mark.parametrize(
    ("preset", "channels", "rate_hz", "inputs"),
    [
        ("openbci", 8, 250.0, 16),
        ("openbci", 16, 125.0, 32),
        ("gtec", 17, 250.0, 16),
        ("openephys", 64, 30_000.0, 64),
        ("blackrock", 96, 30_000.0, 96),
    ],
)
def test_a_preset_of_a_layout_fits_its_stream(preset, channels, rate_hz, inputs):
    config = load_config(f"preset:{preset}")
    assert Intake(config.inputs, (StreamInfo("s", channels, rate_hz),)).channels == inputs
