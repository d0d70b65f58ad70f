"""What a monkey wanted, in a session that it drove itself: learned online, beside fits offline."""

import pytest

import recordings_registry
from eprop_rt_services.config import load_config
from eprop_rt_services.recordings import read_recording
from eprop_rt_services.replay.comparable import compared
from eprop_rt_services.replay.contestant import Contestant, Setting

CALIBRATION = (
    "bins.bin_s=0.045",
    "recording.signal=decoder_input",
    "recording.labels=intention",
    "recording.block=gradualTrain",
)


@pytest.mark.large
def test_after_two_minutes_eprop_knows_the_intended_direction_better_than_a_ridge_fitted_on_them():
    path = recordings_registry.find("stabilizedbci_20160325")
    config = load_config("preset:cursor", CALIBRATION)
    recording = read_recording(path, config.recording)
    results = {
        name: Contestant(name, settings, Setting(config.bins)).replay(recording, lambda _: None)
        for name, settings in compared("wiener,rls", config.decoder).items()
    }

    r2 = {name: float(result.score.r2_last20.mean()) for name, result in results.items()}
    assert results["eprop"].bins == 3329
    assert r2["wiener"] > 0.55
    assert r2["eprop"] > r2["wiener"] + 0.03, r2
    assert r2["eprop"] > r2["rls"] + 0.03, r2
