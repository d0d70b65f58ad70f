"""NWB files as public archives hold them: small ones of their layouts."""

import warnings

import numpy as np
import pynwb
import pytest
from pynwb.behavior import BehavioralTimeSeries, CompassDirection, Position, SpatialSeries
from pynwb.ecephys import LFP, ElectricalSeries
from pynwb.event import EventsTable
from pynwb.misc import AnnotationSeries

from eprop_rt.errors import RecordingError
from eprop_rt_services.recordings import Selection, read_recording
from recording_files import add_units, nwb_file, save_nwb

TRAINS = [np.array([0.1, 0.105, 1.0]), np.array([0.55, 3.99]), np.array([2.0])]


def series(name, axes=2, samples=400, **fields):
    data = np.tile(np.arange(samples, dtype=float)[:, None], (1, axes))
    return pynwb.TimeSeries(name=name, data=data, unit="m/s", rate=100.0, **fields)


def behavior(file, *interfaces):
    module = file.create_processing_module("behavior", "kinematics")
    for each in interfaces:
        module.add(each)
    return file


def maze(tmp_path):
    """Write a file as the neural latents benchmark has them (DANDI 000128, 000129, 000127)."""
    file = nwb_file()
    add_units(file, TRAINS, observed=[[0.0, 1.5], [2.0, 4.0]])
    behavior(file, series("hand_pos"), series("hand_vel"), series("eye_pos"), series("cursor_pos"))
    file.add_trial_column("move_onset_time", "when the hand left")
    file.add_trial(start_time=0.0, stop_time=1.5, move_onset_time=0.4)
    return save_nwb(tmp_path / "sub-Jenkins_ses-small.nwb", file)


def test_spike_times_of_units_are_counted_where_they_were_looked_for(tmp_path):
    signal = read_recording(maze(tmp_path)).signal

    assert signal.info.channel_names == ("unit 100", "unit 101", "unit 102")
    assert (signal.info.name, signal.info.sample_rate_hz) == ("units", 100.0)
    assert len(signal.stamps) == 350
    assert not np.any((signal.stamps > 1.495) & (signal.stamps < 1.995))
    assert signal.values.sum(axis=0).tolist() == [3.0, 2.0, 1.0]
    assert signal.values[10].tolist() == [2.0, 0.0, 0.0]
    assert signal.stamps[10] == pytest.approx(0.1)


def test_the_resolution_is_chosen(tmp_path):
    signal = read_recording(maze(tmp_path), Selection(spike_bin_s=0.5, signal="units")).signal

    assert signal.values[:, 0].tolist() == [2.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0][:7]
    assert signal.info.sample_rate_hz == 2.0


def test_velocity_of_the_hand_is_found_by_a_word_of_its_name(tmp_path):
    path = maze(tmp_path)

    assert read_recording(path).labels.info.name == "hand_vel"
    assert read_recording(path, Selection(labels="position")).labels.info.name == "hand_pos"
    assert read_recording(path, Selection(labels="cursor_pos")).labels.info.name == "cursor_pos"
    with pytest.raises(RecordingError, match=r"no labels 'force'.*cursor_pos, eye_pos, hand_pos"):
        read_recording(path, Selection(labels="force"))


def test_units_of_one_electrode_are_counted_together(tmp_path):
    file = nwb_file()
    add_units(file, TRAINS, electrodes=[1, 0, 1])
    path = save_nwb(tmp_path / "a.nwb", file)

    signal = read_recording(path, Selection(spikes_by="channel")).signal
    assert signal.info.channel_names == ("electrode 1", "electrode 0")
    assert signal.values.sum(axis=0).tolist() == [4.0, 2.0]
    with pytest.raises(RecordingError, match="its units name no electrodes"):
        read_recording(maze(tmp_path), Selection(spikes_by="channel"))


def test_several_spatial_series_are_told_apart_by_name(tmp_path):
    file = nwb_file()  # as in DANDI 000070 and 000121
    add_units(file, TRAINS)
    parts = [SpatialSeries(name=name, data=np.ones((400, 2)), rate=100.0, reference_frame="screen")
             for name in ("Cursor", "Eye", "Hand")]  # fmt: skip
    behavior(file, Position(spatial_series=parts))
    path = save_nwb(tmp_path / "a.nwb", file)

    with pytest.raises(RecordingError, match=r"any of .*Position/Hand.*: name one"):
        read_recording(path)
    assert read_recording(path, Selection(labels="Hand")).labels.info.name == "Hand"
    assert read_recording(path, Selection(labels="position/eye")).labels.info.name == "Eye"


def test_a_heading_is_read_by_name_and_two_velocities_of_no_limb_are_not_guessed(tmp_path):
    file = nwb_file()
    add_units(file, TRAINS)
    heading = SpatialSeries(name="heading", data=np.ones(400), rate=100.0)
    both = BehavioralTimeSeries(
        name="joints", time_series=[series("joint_vel", 7), series("muscle_vel", 39)]
    )
    behavior(file, CompassDirection(spatial_series=heading), both)
    path = save_nwb(tmp_path / "a.nwb", file)

    heading = read_recording(path, Selection(labels="CompassDirection")).labels
    assert (heading.info.name, heading.info.channels) == ("heading", 1)
    with pytest.raises(RecordingError, match=r"any of joints/joint_vel, joints/muscle_vel"):
        read_recording(path)


def test_a_raw_electrical_series_is_the_signal_in_volts_where_nothing_was_sorted(tmp_path):
    file = nwb_file()
    group = file.create_electrode_group("M1", "a", "M1", file.create_device("array"))
    for _ in range(2):
        file.add_electrode(group=group, location="M1")
    region = file.create_electrode_table_region([0, 1], "all")
    raw = np.arange(60, dtype=np.int16).reshape(30, 2)
    file.add_acquisition(
        ElectricalSeries(name="raw", data=raw, electrodes=region, rate=30000.0, conversion=1e-6)
    )
    file.add_acquisition(series("sync", 1))
    lfp = ElectricalSeries(name="lfp", data=raw[:10] * 1.0, electrodes=region, rate=1000.0)
    file.create_processing_module("ecephys", "x").add(LFP(electrical_series=lfp))
    path = save_nwb(tmp_path / "a.nwb", file)

    signal = read_recording(path).signal
    assert (signal.info.name, signal.info.units) == ("raw", ("volts", "volts"))
    assert signal.values == pytest.approx(raw * 1e-6)
    assert read_recording(path, Selection(signal="LFP")).signal.values.shape == (10, 2)


def test_kinematics_among_what_was_acquired_are_labels_by_name(tmp_path):
    file = nwb_file()  # as in DANDI 001201 and the sets of FALCON
    add_units(file, TRAINS)
    file.add_acquisition(series("index_velocity", 1))
    file.add_acquisition(series("eval_mask", 1))
    path = save_nwb(tmp_path / "a.nwb", file)

    assert read_recording(path).labels is None
    recording = read_recording(path, Selection(labels="index_velocity"))
    assert recording.labels.info.name == "index_velocity"
    assert recording.signal.info.name == "units"


def test_annotations_and_events_are_markers_and_no_signal(tmp_path):
    file = nwb_file()
    file.add_acquisition(series("binned_spikes"))
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # older files have them
        said = AnnotationSeries(name="cues", data=["go", "stop"], timestamps=[2.0, 1.0])
    file.add_acquisition(said)
    keys = EventsTable(name="keys", description="pressed")
    keys.add_event(timestamp=1.5, annotation="left")
    file.add_events_table(keys)
    path = save_nwb(tmp_path / "a.nwb", file)

    markers = read_recording(path).markers
    assert markers.texts == ("stop", "left", "go")
    assert markers.stamps.tolist() == [1.0, 1.5, 2.0]
    assert read_recording(path, Selection(markers="Keys")).markers.texts == ("left",)
    with pytest.raises(RecordingError, match=r"no markers 'x': name .* of cues, keys"):
        read_recording(path, Selection(markers="x"))


def test_a_file_without_signal_or_kinematics_has_its_line(tmp_path):
    path = save_nwb(tmp_path / "a.nwb", nwb_file())

    with pytest.raises(RecordingError, match="no signal: expected a time series in acquisition"):
        read_recording(path)
    file = nwb_file()
    file.add_unit_column("quality", "x")
    add_units(file, [])
    file.add_unit(spike_times=np.empty(0), quality="good")
    with pytest.raises(RecordingError, match="no spike at all"):
        read_recording(save_nwb(tmp_path / "b.nwb", file))
