"""Recordings with something wrong in them, as files that pynwb writes, through whole commands.

What should happen stands in docs/recordings.md; each test is a row of it, or several.
"""

import io
import json
import sys
import uuid
import warnings
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime

import numpy as np
import pynwb
import pytest
from pynwb.behavior import BehavioralTimeSeries

from eprop_rt.series import StreamInfo
from eprop_rt_services import cli
from eprop_rt_services.recordings import Recording, Series, write_recording

pytestmark = pytest.mark.process

BINS, CHANNELS, BIN_S = 400, 6, 0.05
SMALL = (
    *("--config", "preset:cursor", "-o", "decoder.network.neurons=16"),
    *("-o", "decoder.network.tau_groups=4", "-o", "decoder.rehearsal.steps_per_bin=60"),
    *("-o", "decoder.rehearsal.segments_per_update=2"),
)
BESIDE = "rls,wiener,kalman,adaptive_kalman,nlms,static,mean,zero"


class Odd:
    """A session to be spoilt, then written: counts x and labels y, each with its stamps."""

    def __init__(self, bins=BINS):
        rng = np.random.default_rng(1)
        self.y = np.sin(np.arange(bins)[:, None] * (0.05, 0.08)).astype(np.float32)
        rates = np.maximum(2 + self.y @ rng.normal(0, 1, (2, CHANNELS)), 0.1)
        self.x = rng.poisson(rates).astype(np.float32)
        self.t = np.arange(bins) * BIN_S
        self.ty = self.t.copy()
        self.trials = []

    def write(self, folder, name="odd"):
        file = pynwb.NWBFile(
            session_description="a test",
            identifier=str(uuid.uuid4()),
            session_start_time=datetime.now(UTC),
        )
        file.add_acquisition(series("binned_spikes", self.x, self.t))
        if self.y is not None:
            module = file.create_processing_module(name="behavior", description="labels")
            labels = series("velocity", self.y, self.ty)
            module.add(BehavioralTimeSeries(name="Velocity", time_series=labels))
        for start in self.trials:
            file.add_trial(start_time=start, stop_time=start + 1)
        path = folder / f"{name}.nwb"
        with pynwb.NWBHDF5IO(path, "w") as sink:
            sink.write(file)
        return path


def series(name, data, stamps):
    with warnings.catch_warnings():  # it notices what is odd about some
        warnings.simplefilter("ignore")
        return pynwb.TimeSeries(name=name, data=data, unit="n", timestamps=stamps)


def command(*arguments):
    """Exit status, what it printed, and its error line; a traceback or warning fails the test."""
    said, told = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(told):
        patch.setattr(sys, "argv", ["eprop-rt", *map(str, arguments)])
        try:
            cli.main()
            status = 0
        except SystemExit as end:
            status = end.code
    assert told.getvalue().count("\n") == (status != 0), told.getvalue()
    return status, " ".join(said.getvalue().split()), told.getvalue()


def replay(path, folder, *more, compare=BESIDE, settings=SMALL):
    out = folder / "figures.json"
    given = ("--compare", compare, "--no-cache", "--json", out)
    status, said, told = command("replay", path, *settings, *given, *more)
    assert status == 0, told
    return json.loads(out.read_text()), said


def events(figures, decoder="eprop"):
    """What is wrong with the recording; what the guard makes of that is beside it."""
    return {name: n for name, n in everything_of(figures, decoder).items() if "guard" not in name}


def guarded(figures):
    return {name for name in everything_of(figures, "eprop") if "guard" in name}


def everything_of(figures, decoder):
    return figures["decoders"][decoder]["events"]


def everything(path, folder):
    """What sweeps, days and gradients make of it must end well too; training may say why not."""
    sweep = ("--label-delay", "0.5", "--label-share", "0.3", "--perturb", "loss:1@0")
    replay(path, folder, *sweep, compare="rls,kalman,adaptive_kalman")
    good = Odd().write(folder, "good")
    for days in ((good, path), (path, good)):
        status, _, told = command("replay", *days, *SMALL, "--across-days", "--no-cache")
        assert status == 0, told
    status, said, told = command("replay", path, *SMALL, "--compare-gradients", "5", "--no-cache")
    assert status == 0, told
    assert "nan" not in said
    out = ("--epochs", "1", "--out", folder / "out.npz", "-o", "training.threads=1")
    assert command("train", path, *SMALL, *out)[0] in (0, 2)


def spoilt_stamps(odd):
    odd.t[[0, 50, 60]] = np.nan, np.nan, np.inf


def spoilt_label_stamps(odd):
    odd.ty[[50, 60, 70]] = np.nan, np.inf, -np.inf


def stamps_repeat(odd):
    odd.t[100:110] = odd.t[100]


def stamps_step_back(odd):
    odd.t[200:] -= 5


def a_gap(odd):
    for stamps in (odd.t, odd.ty):
        stamps[200:] += 30


def a_gap_of_years(odd):
    for stamps in (odd.t, odd.ty):
        stamps[200:] += 1e8


def counts_are_no_numbers(odd):
    odd.x[30:60, 2] = np.nan
    odd.x[70] = np.inf


def all_counts_are_nan(odd):
    odd.x[:] = np.nan


def labels_are_infinite(odd):
    odd.y[[100, 120], 0] = np.nan, np.inf


def labels_before_the_signal(odd):
    odd.ty -= 5000


# What comes: what is counted, of eprop and of every decoder that is compared.
COUNTED = {
    spoilt_stamps: {"stamp_not_finite": 3, "late_label": 1, "gap": 2},
    spoilt_label_stamps: {"label_stamp_not_finite": 3},
    stamps_repeat: {"stamp_repeated": 9, "gap": 1},
    stamps_step_back: {"stamp_too_old": 97, "stamp_repeated": 3},
    a_gap: {"gap": 1, "reset_after_gap": 1},
    a_gap_of_years: {"gap": 1, "reset_after_gap": 1},
    counts_are_no_numbers: {"value_not_finite": 31},
    all_counts_are_nan: {"value_not_finite": BINS},
    labels_are_infinite: {"label_not_finite": 1},
    labels_before_the_signal: {"late_label": BINS},
}


@pytest.mark.parametrize("spoil", COUNTED, ids=lambda spoil: spoil.__name__)
def test_what_is_wrong_is_counted_and_every_command_ends_well(spoil, tmp_path):
    odd = Odd()
    spoil(odd)
    path = odd.write(tmp_path)
    figures, _ = replay(path, tmp_path)
    assert events(figures) == COUNTED[spoil]
    assert events(figures, "wiener") == COUNTED[spoil]
    for scores in figures["decoders"].values():
        assert all(value is None or np.isfinite(value) for value in scores["r2"])
    everything(path, tmp_path)


def constant_and_silent_channels(odd):
    odd.x[:, 2], odd.x[:, 3] = 5, 0


def all_channels_constant(odd):
    odd.x[:] = 4


def all_channels_silent(odd):
    odd.x[:] = 0


def labels_constant(odd):
    odd.y[:] = 3


def one_label_is_enormous(odd):
    odd.y[200] = 3e38


def labels_four_times_as_fast(odd):
    odd.ty = np.arange(4 * BINS) * BIN_S / 4
    odd.y = np.repeat(odd.y, 4, axis=0)


QUIET = (
    constant_and_silent_channels,
    all_channels_constant,
    all_channels_silent,
    labels_constant,
    one_label_is_enormous,
    labels_four_times_as_fast,
)


GUARDED = {one_label_is_enormous: {"guard_clip_label"}}


@pytest.mark.parametrize("spoil", QUIET, ids=lambda spoil: spoil.__name__)
def test_what_is_only_strange_is_decoded_to_finite_numbers_without_an_event(spoil, tmp_path):
    odd = Odd()
    spoil(odd)
    path = odd.write(tmp_path)
    figures, _ = replay(path, tmp_path)
    assert events(figures) == {}
    assert guarded(figures) == GUARDED.get(spoil, set())
    assert figures["bins"] == figures["labelled_bins"] == BINS
    everything(path, tmp_path)


def test_constant_channels_do_no_harm(tmp_path):
    odd = Odd(1200)
    figures, _ = replay(odd.write(tmp_path), tmp_path, compare="rls")
    odd.x = np.concatenate([odd.x, np.full((1200, 2), (0, 7), np.float32)], axis=1)
    padded, _ = replay(odd.write(tmp_path), tmp_path, compare="rls")
    of = [np.mean(one["decoders"]["rls"]["r2_last20"]) for one in (figures, padded)]
    assert of[1] > of[0] - 0.02


def test_without_any_labels_it_is_decoded_and_that_is_said(tmp_path):
    odd = Odd()
    odd.y = None
    path = odd.write(tmp_path)
    figures, said = replay(path, tmp_path)
    assert "labels: none no labels: decoded to two outputs, nothing is learned" in said
    assert (figures["bins"], figures["labelled_bins"]) == (BINS, 0)
    assert all(scores["r2"] == [None, None] for scores in figures["decoders"].values())
    everything(path, tmp_path)
    given = ("--out", tmp_path / "out.npz")
    assert "has no labels, training needs them" in command("train", path, *SMALL, *given)[2]
    named = ("-o", "recording.labels=velocity")
    assert "it has no labels 'velocity': name one of" in command("replay", path, *SMALL, *named)[2]


@pytest.mark.parametrize(("first", "last"), [(0, 150), (330, 400), (0, 1)])
def test_labels_of_a_part_are_used_there_and_the_rest_is_not_scored(first, last, tmp_path):
    odd = Odd()
    odd.y, odd.ty = odd.y[first:last], odd.ty[first:last]
    path = odd.write(tmp_path)
    figures, said = replay(path, tmp_path)
    assert figures["labelled_bins"] == last - first
    assert f"{last - first} of {BINS} bins have a label for every output" in said
    everything(path, tmp_path)


def test_labels_in_any_order_are_those_of_their_stamps(tmp_path):
    odd = Odd()
    ordered, _ = replay(odd.write(tmp_path), tmp_path, compare="rls")
    order = np.random.default_rng(0).permutation(BINS)
    odd.y, odd.ty = odd.y[order], odd.ty[order]
    shuffled, _ = replay(odd.write(tmp_path), tmp_path, compare="rls")
    assert shuffled["digest"] == ordered["digest"]
    assert events(shuffled) == {}


@pytest.mark.parametrize("bins", [1, 2, 3, 7, 20])
def test_a_session_shorter_than_any_lag_segment_or_warm_up_is_replayed(bins, tmp_path):
    path = Odd(bins).write(tmp_path)
    figures, said = replay(path, tmp_path)
    complete = 0 if bins == 1 else bins  # one stamp has no rate: nothing says where its bin ends
    assert figures["bins"] == complete
    assert ("not a single bin is complete" in said) == (complete == 0)
    everything(path, tmp_path)
    _, _, told = command("train", path, *SMALL, "--out", tmp_path / "out.npz")
    assert "nothing to train on" in told or "has not a single bin" in told


REFUSED = {
    "no samples": "holds no samples: record some, or name another",
    "no finite stamp": "has no stamp that is a finite number",
    "no channels": "expected numbers, one row a sample",
    "three axes": "expected numbers, one row a sample",
    "longer bins than asked for": "give it a longer bin, as in -o bins.bin_s=0.2",
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_replayed_is_refused_in_one_line(what, tmp_path):
    odd = Odd()
    match what:
        case "no samples":
            odd.x, odd.t = odd.x[:0], odd.t[:0]
        case "no finite stamp":
            odd.t[:] = np.nan
        case "no channels":
            odd.x = odd.x[:, :0]
        case "three axes":
            odd.x = odd.x[:, :, None]
        case "longer bins than asked for":
            odd.t *= 4
    path = odd.write(tmp_path)
    for asked in (("replay", path), ("train", path, "--out", tmp_path / "out.npz")):
        status, _, told = command(*asked, *SMALL)
        assert status == 2
        assert REFUSED[what] in told


def test_a_day_of_another_array_is_refused_in_one_line(tmp_path):
    good, odd = Odd().write(tmp_path, "good"), Odd()
    odd.x = odd.x[:, :4]
    path = odd.write(tmp_path)
    status, _, told = command("replay", good, path, *SMALL, "--across-days", "--no-cache")
    assert status == 2
    assert "odd has 4 channels and 2 outputs, expected 6 and 2" in told


def test_known_joins_keep_state_lags_and_fits_apart(tmp_path):
    """Labels follow the counts of the bin before within a trial, and nothing across trials."""
    rng, each = np.random.default_rng(0), 4
    odd = Odd(2000)
    odd.x = rng.poisson(2.0, (2000, CHANNELS)).astype(np.float32)
    odd.y = np.roll(odd.x[:, :2], 1, axis=0)
    odd.y[::each] = 0
    odd.trials = (np.arange(2000 // each) * each * BIN_S).tolist()
    path = odd.write(tmp_path)
    wiener = ("--config", "preset:cursor", "-o", "decoder.kind=wiener")
    unknown, _ = replay(path, tmp_path, compare="", settings=wiener)
    joins = ("-o", "recording.join_gap_s=2")
    known, _ = replay(path, tmp_path, *joins, compare="", settings=wiener)
    assert events(unknown, "wiener") == {}
    assert events(known, "wiener") == {"gap": 499, "reset_after_gap": 499}
    assert known["bins"] == unknown["bins"] == known["labelled_bins"] == 2000
    of = [min(one["decoders"]["wiener"]["r2_last20"]) for one in (unknown, known)]
    assert of[0] < 0.8
    assert of[1] > 0.999


def test_joins_without_a_table_of_trials_are_refused(tmp_path):
    status, _, told = command(
        "replay", Odd().write(tmp_path), *SMALL, "-o", "recording.join_gap_s=2"
    )
    assert status == 2
    assert "no table of trials" in told


def xdf(folder, odd):
    """The same session as an XDF file, by the project's own writer."""
    info = StreamInfo("binned_spikes", CHANNELS, 1 / BIN_S)
    labels = None
    if odd.y is not None:
        labels = Series(StreamInfo("velocity", 2, 1 / BIN_S), odd.ty, odd.y)
    path = folder / "odd.xdf"
    write_recording(path, Recording("odd", Series(info, odd.t, odd.x), labels), "a test")
    return path


@pytest.mark.parametrize("spoil", [a_gap, counts_are_no_numbers, labels_are_infinite])
def test_the_same_in_an_xdf_file_is_counted_alike(spoil, tmp_path):
    odd = Odd()
    spoil(odd)
    path = xdf(tmp_path, odd)
    figures, _ = replay(path, tmp_path)
    assert events(figures) == COUNTED[spoil]
    everything(path, tmp_path)


def test_an_xdf_file_of_nothing_but_the_signal_has_no_labels_to_choose_from(tmp_path):
    odd = Odd()
    odd.y = None
    figures, said = replay(xdf(tmp_path, odd), tmp_path)
    assert "no labels: decoded to two outputs" in said
    assert (figures["bins"], figures["labelled_bins"]) == (BINS, 0)


def test_an_xdf_file_that_ends_in_the_middle_is_replayed_up_to_there(tmp_path):
    odd = Odd(4000)
    path = xdf(tmp_path, odd)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    figures, _ = replay(path, tmp_path)
    assert 1000 < figures["bins"] < 3000
    assert events(figures) == {}
