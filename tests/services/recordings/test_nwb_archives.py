"""NWB files as public archives hold them: small ones of their layouts."""

import subprocess
import sys
import warnings

import numpy as np
import pynwb
import pytest
from pynwb.behavior import BehavioralTimeSeries, CompassDirection, Position, SpatialSeries
from pynwb.ecephys import LFP, ElectricalSeries
from pynwb.event import EventsTable
from pynwb.misc import AnnotationSeries

from eprop_rt.errors import RecordingError
from eprop_rt.series import StreamInfo
from eprop_rt_services.recordings import (
    Recording,
    Selection,
    Series,
    read_recording,
    write_recording,
)
from recording_files import add_units, channels_apart, nwb_file, save_nwb, write_falcon_m2

TRAINS = [np.array([0.1, 0.105, 1.0]), np.array([0.55, 3.99]), np.array([2.0])]


def series(name, axes=2, samples=400, **fields):
    data = np.tile(np.arange(samples, dtype=float)[:, None], (1, axes))
    return pynwb.TimeSeries(name=name, data=data, unit="m/s", rate=100.0, **fields)


def behavior(file, *interfaces):
    module = file.create_processing_module("behavior", "kinematics")
    for each in interfaces:
        module.add(each)
    return file


def spatial(name, axes=2, samples=400):
    """Return a position as the neural latents benchmark has them, at 1 kHz there."""
    data = np.tile(np.arange(samples, dtype=float)[:, None], (1, axes))
    stamps = np.arange(samples) / 100.0
    return SpatialSeries(name=name, data=data, timestamps=stamps, reference_frame="screen",
                         unit="mm", comments="columns=[x,y]")  # fmt: skip


def maze(tmp_path):
    """Write a file as MC_Maze is (DANDI 000128): the columns of its trials, some of lists."""
    file = nwb_file(session_id="full")
    file.add_unit_column("heldout", "whether it is held out")
    group = file.create_electrode_group("M1", "a", "M1", file.create_device("electrode_array_M1"))
    for _ in range(3):
        file.add_electrode(group=group, location="M1")
    for at, train in enumerate(TRAINS):
        file.add_unit(spike_times=train, id=100 + at, obs_intervals=[[0.0, 1.5], [2.0, 4.0]],
                      electrodes=[at], heldout=at == 2)  # fmt: skip
    hand_vel = pynwb.TimeSeries(
        name="hand_vel", data=np.ones((400, 2)), unit="mm/s", timestamps=np.arange(400) / 100.0
    )
    behavior(file, spatial("hand_pos"), hand_vel, spatial("eye_pos"), spatial("cursor_pos"))
    for name in ("target_on_time", "go_cue_time", "move_onset_time", "split", "success"):
        file.add_trial_column(name, "as it says")
    file.add_trial_column("target_pos", "of each target", index=True)
    file.add_trial_column("barrier_pos", "of each barrier", index=True)
    for start, targets, barriers in ((0.0, 1, 0), (2.0, 3, 9)):
        file.add_trial(
            start_time=start, stop_time=start + 1.5, target_on_time=start + 0.1,
            go_cue_time=start + 0.5, move_onset_time=start + 0.7, split="train", success=True,
            target_pos=np.ones((targets, 2), np.int16), barrier_pos=np.ones((barriers, 4), int),
        )  # fmt: skip
    return save_nwb(tmp_path / "sub-Jenkins_ses-full_desc-train_behavior+ecephys.nwb", file)


def test_the_maze_reads_with_its_trials_whatever_lists_its_table_has(tmp_path):
    trials = read_recording(maze(tmp_path)).trials

    assert trials.start_s.tolist() == [0.0, 2.0]
    assert trials.moves_s.tolist() == [0.5, 2.5]
    assert trials.block == ("", "")


def test_a_file_of_the_benchmark_without_behaviour_is_a_signal(tmp_path):
    file = nwb_file()  # as desc-test_ecephys of DANDI 000128 and 000129
    file.add_unit_column("heldout", "whether it is held out")
    for train in TRAINS:
        file.add_unit(spike_times=train, obs_intervals=[[0.0, 4.0]], heldout=False)
    file.add_trial_column("split", "of the benchmark")
    file.add_trial(start_time=0.0, stop_time=1.5, split="test")
    recording = read_recording(save_nwb(tmp_path / "a.nwb", file))

    assert recording.signal.values.sum(axis=0).tolist() == [3.0, 2.0, 1.0]
    assert recording.labels is None
    assert len(recording.trials.start_s) == 1


def test_random_targets_read_with_the_velocity_of_the_finger_and_tell_an_intention(tmp_path):
    file = nwb_file(session_id="20170202_02")  # MC_RTT, DANDI 000129
    add_units(file, TRAINS, observed=[[0.0, 4.0]])
    finger_vel = pynwb.TimeSeries(
        name="finger_vel", data=np.ones((400, 2)), unit="mm/s", timestamps=np.arange(400) / 100.0
    )
    target = spatial("target_pos")
    behavior(file, spatial("cursor_pos"), spatial("finger_pos", 3), finger_vel, target)
    file.add_trial_column("split", "of the benchmark")
    file.add_trial(start_time=0.0, stop_time=4.0, split="train")
    target.data[:] = [500.0, 0.0]
    path = save_nwb(tmp_path / "a.nwb", file)

    assert read_recording(path).labels.info.name == "finger_vel"
    meant = read_recording(path, Selection(labels="intention")).labels
    assert np.nanmax(np.linalg.norm(meant.values, axis=1)) == pytest.approx(1.0)


def test_columns_of_trials_that_hold_lists_mean_the_first_of_each(tmp_path):
    file = nwb_file()
    file.add_acquisition(series("binned_spikes"))
    file.add_trial_column("go_cue_time", "of each cue", index=True)
    file.add_trial_column("block", "and what is in it", index=2)
    for start, cues, block in (
        (0.0, [0.3, 0.9], [["calibration", "a"], ["b"]]), (1.0, [], [[]]), (2.0, [2.75], [["test"]])
    ):  # fmt: skip
        file.add_trial(start_time=start, stop_time=start + 1.0, go_cue_time=cues, block=block)
    path = save_nwb(tmp_path / "a.nwb", file)

    trials = read_recording(path).trials
    assert trials.moves_s.tolist() == [0.3, 1.0, 2.75]
    assert trials.block == ("calibration", "", "test")
    assert len(read_recording(path, Selection(block="test")).signal.stamps) == 100


def test_channels_that_are_series_of_one_interface_are_read_side_by_side(tmp_path):
    counts, velocity = write_falcon_m2(tmp_path / "m2.nwb", channels=5)
    recording = read_recording(
        tmp_path / "m2.nwb", Selection(labels="finger_vel", spike_bin_s=0.02)
    )
    assert np.array_equal(recording.signal.values[: len(counts)], counts)
    assert recording.labels.info.channel_names == ("index", "mrs")
    assert recording.labels.info.units == ("AU", "AU")
    assert recording.labels.values == pytest.approx(velocity, abs=1e-6)
    one = read_recording(tmp_path / "m2.nwb", Selection(labels="finger_vel/mrs")).labels
    assert one.values[:, 0] == pytest.approx(velocity[:, 1], abs=1e-6)

    file, draw = nwb_file(), np.random.default_rng(1)  # M1, DANDI 000941: muscles as they come
    add_units(file, TRAINS, observed=[[0.0, 4.0]])
    muscles, values = ("TCPlat", "APL", "BCPs"), draw.random((200, 3))
    stamps = np.arange(200) / 50.0
    file.add_acquisition(channels_apart("preprocessed_emg", muscles, values, stamps, "V"))
    file.add_trial_column("gocue_time", "timing of go cue")
    file.add_trial(start_time=0.0, stop_time=4.0, gocue_time=1.0)
    recording = read_recording(
        save_nwb(tmp_path / "m1.nwb", file), Selection(labels="preprocessed_emg")
    )
    assert recording.labels.info.channel_names == ("APL", "BCPs", "TCPlat")  # as h5py lists them
    assert recording.labels.values == pytest.approx(values[:, [1, 2, 0]], abs=1e-6)
    assert recording.trials.moves_s.tolist() == [1.0]


def test_channels_of_other_stamps_are_not_put_side_by_side(tmp_path):
    file = nwb_file()
    add_units(file, TRAINS)
    apart = BehavioralTimeSeries(name="emg")
    for at, name in enumerate(("a", "b")):
        apart.create_timeseries(
            name=name, data=np.ones(9), unit="V", timestamps=np.arange(9) + 0.1 * at
        )
    behavior(file, apart)
    path = save_nwb(tmp_path / "a.nwb", file)

    with pytest.raises(RecordingError, match=r"channels of emg have stamps of their own"):
        read_recording(path, Selection(labels="emg"))


def test_an_interval_that_a_file_gives_for_a_rate_is_taken_for_one(tmp_path, caplog):
    file = nwb_file()  # H1, DANDI 000954: 50 Hz
    rng = np.random.default_rng(2)
    add_units(file, [np.sort(rng.uniform(0.0, 60.0, 300)) for _ in range(4)])
    kinematics = rng.normal(size=(3000, 7))
    for name, data in (
        ("OpenLoopKinematics", kinematics), ("OpenLoopKinematicsVelocity", kinematics),
        ("TrialNum", np.repeat(np.arange(3.0), 1000)), ("eval_mask", np.ones(3000, bool)),
    ):  # fmt: skip
        file.add_acquisition(
            pynwb.TimeSeries(name=name, data=data, unit="arbitrary", rate=0.02,
                             description="tx,ty,tz,rx,g1,g2,g3")
        )  # fmt: skip
    path = save_nwb(tmp_path / "a.nwb", file)

    labels = read_recording(path, Selection(labels="OpenLoopKinematicsVelocity")).labels
    assert labels.info.sample_rate_hz == 50.0
    assert labels.stamps == pytest.approx(np.arange(3000) * 0.02)
    assert "taken for their interval" in caplog.text


@pytest.mark.parametrize("late", [[7.0, 14.0], [0.0, 6.0, 12.0]], ids=str)
@pytest.mark.parametrize("announced_hz", [0.0, 1 / 7])
def test_slow_labels_of_ours_are_never_taken_for_fast_ones(tmp_path, caplog, late, announced_hz):
    """As an interval their rate would fit the .2 s of their session: it is not stated."""
    stamps = np.arange(5) * 0.045
    info = StreamInfo("binned_spikes", 1, 1 / 0.045)
    signal = Series(info, stamps, np.zeros((5, 1), np.float32))
    values = np.zeros((len(late), 1), np.float32)
    labels = Series(StreamInfo("hand_velocity", 1, announced_hz), np.array(late), values)
    write_recording(tmp_path / "a.nwb", Recording("a", signal, labels), "late labels")

    assert read_recording(tmp_path / "a.nwb").labels.stamps.tolist() == late
    assert "taken for their interval" not in caplog.text


EXTENSION = """
import sys
from datetime import datetime, timezone
from pathlib import Path
import numpy as np
import pynwb
from pynwb.spec import NWBAttributeSpec, NWBGroupSpec, NWBNamespaceBuilder, export_spec
folder, out = map(Path, sys.argv[1:])
builder = NWBNamespaceBuilder("a", "ndx-lab", version="0.1.0", author="b", contact="c")
builder.include_type("TimeSeries", namespace="core")
array = NWBGroupSpec(
    "counts of an array", neurodata_type_def="ArrayCounts", neurodata_type_inc="TimeSeries",
    attributes=[NWBAttributeSpec("array", "which", "text")],
)
export_spec(builder, [array], str(folder))
pynwb.load_namespaces(str(folder / "ndx-lab.namespace.yaml"))
ArrayCounts = pynwb.get_class("ArrayCounts", "ndx-lab")
file = pynwb.NWBFile("a test", "a-test", datetime(2026, 11, 22, tzinfo=timezone.utc))
file.add_acquisition(ArrayCounts(
    name="counts", data=np.ones((50, 3)), unit="count", rate=50.0, array="M1"
))
with pynwb.NWBHDF5IO(out, "w") as sink:
    sink.write(file)
"""


def test_a_type_that_only_the_file_knows_is_read(tmp_path, capfd):
    """As of an extension, whose namespace stands in the file: another process has written it."""
    path = tmp_path / "a.nwb"
    program = [sys.executable, "-W", "ignore", "-c", EXTENSION, str(tmp_path), str(path)]
    subprocess.run(program, check=True, capture_output=True, timeout=120)

    signal = read_recording(path).signal
    assert (signal.info.name, signal.values.shape) == ("counts", (50, 3))
    assert capfd.readouterr().err == ""


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
    position = read_recording(path, Selection(labels="position")).labels
    assert (position.info.name, position.info.channel_names) == ("hand_pos", ("x", "y"))
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
    file = nwb_file()
    add_units(file, TRAINS)
    with pytest.raises(RecordingError, match="its units name no electrodes"):
        read_recording(save_nwb(tmp_path / "b.nwb", file), Selection(spikes_by="channel"))


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
