"""EDF and BDF, written here in their layouts."""

import numpy as np
import pytest

from eprop_rt.errors import RecordingError
from eprop_rt_services.recordings import Selection, read_recording
from recording_files import write_edf

pytest.importorskip("mne", reason="the package mne is not installed")

MOST = {".edf": 32767, ".bdf": 8388607}


def volts(counts, suffix, physical=1000):
    most = MOST[suffix]
    return ((counts + most + 1) * (2 * physical / (2 * most + 1)) - physical) * 1e-6


@pytest.mark.parametrize("suffix", [".edf", ".bdf"])
def test_edf_and_bdf_read_in_volts_with_annotations_as_markers(tmp_path, suffix):
    counts = np.random.default_rng(1).integers(-3000, 3000, (400, 3))
    path = tmp_path / f"a{suffix}"
    write_edf(path, ("C3", "Cz", "C4"), counts, 100, [(0.5, "left"), (2.25, "right")])
    recording = read_recording(path)

    assert recording.signal.values == pytest.approx(volts(counts, suffix), abs=1e-9)
    assert recording.signal.info.channel_names == ("C3", "Cz", "C4")
    assert np.array_equal(recording.signal.stamps, np.arange(400) / 100)
    assert recording.markers.texts == ("left", "right")
    assert recording.markers.stamps == pytest.approx([0.5, 2.25])


def test_channels_of_an_edf_file_are_chosen_by_name_or_type(tmp_path):
    counts = np.arange(600).reshape(200, 3)
    write_edf(tmp_path / "a.edf", ("EEG C3", "EMG arm", "EEG C4"), counts, 100)

    both = read_recording(tmp_path / "a.edf", Selection(signal="C4, C3"))
    assert both.signal.info.channel_names == ("C4", "C3")
    muscles = read_recording(tmp_path / "a.edf", Selection(signal="emg"))
    assert muscles.signal.info.channel_names == ("arm",)
    with pytest.raises(RecordingError, match=r"no channel 'Oz': name channels of C3, arm, C4"):
        read_recording(tmp_path / "a.edf", Selection(signal="Oz"))


def test_an_edf_file_that_was_cut_says_how_much_is_left(tmp_path):
    path = tmp_path / "a.edf"
    write_edf(path, ("C3", "C4"), np.zeros((500, 2), int), 100)
    path.write_bytes(path.read_bytes()[:-900])

    with pytest.raises(RecordingError, match=r"announces 5 records and holds 2: it was cut"):
        read_recording(path)


@pytest.mark.parametrize("suffix", [".edf", ".bdf"])
def test_a_recording_longer_than_a_part_reads_on_with_its_triggers(tmp_path, suffix):
    """MNE gives 65536 samples at once."""
    samples, path = 70_000, tmp_path / f"a{suffix}"
    counts = np.random.default_rng(2).integers(-3000, 3000, (samples, 2))
    codes = np.zeros((samples, 1), int)
    for at, code in ((500, 3), (65_530, 7), (65_536, 9), (69_000, 12)):
        codes[at : at + 5] = code
    write_edf(path, ("C3", "C4", "Status"), np.hstack([counts, codes]), 1000)
    recording = read_recording(path)

    assert recording.signal.info.channel_names == ("C3", "C4")
    assert recording.signal.values == pytest.approx(volts(counts, suffix), abs=1e-9)
    assert recording.markers.stamps.tolist() == [0.5, 65.53, 65.536, 69.0]
    assert recording.markers.texts == ("3", "7", "9", "12")


def mixed(path):
    """Write a sine at 500 Hz beside one at 50 Hz and triggers at 50 Hz; return the three."""
    fast = np.round(3000 * np.sin(np.arange(150_000) * 0.02)).astype(int)
    slow = np.round(3000 * np.sin(np.arange(15_000) * 0.2)).astype(int)
    codes = np.zeros(15_000, int)
    codes[[100, 14_000]] = 4, 5
    write_edf(path, ("EEG C3", "EMG arm", "Status"), [fast, slow, codes], [500, 50, 50])
    return fast, slow


@pytest.mark.parametrize("suffix", [".edf", ".bdf"])
def test_channels_of_one_rate_are_read_as_recorded_beside_others(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    fast, slow = mixed(path)

    for name, counts, rate_hz in (("C3", fast, 500.0), ("emg", slow, 50.0)):
        recording = read_recording(path, Selection(signal=name))
        assert recording.signal.info.sample_rate_hz == rate_hz
        assert recording.signal.values[:, 0] == pytest.approx(volts(counts, suffix), abs=1e-9)
        assert np.array_equal(recording.signal.stamps, np.arange(len(counts)) / rate_hz)
        assert recording.markers.texts == ("4", "5")
        assert recording.markers.stamps.tolist() == [2.0, 280.0]


def test_channels_of_several_rates_are_refused_with_what_has_which(tmp_path):
    mixed(tmp_path / "a.edf")

    for selection in (Selection(), Selection(signal="arm, C3")):
        with pytest.raises(
            RecordingError, match=r"several rates .*C3 at 500 Hz.*recording\.signal"
        ):
            read_recording(tmp_path / "a.edf", selection)


@pytest.mark.parametrize("suffix", [".edf", ".bdf"])
def test_records_that_do_not_follow_each_other_keep_their_times(tmp_path, suffix):
    counts, path = np.arange(900).reshape(300, 3), tmp_path / f"a{suffix}"
    codes = np.zeros((300, 1), int)
    codes[[150, 250]] = 6
    write_edf(
        path, ("C3", "C4", "Cz", "Status"), np.hstack([counts, codes]), 100,
        [(10.5, "left"), (100.25, "right@@C4"), (100.25, "right@@C3")], began_s=[10, 50, 100.25],
    )  # fmt: skip
    recording = read_recording(path)

    steps = np.arange(100) / 100
    expected = np.concatenate([steps, 40 + steps, 90.25 + steps])
    assert recording.signal.stamps == pytest.approx(expected, abs=1e-9)
    assert recording.signal.values == pytest.approx(volts(counts, suffix), abs=1e-9)
    assert recording.markers.texts == ("left", "6", "right", "6")
    assert recording.markers.stamps == pytest.approx([0.5, 40.5, 90.25, 90.75])


def test_records_that_do_not_say_when_they_began_are_refused(tmp_path):
    path = tmp_path / "a.edf"
    write_edf(path, ("C3",), np.arange(300)[:, None], 100, began_s=[0, 20, 30])
    path.write_bytes(path.read_bytes().replace(b"+20\x14\x14", b"+20\x14a\x14"))

    with pytest.raises(RecordingError, match=r"\(EDF\+D\), and record 2 of 3 does not say when"):
        read_recording(path)
