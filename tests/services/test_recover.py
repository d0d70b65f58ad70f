"""`eprop-rt recover`: on a session whose decoder is known, and on one that a monkey drove."""

import json
from datetime import UTC, datetime

import numpy as np
import pynwb
import pytest
from pynwb.behavior import BehavioralTimeSeries

import recordings_registry
from eprop_rt.errors import ConfigError, DataError
from eprop_rt.recovery import LinearDecoder, recover
from eprop_rt_services.commands.recover import command
from eprop_rt_services.recordings import Selection, read_recording
from eprop_rt_services.recovery import chosen, closed_loop_bins, free_running

BIN_S, TRIAL_BINS = 0.05, 25
BLOCKS = ("warm up",) * 10 + ("baseline",) * 30 + ("other decoder",) * 10
DECODER = LinearDecoder(
    np.array([[0.7, -0.01], [0.02, 0.6]]),
    np.random.default_rng(3).normal(0, 5, (2, 8)),
    np.array([2.0, -3.0]),
    np.array([9.0, 9.0]),
)


def session(folder, *, trials=True, moves=True):
    """Counts, the velocity that DECODER makes of them (in the last block another), and trials."""
    bins = len(BLOCKS) * TRIAL_BINS
    x = np.random.default_rng(4).poisson(2.0, (bins, 8))
    begins = np.arange(bins) % TRIAL_BINS == 0
    v = DECODER.run(x.astype(np.float64), begins, np.zeros(2)) * moves
    v[40 * TRIAL_BINS :] *= 1.5
    file = pynwb.NWBFile("a test", "a-test", datetime(2026, 11, 22, tzinfo=UTC))
    rate = 1 / BIN_S
    file.add_acquisition(
        pynwb.TimeSeries(name="binned_spikes", data=x.astype(np.uint8), unit="count", rate=rate)
    )
    driven = pynwb.TimeSeries(name="velocity", data=v.astype(np.float32), unit="mm/s", rate=rate)
    module = file.create_processing_module("behavior", "what was driven")
    module.add(BehavioralTimeSeries(name="Velocity", time_series=driven))
    if trials:
        file.add_trial_column("block", "part of the session")
        length_s = TRIAL_BINS * BIN_S
        for trial, block in enumerate(BLOCKS):
            start_s = trial * length_s
            file.add_trial(start_time=start_s, stop_time=start_s + length_s, block=block)
    path = folder / "session.nwb"
    with pynwb.NWBHDF5IO(path, mode="w") as sink:
        sink.write(file)
    return path


def bins_of(path, **selection):
    return closed_loop_bins(read_recording(path, Selection(**selection)), None)


def test_it_prints_the_decoder_and_writes_the_contract(tmp_path, capsys):
    out = tmp_path / "figures.json"
    command(session(tmp_path), block="baseline", trials=20, json=out)

    printed, figures = capsys.readouterr().out, json.loads(out.read_text())
    assert "8 of 8 inputs in use" in printed
    assert "held out" in printed
    assert np.array(figures["state"]) == pytest.approx(DECODER.state, abs=1e-6)
    assert np.array(figures["gain"]) == pytest.approx(DECODER.gain, abs=1e-5)
    assert DECODER.state @ figures["start"] + figures["offset"] == pytest.approx([9, 9], abs=1e-4)
    stretches = figures["stretches"]
    assert [(s["block"], s["fitted"], s["trials"], s["bins"]) for s in stretches] == [
        ("warm up", False, 10, 250),
        ("baseline", True, 20, 500),
        ("baseline", False, 10, 250),
        ("other decoder", False, 10, 250),
    ]
    assert max(s["max_error"] for s in stretches[:3]) < 1e-6
    assert stretches[3]["rms_error"] > 0.05  # where it did not run, the recovered one is far off


def test_four_of_five_trials_are_fitted_where_nobody_says_how_many(tmp_path):
    bins = bins_of(session(tmp_path))
    assert np.unique(bins.trial[chosen(bins, "baseline", None)]).tolist() == list(range(10, 34))


def test_without_trials_the_first_four_fifths_are_fitted_as_one(tmp_path):
    bins = bins_of(session(tmp_path, trials=False))
    used = chosen(bins, None, None)
    assert np.flatnonzero(used).tolist() == list(range(1000))
    decoder = recover(bins.x, bins.v, bins.begins, used)
    assert [part.bins for part in free_running(decoder, bins, used)] == [1000, 250]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"block": "none"}, r"no block none: take one of warm up, baseline, other decoder"),
        ({"block": "baseline", "trials": 31}, r"--trials 31 came, block baseline .* has 30"),
        ({"bin_s": 0.01}, r"--bin-s 0\.01 came with a sample every 0\.05 s"),
    ],
)
def test_what_a_recording_does_not_have_is_refused(asked, told, tmp_path):
    with pytest.raises(ConfigError, match=told):
        command(session(tmp_path), **asked)


def test_blocks_are_refused_where_there_are_no_trials(tmp_path):
    with pytest.raises(ConfigError, match="session has no trials: leave --block"):
        command(session(tmp_path, trials=False), block="baseline")


def test_an_output_that_never_moves_is_refused(tmp_path):
    with pytest.raises(DataError, match="an output of session never moves"):
        command(session(tmp_path, moves=False))


def test_a_recording_without_an_output_is_refused(tmp_path):
    with pytest.raises(DataError, match="no series that was put out"):
        command(session(tmp_path), output="none")


def test_the_decoder_that_ran_on_that_day_is_recovered_from_400_baseline_trials():
    path = recordings_registry.find("stabilizedbci_20160325")
    bins = bins_of(path, signal="decoder_input")
    used = chosen(bins, "baselineEvaluation", 400)
    decoder = recover(bins.x, bins.v, bins.begins, used)

    assert len(np.unique(bins.trial[used])) == 400
    assert np.linalg.eigvals(decoder.state) == pytest.approx([0.6652, 0.7040], abs=1e-3)
    assert decoder.in_use.sum() == 75
    stretches = free_running(decoder, bins, used)
    it_ran = [s for s in stretches if "stab" not in s.block and s.block != "gradualTrain"]
    held_out = [s for s in it_ran if not s.fitted]
    assert [(s.block, s.trials) for s in held_out] == [
        ("perturbationEvaluation", 130),
        ("baselineEvaluation", 118),
    ]
    assert max(s.max_error for s in it_ran) < 1e-6  # of the range of velocities
    others = [s for s in stretches if s.block in ("stabilization", "gradualTrain")]
    assert min(s.rms_error for s in others) > 0.01  # other decoders ran there


def test_a_perturbed_block_does_not_follow_from_the_counts_that_the_decoder_never_saw():
    path = recordings_registry.find("stabilizedbci_20160325")
    bins = bins_of(path, signal="binned_spikes")
    used = chosen(bins, "baselineEvaluation", 400)
    decoder = recover(bins.x, bins.v, bins.begins, used)
    errors = {(s.block, s.fitted): s.rms_error for s in free_running(decoder, bins, used)}

    assert errors["baselineEvaluation", False] < 1e-6
    assert errors["perturbationEvaluation", False] > 0.05
