"""MATLAB files of two laboratories, written here in their layouts."""

import h5py
import numpy as np
import pytest

from eprop_rt.errors import RecordingError
from eprop_rt_services.recordings import Selection, read_recording
from recording_files import binned_structure, write_binned_5, write_binned_73, write_reaching


@pytest.fixture
def reaching(tmp_path):
    path = tmp_path / "indy_20160407_02.mat"
    return path, write_reaching(path)


def test_spikes_of_a_channel_are_counted_whatever_unit_they_are_of(reaching):
    path, trains = reaching
    signal = read_recording(path).signal

    assert signal.info.channel_names == ("M1 001", "M1 002", "M1 003")
    assert (signal.info.sample_rate_hz, signal.info.units[0]) == (100.0, "count")
    edges = signal.stamps[0] + 0.01 * np.arange(len(signal.stamps) + 1)
    for channel in range(3):
        of_it = np.concatenate(trains[channel])
        assert signal.values[:, channel] == pytest.approx(np.histogram(of_it, edges)[0])
    assert signal.stamps[0] == 70.0
    assert signal.values.sum() == sum(np.sum(each < edges[-1]) for row in trains for each in row)


def test_sorted_units_leave_out_what_no_unit_was_made_of(reaching):
    path, trains = reaching
    signal = read_recording(path, Selection(spikes_by="unit", spike_bin_s=0.05)).signal

    assert signal.info.channel_names == ("M1 001 unit 1", "M1 002 unit 1")
    assert signal.values.sum(axis=0).tolist() == [len(trains[0][1]), len(trains[1][1])]


def test_the_labels_are_the_velocity_of_the_cursor(reaching):
    path, _ = reaching
    labels = read_recording(path).labels

    seconds = labels.stamps - 70.0
    expected = np.pi * np.stack([50 * np.cos(np.pi * seconds), -30 * np.sin(np.pi * seconds)], 1)
    assert (labels.info.name, labels.info.units) == ("cursor_velocity", ("mm/s", "mm/s"))
    assert labels.info.sample_rate_hz == 250.0
    assert labels.values[1:-1] == pytest.approx(expected[1:-1], abs=0.05)


def test_position_finger_and_intention_can_be_labels(reaching):
    path, _ = reaching

    cursor = read_recording(path, Selection(labels="position")).labels
    assert cursor.values[0] == pytest.approx([0.0, 30.0])
    assert read_recording(path, Selection(labels="finger_pos")).labels.info.channels == 3
    wanted = read_recording(path, Selection(labels="intention")).labels
    assert np.hypot(*wanted.values[-1]) == pytest.approx(1.0)
    with pytest.raises(RecordingError, match=r"no labels 'force': name velocity, .*finger_pos"):
        read_recording(path, Selection(labels="force"))


def test_times_and_positions_that_differ_in_number_are_refused(reaching):
    path, _ = reaching
    with h5py.File(path, "r+") as file:
        del file["cursor_pos"]
        file["cursor_pos"] = np.zeros((2, 5))

    with pytest.raises(RecordingError, match="its cursor_pos has 5 rows of 2 for 1000 times"):
        read_recording(path)


@pytest.mark.parametrize("write", [write_binned_5, write_binned_73])
def test_binned_data_reads_in_both_versions_of_the_format(tmp_path, write):
    structure = binned_structure()
    path = tmp_path / "Spike_07-18-12.mat"
    write(path, structure)
    recording = read_recording(path)

    signal, labels = recording.signal, recording.labels
    assert signal.info.channel_names == ("ee1u1", "ee2u1", "ee10u2")
    assert signal.info.sample_rate_hz == 20.0
    assert np.array_equal(signal.values, np.round(structure["spikeratedata"] * 0.05))
    assert signal.stamps == pytest.approx(structure["timeframe"].ravel(), abs=1e-12)
    assert labels.info.channel_names == ("x_vel", "y_vel", "speed")
    assert np.array_equal(labels.values, structure["velocbin"].astype(np.float32))
    muscles = read_recording(path, Selection(labels="EMG")).labels
    assert muscles.info.channel_names == ("FCR", "ECRl")
    with pytest.raises(
        RecordingError, match=r"no labels 'force': name one of velocity, position, emg$"
    ):
        read_recording(path, Selection(labels="force"))


def test_rates_that_were_smoothed_are_not_rounded(tmp_path):
    structure = binned_structure()
    structure["spikeratedata"] = structure["spikeratedata"] + 0.5
    write_binned_5(tmp_path / "a.mat", structure)

    values = read_recording(tmp_path / "a.mat").signal.values
    assert values == pytest.approx(structure["spikeratedata"] * 0.05, rel=1e-6)


def test_without_velocity_the_position_is_the_label_and_without_it_none(tmp_path):
    structure = binned_structure()
    del structure["velocbin"]
    write_binned_5(tmp_path / "a.mat", structure)
    assert read_recording(tmp_path / "a.mat").labels.info.name == "position"

    del structure["cursorposbin"]
    write_binned_5(tmp_path / "b.mat", structure)
    assert read_recording(tmp_path / "b.mat").labels is None


def test_another_layout_is_refused_with_what_the_file_holds(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["neural"] = np.zeros(3)

    with pytest.raises(RecordingError, match=r"it holds neural: expected a structure binnedData"):
        read_recording(tmp_path / "a.mat")


def test_a_layout_is_known_by_what_is_in_it_where_the_suffix_says_nothing(tmp_path):
    write_reaching(tmp_path / "indy.h5")
    write_binned_5(tmp_path / "session.data", binned_structure())

    assert read_recording(tmp_path / "session.data").signal.info.name == "spikeratedata"
    assert read_recording(tmp_path / "indy.h5").signal.info.name == "spikes"
