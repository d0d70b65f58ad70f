"""XDF files: those of laboratories, and small ones written here."""

import logging
import sys

import numpy as np
import pytest
import pyxdf

import recordings_registry
from eprop_rt.errors import EpropError, RecordingError
from eprop_rt.series import StreamInfo
from eprop_rt_services.recordings import Selection, read_recording, xdf
from eprop_rt_services.recordings.xdf_chunks import Tag, encode_chunk, encode_length
from eprop_rt_services.recordings.xdf_writer import XdfWriter

XDF_NAMES = [name for name in recordings_registry.RECORDINGS if name.startswith("xdf_")]


def write(path, *streams):
    """Write streams given as (name, type, channels, rate, samples)."""
    with XdfWriter(path) as writer:
        for name, kind, channels, rate_hz, samples in streams:
            number = writer.add_stream(StreamInfo(name, channels, rate_hz), kind, f"{path}-{name}")
            stamps = np.arange(samples) / (rate_hz or 1.0)
            writer.write(number, stamps, np.full((samples, channels), number, dtype=np.float32))
    return path


@pytest.fixture(params=["at once", "a chunk at a time"])
def both_ways(request, monkeypatch):
    """Read files at once by pyxdf, then as those that are larger than memory."""
    if request.param == "a chunk at a time":
        monkeypatch.setattr(xdf, "IN_MEMORY_BYTES", 0)


@pytest.mark.parametrize("name", XDF_NAMES)
def test_whole_chunks_give_the_same_numbers_as_pyxdf_alone(name):
    path = recordings_registry.find(name)
    signal = read_recording(path).signal

    streams, _ = pyxdf.load_xdf(path, dejitter_timestamps=False)
    (alone,) = [stream for stream in streams if stream["info"]["name"][0] == signal.info.name]
    assert len(signal.stamps) > 0
    assert np.array_equal(signal.stamps, alone["time_stamps"])
    assert np.array_equal(signal.values, alone["time_series"].astype(np.float32))


@pytest.mark.parametrize(
    ("name", "samples", "duration_s"),
    [("xdf_emg/three_machines", 77200, 308.55), ("xdf_emg/ayush", 85690, 342.56)],
)
def test_muscle_recordings_read_on_the_recorders_clock(name, samples, duration_s):
    recording = read_recording(recordings_registry.find(name))

    assert recording.signal.info.name == "obci_eeg1"
    assert recording.signal.info.sample_rate_hz == 250.0
    assert recording.signal.values.shape == (samples, 8)
    assert recording.signal.values.std() > 1.0
    assert recording.duration_s == pytest.approx(duration_s, abs=0.01)
    assert recording.labels is None


def test_streams_of_three_machines_are_aligned_to_5_ms(both_ways):
    """By what the recorder measured around each stamp: the median of five, as some are late."""
    path = recordings_registry.find("xdf_emg/three_machines")
    recording = read_recording(path)

    raw, _ = pyxdf.load_xdf(path, synchronize_clocks=False, dejitter_timestamps=False)
    by_type = {stream["info"]["type"][0]: stream for stream in raw}
    starts = {kind: stream["time_stamps"][0] for kind, stream in by_type.items()}
    assert abs(starts["EEG"] - starts["Markers"]) > 800  # before
    for kind, stamps in (("EEG", recording.signal.stamps), ("Markers", recording.markers.stamps)):
        stream = by_type[kind]
        around = np.lib.stride_tricks.sliding_window_view(np.array(stream["clock_values"]), 5)
        measured = np.interp(
            stream["time_stamps"], stream["clock_times"][2:-2], np.median(around, axis=1)
        )
        aligned = stream["time_stamps"] + measured
        aligned = aligned if kind == "EEG" else np.sort(aligned)
        assert np.abs(stamps - aligned).max() < 0.005


def test_stamps_are_kept_as_they_were_recorded():
    stamps = read_recording(recordings_registry.find("xdf_emg/three_machines")).signal.stamps

    assert np.count_nonzero(np.diff(stamps) < 0) == 1449


def test_a_clock_that_is_reset_within_the_file_goes_on_forwards():
    signal = read_recording(recordings_registry.find("xdf_edge/clock_resets")).signal

    assert signal.values.shape == (27815, 8)
    assert np.all(np.diff(signal.stamps) > 0)


def test_clock_offsets_are_added_to_the_stamps():
    signal = read_recording(recordings_registry.find("xdf_edge/minimal")).signal

    assert signal.stamps == pytest.approx(np.arange(5.1, 5.95, 0.1) - 0.1, abs=1e-9)
    assert signal.values[0].tolist() == [192.0, 255.0, 238.0]


def test_empty_streams_are_passed_over():
    recording = read_recording(recordings_registry.find("xdf_edge/empty_streams"))

    assert recording.signal.info.name == "Data stream: test stream 0 counter"
    assert recording.signal.info.channel_names == ("ch:00",)
    assert len(recording.signal.stamps) == 10


def test_among_streams_of_one_type_the_one_with_samples_is_meant():
    path = recordings_registry.find("xdf_edge/empty_streams")

    assert len(read_recording(path, Selection(signal="DATA")).signal.stamps) == 10


def test_an_empty_stream_that_is_asked_for_is_an_error():
    path = recordings_registry.find("xdf_edge/empty_streams")

    with pytest.raises(RecordingError, match=r"signal '#3' is empty"):
        read_recording(path, Selection(signal="#3"))


def test_a_file_without_footer_reads_to_its_last_whole_chunk():
    recording = read_recording(recordings_registry.find("xdf_edge/truncated_no_footer"))

    assert recording.signal.values.shape == (2760, 16)


def test_lost_samples_leave_gaps_in_the_stamps():
    signal = read_recording(recordings_registry.find("xdf_edge/lossy_51Hz_of_125Hz")).signal

    assert signal.info.sample_rate_hz == 125.0
    assert len(signal.stamps) / np.ptp(signal.stamps) == pytest.approx(50.07, abs=0.05)


def test_text_is_no_label_and_says_where_it_is_read():
    path = recordings_registry.find("xdf_emg/ayush")

    with pytest.raises(
        RecordingError, match=r"'mymarkerstream' is text, stream #2 .*recording.markers"
    ):
        read_recording(path, Selection(labels="mymarkerstream"))


def test_a_stream_that_is_not_there_is_an_error_that_names_what_is():
    path = recordings_registry.find("xdf_edge/minimal")

    with pytest.raises(RecordingError, match=r"no signal 'ecg'.*#0 'SendDataC' \(type EEG"):
        read_recording(path, Selection(signal="ecg"))


def test_warnings_of_pyxdf_become_information(caplog):
    path = recordings_registry.find("xdf_edge/clock_resets")
    with caplog.at_level(logging.INFO):
        pyxdf.load_xdf(path, dejitter_timestamps=False)
        warned = [each for each in caplog.records if each.levelno == logging.WARNING]
        caplog.clear()
        read_recording(path)

    assert warned
    assert all(record.levelno == logging.INFO for record in caplog.records)
    assert [each.getMessage() for each in warned] == [
        record.getMessage().removeprefix("pyxdf: ") for record in caplog.records
    ]


def test_the_signal_is_electrophysiology_before_the_larger_stream(tmp_path):
    path = write(
        tmp_path / "a.xdf",
        ("camera", "Mocap", 60, 100.0, 50),
        ("one", "EMG", 8, 100.0, 20),
        ("two", "emg", 8, 100.0, 30),
    )

    assert read_recording(path).signal.info.name == "two"


def test_the_signal_is_a_regular_stream_before_a_larger_irregular_one(tmp_path):
    path = write(
        tmp_path / "a.xdf", ("events", "Data", 50, 0.0, 100), ("bins", "Data", 4, 50.0, 100)
    )

    assert read_recording(path).signal.info.name == "bins"
    chosen = read_recording(path, Selection(signal="events")).signal
    assert chosen.info.sample_rate_hz == 0.0


def test_labels_are_found_by_type_before_name(tmp_path):
    path = write(
        tmp_path / "a.xdf",
        ("hand_velocity", "Mocap", 2, 50.0, 10),
        ("target", "Kinematics", 2, 50.0, 10),
        ("bins", "Data", 40, 50.0, 10),
    )

    recording = read_recording(path)
    assert recording.signal.info.name == "bins"
    assert recording.labels.info.name == "target"


def test_labels_are_found_by_their_name(tmp_path):
    path = write(
        tmp_path / "a.xdf", ("Hand_Velocity", "x", 9, 50.0, 10), ("bins", "Data", 4, 50.0, 10)
    )

    recording = read_recording(path)
    assert (recording.signal.info.name, recording.labels.info.name) == ("bins", "Hand_Velocity")
    assert read_recording(path, Selection(labels="none")).labels is None


def test_a_named_signal_is_not_also_the_default_label(tmp_path):
    path = write(
        tmp_path / "a.xdf", ("a_velocity", "x", 2, 50.0, 10), ("b_velocity", "x", 2, 50.0, 10)
    )

    assert read_recording(path).labels is None  # two would do: none is guessed
    recording = read_recording(path, Selection(signal="a_velocity"))
    assert recording.labels.info.name == "b_velocity"


def test_namesakes_are_told_apart_by_number(tmp_path):
    path = write(tmp_path / "a.xdf", ("amp", "EEG", 2, 50.0, 10), ("amp", "EEG", 2, 50.0, 10))

    with pytest.raises(RecordingError, match=r"any of #1 'amp'.*#2 'amp'"):
        read_recording(path, Selection(signal="amp"))
    assert read_recording(path, Selection(signal="#2")).signal.values[0, 0] == 2.0


def test_a_stream_that_lasts_no_time_reads(tmp_path):
    path = tmp_path / "a.xdf"
    with XdfWriter(path) as writer:
        number = writer.add_stream(StreamInfo("amp", 1, 50.0), "EEG", "s")
        writer.write(number, np.full(2, 7.0), np.ones((2, 1), dtype=np.float32))

    assert read_recording(path).duration_s == pytest.approx(0.02)


def test_only_labels_are_no_recording(tmp_path):
    path = write(tmp_path / "a.xdf", ("hand", "Kinematics", 2, 50.0, 10))

    with pytest.raises(RecordingError, match="no signal: expected a numeric stream"):
        read_recording(path)


def test_without_pyxdf_the_error_says_what_to_install(tmp_path, monkeypatch):
    path = write(tmp_path / "a.xdf", ("amp", "EEG", 2, 50.0, 10))
    monkeypatch.setitem(sys.modules, "pyxdf", None)

    with pytest.raises(EpropError, match=r"pyxdf.*pip install eprop-rt\[recordings\]"):
        read_recording(path)


def test_text_streams_are_markers_on_the_clock_of_the_signal():
    path = recordings_registry.find("xdf_emg/three_machines")
    recording = read_recording(path)

    streams, _ = pyxdf.load_xdf(path, dejitter_timestamps=False)
    (alone,) = [stream for stream in streams if stream["info"]["type"][0] == "Markers"]
    order = np.argsort(alone["time_stamps"], kind="stable")
    assert recording.markers.texts == tuple(alone["time_series"][at][0] for at in order)
    assert np.array_equal(recording.markers.stamps, alone["time_stamps"][order])
    assert len(recording.markers.texts) == 216


def test_markers_of_two_streams_come_in_order_of_time_and_one_can_be_named(tmp_path):
    path = tmp_path / "a.xdf"
    with XdfWriter(path) as writer:
        amp = writer.add_stream(StreamInfo("amp", 1, 10.0), "EEG", "s")
        writer.write(amp, np.arange(10) / 10, np.ones((10, 1), np.float32))
        cues = writer.add_stream(StreamInfo("cues", 1, 0.0), "Markers", "c", "string")
        keys = writer.add_stream(StreamInfo("keys", 2, 0.0), "Markers", "k", "string")
        writer.write(cues, np.array([0.1, 0.5]), [["go"], ["stop"]])
        writer.write(keys, np.array([0.3, np.nan]), [["a", "down"], ["lost", ""]])

    both = read_recording(path).markers
    assert both.texts == ("go", "a down", "stop")
    assert both.stamps.tolist() == [0.1, 0.3, 0.5]
    assert read_recording(path, Selection(markers="KEYS")).markers.texts == ("a down",)
    assert read_recording(path, Selection(markers="none")).markers is None
    with pytest.raises(RecordingError, match=r"no markers 'taps'.*#2 'cues'"):
        read_recording(path, Selection(markers="taps"))


def marked(path, kind="Markers"):
    """Write a signal, and int32 markers beside it."""
    with XdfWriter(path) as writer:
        amp = writer.add_stream(StreamInfo("amp", 1, 10.0), "EEG", "s")
        writer.write(amp, np.arange(20) / 10, np.ones((20, 1), np.float32))
        codes = writer.add_stream(StreamInfo("codes", 1, 0.0), kind, "c", "int32")
        values = np.array([[1], [2000000], [3]], np.int32)
        writer.write(codes, np.array([0.2, 1.0, np.nan]), values)
    return path


def test_markers_that_are_numbers_are_texts_as_they_were_live(both_ways, tmp_path):
    recording = read_recording(marked(tmp_path / "a.xdf"))
    assert recording.markers.texts == ("1", "2000000")
    assert recording.markers.stamps.tolist() == [0.2, 1.0]
    assert recording.signal.info.name == "amp"

    by_name = read_recording(marked(tmp_path / "b.xdf", "Codes"), Selection(markers="codes"))
    assert by_name.markers.texts == ("1", "2000000")
    assert read_recording(tmp_path / "b.xdf").markers is None
    as_labels = read_recording(tmp_path / "a.xdf", Selection(labels="codes"))
    assert (as_labels.labels.info.name, as_labels.markers) == ("codes", None)


def test_a_chunk_without_a_sample_is_no_damage(both_ways, tmp_path, caplog):
    path = tmp_path / "a.xdf"
    with XdfWriter(path) as writer:
        amp = writer.add_stream(StreamInfo("amp", 1, 10.0), "EEG", "s")
        cues = writer.add_stream(StreamInfo("cues", 1, 0.0), "Markers", "c", "string")
        writer.write(cues, np.array([0.1]), [["go"]])
        for number in (cues, amp):
            writer._append(encode_chunk(Tag.SAMPLES, encode_length(0), number))
        writer.write(amp, np.arange(20) / 10, np.ones((20, 1), np.float32))
        writer.write(cues, np.array([1.1]), [["stop"]])

    recording = read_recording(path)
    assert len(recording.signal.stamps) == 20
    assert recording.markers.texts == ("go", "stop")
    assert "damaged" not in caplog.text


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -1e300])
def test_a_clock_offset_that_is_no_time_is_left_out(both_ways, tmp_path, capfd, wrong):
    path = tmp_path / "a.xdf"
    with XdfWriter(path) as writer:
        amp = writer.add_stream(StreamInfo("amp", 1, 10.0), "EEG", "s")
        writer.write(amp, np.arange(200) / 10, np.ones((200, 1), np.float32))
        for at in range(5):
            writer.write_clock_offset(amp, 4.0 * at, 100.0)
            writer.write_clock_offset(amp, 4.0 * at + 1, wrong)
            writer.write_clock_offset(amp, wrong, 100.0)

    stamps = read_recording(path).signal.stamps
    assert stamps == pytest.approx(100 + np.arange(200) / 10, abs=1e-6)
    assert capfd.readouterr().err == ""


def test_one_clock_offset_moves_all_stamps_by_it(both_ways, tmp_path):
    with XdfWriter(tmp_path / "a.xdf") as writer:
        amp = writer.add_stream(StreamInfo("amp", 1, 10.0), "EEG", "s")
        writer.write(amp, np.arange(20) / 10, np.ones((20, 1), np.float32))
        writer.write_clock_offset(amp, 1.0, 7.0)

    stamps = read_recording(tmp_path / "a.xdf").signal.stamps
    assert stamps == pytest.approx(7 + np.arange(20) / 10)


@pytest.mark.parametrize("name", [b"<name></name>", b""])
def test_a_stream_without_a_name_is_read(both_ways, tmp_path, name):
    path = write(tmp_path / "a.xdf", ("amp", "EEG", 2, 50.0, 10), ("hand", "Mocap", 2, 50.0, 10))
    data = path.read_bytes()
    at = data.index(b"<name>amp</name>")
    padded = name.ljust(len(b"<name>amp</name>"))
    path.write_bytes(data[:at] + padded + data[at + len(padded) :])

    recording = read_recording(path)
    assert recording.signal.info.name == "unnamed"
    assert len(recording.signal.stamps) == 10
    assert read_recording(path, Selection(signal="hand")).signal.values[0, 0] == 2.0
