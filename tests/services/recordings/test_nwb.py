"""NWB files: those of laboratories, and small ones that pynwb writes here."""

import sys
from datetime import UTC, datetime

import h5py
import numpy as np
import pynwb
import pytest
from pynwb.behavior import BehavioralTimeSeries, Position, SpatialSeries

import recordings_registry
from eprop_rt.errors import EpropError, RecordingError
from eprop_rt_services.recordings import Selection, read_recording

SPIKE_WF_DAYS = [name for name in recordings_registry.RECORDINGS if name.startswith("spike_wf/")]


def write(path, acquisition=(), behavior=()):
    file = pynwb.NWBFile("a test", "a-test", datetime(2026, 11, 22, tzinfo=UTC))
    for series in acquisition:
        file.add_acquisition(series)
    if behavior:
        module = file.create_processing_module("behavior", "labels")
        for interface in behavior:
            module.add(interface)
    with pynwb.NWBHDF5IO(path, mode="w") as sink:
        sink.write(file)
    return path


def counts(name="binned_spikes", samples=20, **fields):
    data = np.arange(samples * 3, dtype=np.uint8).reshape(samples, 3)
    fields = {"rate": 10.0, "unit": "count", "data": data, **fields}
    return pynwb.TimeSeries(name=name, **fields)


def test_contdata95_reads_with_its_velocity_as_labels():
    recording = read_recording(recordings_registry.find("contdata95"))

    signal, labels = recording.signal, recording.labels
    assert recording.name == "contdata95"
    assert signal.values.shape == (31413, 95)
    assert (signal.info.sample_rate_hz, signal.info.units[0]) == (10.0, "count")
    assert signal.info.channel_names[:2] == ("ch0", "ch1")
    assert signal.values.sum() > 1_000_000  # counts, and not an empty array of the right shape
    assert np.array_equal(signal.stamps, np.arange(31413) / 10.0)
    assert recording.duration_s == pytest.approx(3141.3)
    assert (labels.info.name, labels.info.units) == ("hand_velocity", ("mm/s", "mm/s"))
    assert labels.values.shape == (31413, 2)


@pytest.mark.parametrize("name", SPIKE_WF_DAYS)
def test_every_day_of_spike_wf_reads_with_named_muscles(name):
    recording = read_recording(recordings_registry.find(name), Selection(labels="EMG"))

    muscles = recording.labels.info.channel_names
    assert recording.signal.info.channels == 96
    assert recording.signal.info.sample_rate_hz == 20.0
    assert 14 <= len(muscles) == recording.labels.info.channels <= 16
    assert {"FDS", "ECRl"} <= set(muscles)


def test_the_file_gives_the_same_numbers_as_h5py():
    path = recordings_registry.find("spike_wf/2012-07-18")
    recording = read_recording(path, Selection(labels="position"))

    with h5py.File(path) as file:
        counted = file["acquisition/binned_spikes/data"][:]
        position = file["processing/behavior/Position/cursor_position/data"][:]
    assert np.array_equal(recording.signal.values, counted.astype(np.float32))
    assert np.array_equal(recording.labels.values, position)


def test_stabilizedbci_reads_what_is_asked_for_by_name():
    path = recordings_registry.find("stabilizedbci_20160325")
    recording = read_recording(
        path, Selection(signal="decoder_input", labels="target/target_position")
    )

    assert recording.signal.info.name == "decoder_input"
    assert recording.labels.info.name == "target_position"
    assert recording.signal.stamps[1] == pytest.approx(0.045, abs=1e-12)
    assert recording.duration_s == pytest.approx(38015 * 0.045)


@pytest.mark.parametrize("name", ["Velocity", "velocity", "HAND_VELOCITY", "behavior/velocity/"])
def test_labels_are_found_by_interface_or_series_in_any_case(name):
    name = name + "hand_velocity" if name.endswith("/") else name
    path = recordings_registry.find("contdata95")

    assert read_recording(path, Selection(labels=name)).labels.info.name == "hand_velocity"


def test_the_word_none_means_no_labels():
    path = recordings_registry.find("contdata95")

    assert read_recording(path, Selection(labels="none")).labels is None


def test_a_label_that_is_not_there_is_an_error_that_names_what_is():
    path = recordings_registry.find("contdata95")

    with pytest.raises(RecordingError, match=r"no labels 'force'.*Velocity/hand_velocity"):
        read_recording(path, Selection(labels="force"))


def test_position_stands_in_where_there_is_no_velocity(tmp_path):
    hand = SpatialSeries(name="hand", data=np.ones((20, 2)), unit="mm", rate=10.0)
    path = write(tmp_path / "a.nwb", [counts()], [Position(spatial_series=hand)])

    assert read_recording(path).labels.info.name == "hand"


def test_without_velocity_or_position_there_are_no_labels(tmp_path):
    path = write(tmp_path / "a.nwb", [counts()])

    assert read_recording(path).labels is None


def test_a_series_standing_bare_in_a_module_is_a_label(tmp_path):
    path = write(tmp_path / "a.nwb", [counts()], [counts("velocity", unit="mm/s")])

    assert read_recording(path).labels.info.units == ("mm/s",) * 3


def test_two_series_in_one_interface_must_be_told_apart(tmp_path):
    both = BehavioralTimeSeries(name="Velocity", time_series=[counts("hand"), counts("cursor")])
    path = write(tmp_path / "a.nwb", [counts()], [both])

    with pytest.raises(RecordingError, match=r"any of Velocity/cursor, Velocity/hand: name one"):
        read_recording(path)
    selected = read_recording(path, Selection(labels="Velocity/cursor"))
    assert selected.labels.info.name == "cursor"


def test_the_only_series_of_acquisition_is_the_signal(tmp_path):
    path = write(tmp_path / "a.nwb", [counts("threshold_crossings")])

    assert read_recording(path).signal.info.name == "threshold_crossings"


def test_several_series_in_acquisition_need_a_name(tmp_path):
    path = write(tmp_path / "a.nwb", [counts("left"), counts("right")])

    with pytest.raises(RecordingError, match=r"left, right.*name one"):
        read_recording(path)
    assert read_recording(path, Selection(signal="RIGHT")).signal.info.name == "right"


def test_a_file_without_acquisition_has_no_usable_signal(tmp_path):
    path = write(tmp_path / "a.nwb", [], [counts("velocity")])

    with pytest.raises(RecordingError, match="no signal: expected a time series in acquisition"):
        read_recording(path)


def test_conversion_and_offset_give_values_in_the_unit(tmp_path):
    path = write(tmp_path / "a.nwb", [counts(conversion=0.5, offset=-3.0)])

    signal = read_recording(path).signal
    expected = np.arange(60, dtype=np.float64).reshape(20, 3) * 0.5 - 3.0
    assert np.array_equal(signal.values, expected.astype(np.float32))


def test_electrodes_name_the_channels_and_scale_each_its_own_way(tmp_path):
    file = pynwb.NWBFile("a test", "a-test", datetime(2026, 11, 22, tzinfo=UTC))
    device = file.create_device(name="array")
    group = file.create_electrode_group("m1", description="d", location="M1", device=device)
    file.add_electrode_column("channel_name", "as the amplifier calls it")
    for name in ("unused", "elec1", "elec2"):
        file.add_electrode(group=group, location="M1", channel_name=name)
    series = pynwb.ecephys.ElectricalSeries(
        name="broadband",
        data=np.ones((5, 2), dtype=np.int16),
        electrodes=file.create_electrode_table_region([1, 2], "those in use"),
        channel_conversion=[1.0, 3.0],
        conversion=2.0,
        offset=0.5,
        rate=30000.0,
    )
    file.add_acquisition(series)
    path = tmp_path / "a.nwb"
    with pynwb.NWBHDF5IO(path, mode="w") as sink:
        sink.write(file)

    signal = read_recording(path).signal
    assert signal.info.channel_names == ("elec1", "elec2")
    assert signal.info.units == ("volts", "volts")
    assert np.array_equal(signal.values, np.tile(np.float32([2.5, 6.5]), (5, 1)))


def test_a_series_of_one_column_has_one_channel(tmp_path):
    path = write(tmp_path / "a.nwb", [counts(data=np.arange(20.0), starting_time=7.0)])

    signal = read_recording(path).signal
    assert signal.values.shape == (20, 1)
    assert np.array_equal(signal.stamps, 7.0 + np.arange(20) / 10.0)


def test_explicit_stamps_that_keep_a_rate_make_a_regular_series(tmp_path):
    stamps = 100.0 + np.arange(200) * 0.02
    stamps[150:] += 3.0  # a pause is no change of rate
    stamps += np.random.default_rng(1).uniform(-2e-4, 2e-4, 200)
    path = write(tmp_path / "a.nwb", [counts(samples=200, rate=None, timestamps=stamps)])

    signal = read_recording(path).signal
    assert signal.info.sample_rate_hz == pytest.approx(50.0, rel=0.01)
    assert np.array_equal(signal.stamps, stamps)


def test_explicit_stamps_without_a_rate_make_an_irregular_series(tmp_path):
    stamps = np.cumsum(np.random.default_rng(1).exponential(0.1, 200))
    path = write(tmp_path / "a.nwb", [counts(samples=200, rate=None, timestamps=stamps)])

    assert read_recording(path).signal.info.sample_rate_hz == 0.0


def test_fewer_stamps_than_samples_are_an_error(tmp_path):
    path = write(tmp_path / "a.nwb", [counts(rate=None, timestamps=np.arange(20.0))])
    with h5py.File(path, "r+") as file:
        group = file["acquisition/binned_spikes"]
        attributes = dict(group["timestamps"].attrs)
        del group["timestamps"]
        group["timestamps"] = np.arange(12.0)
        group["timestamps"].attrs.update(attributes)

    with pytest.raises(RecordingError, match=r"\(12,\) stamps and \(20, 3\) values"):
        read_recording(path)


def test_a_rate_of_zero_is_an_error(tmp_path):
    path = write(tmp_path / "a.nwb", [counts()])
    with h5py.File(path, "r+") as file:
        file["acquisition/binned_spikes/starting_time"].attrs["rate"] = 0.0

    with pytest.raises(RecordingError, match=r"rate of 0\.0 Hz; expected more than 0"):
        read_recording(path)


@pytest.mark.parametrize("data", [["go", "stop"], np.zeros((2, 3, 4))])
def test_what_is_not_a_row_of_numbers_a_sample_is_no_signal(tmp_path, data):
    path = write(tmp_path / "a.nwb", [counts("odd", data=data)])

    with pytest.raises(RecordingError, match=r"series odd holds .*expected numbers, one row a"):
        read_recording(path)


def test_without_pynwb_the_error_says_what_to_install(tmp_path, monkeypatch):
    path = write(tmp_path / "a.nwb", [counts()])
    monkeypatch.setitem(sys.modules, "pynwb", None)

    with pytest.raises(EpropError, match=r"pynwb.*pip install eprop-rt\[recordings\]"):
        read_recording(path)


def test_stamps_that_claim_more_than_the_file_holds_are_refused(tmp_path):
    path = write(tmp_path / "a.nwb", [counts(rate=None, timestamps=np.arange(20) / 10.0)])
    with h5py.File(path, "a") as file:
        series = file["acquisition/binned_spikes"]
        about = dict(series["timestamps"].attrs)
        del series["timestamps"]
        claims = series.create_dataset("timestamps", (1 << 36,), np.float64, chunks=(1 << 16,))
        claims.attrs.update(about)

    with pytest.raises(
        RecordingError, match=r"dataset of stamps of series binned_spikes claims 524288 MiB"
    ):
        read_recording(path)
