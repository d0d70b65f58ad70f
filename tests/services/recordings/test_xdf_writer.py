"""The growing XDF file, read back by pyxdf alone wherever it can be."""

from datetime import UTC, datetime

import numpy as np
import pytest
import pyxdf

from eprop_rt.errors import DataError, RecordingError
from eprop_rt.series import StreamInfo
from eprop_rt_services.recordings import read_recording
from eprop_rt_services.recordings.xdf_chunks import BOUNDARY_SIGNATURE
from eprop_rt_services.recordings.xdf_writer import XdfWriter
from small_disk import files_no_larger

ARRAY = StreamInfo("array", 3, 22.22222222222222, ("a", "b & <c>", "d"), ("uV", "uV", "mV"))
STAMPS = np.array([10.1, 10.2, 10.15, 11.0])
VALUES = np.array([[1, 2, 3], [4, np.nan, 6], [7, 8, -np.inf], [1e-40, 0, -0.0]], dtype=np.float32)


def test_pyxdf_reads_back_numbers_names_and_units(tmp_path, caplog):
    path = tmp_path / "a.xdf"
    with XdfWriter(path, "a test", datetime(2026, 11, 22, tzinfo=UTC)) as writer:
        single = writer.add_stream(ARRAY, "EEG", "serial 7")
        double = writer.add_stream(ARRAY, "EEG", "serial 8", "double64")
        writer.write(single, STAMPS, VALUES)
        writer.write(double, STAMPS, VALUES.astype(np.float64) + 1e-12)

    streams, header = pyxdf.load_xdf(path, dejitter_timestamps=False)
    first, second = streams
    assert header["info"]["datetime"] == ["2026-11-22T00:00:00+00:00"]
    assert header["info"]["description"] == ["a test"]
    assert first["time_series"].tobytes() == VALUES.tobytes()
    assert first["time_stamps"].tobytes() == STAMPS.tobytes()
    assert second["time_series"].dtype == np.float64
    assert np.array_equal(second["time_series"], VALUES.astype(np.float64) + 1e-12, equal_nan=True)
    assert float(first["info"]["nominal_srate"][0]) == ARRAY.sample_rate_hz
    assert first["info"]["source_id"] == ["serial 7"]
    channels = first["info"]["desc"][0]["channels"][0]["channel"]
    assert [each["label"][0] for each in channels] == list(ARRAY.channel_names)
    assert [each["unit"][0] for each in channels] == list(ARRAY.units)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_text_reads_back_in_any_script(tmp_path):
    path = tmp_path / "a.xdf"
    rows = [["go", ""], ["Größe Ω", "x" * 70_000]]
    with XdfWriter(path) as writer:
        events = writer.add_stream(StreamInfo("events", 2, 0.0), "Markers", "m", "string")
        writer.write(events, STAMPS[:2], rows)

    (stream,), _ = pyxdf.load_xdf(path)
    assert stream["time_series"] == rows
    assert stream["time_stamps"].tolist() == STAMPS[:2].tolist()


def test_footers_say_what_was_written(tmp_path):
    path = tmp_path / "a.xdf"
    with XdfWriter(path) as writer:
        number = writer.add_stream(ARRAY, "EEG", "s")
        writer.write(number, STAMPS[:3], VALUES[:3])
        writer.write_clock_offset(number, 10.3, -0.25)
        writer.write(number, STAMPS[3:], VALUES[3:])

    (stream,), _ = pyxdf.load_xdf(path)
    footer = stream["footer"]["info"]
    assert footer["sample_count"] == ["4"]
    assert [float(footer[f"{end}_timestamp"][0]) for end in ("first", "last")] == [10.1, 11.0]
    (offset,) = footer["clock_offsets"][0]["offset"]
    assert (float(offset["time"][0]), float(offset["value"][0])) == (10.3, -0.25)


def test_a_clock_offset_moves_the_stamps_of_its_stream_only(tmp_path):
    path = tmp_path / "a.xdf"
    with XdfWriter(path) as writer:
        here = writer.add_stream(ARRAY, "EEG", "here")
        there = writer.add_stream(ARRAY, "EEG", "there")
        for number in (here, there):
            writer.write(number, STAMPS, VALUES)
        for time_s in (10.0, 10.5, 11.0):
            writer.write_clock_offset(there, time_s, 860.0)

    first, second = pyxdf.load_xdf(path, dejitter_timestamps=False)[0]
    assert first["time_stamps"].tolist() == STAMPS.tolist()
    assert second["time_stamps"] == pytest.approx(STAMPS + 860.0, abs=1e-9)


def test_boundaries_stand_between_the_chunks_of_a_long_file(tmp_path):
    path = tmp_path / "a.xdf"
    with XdfWriter(path) as writer:
        number = writer.add_stream(StreamInfo("array", 96, 100.0), "EEG", "s")
        for second in range(40):
            stamps = second + np.arange(100) / 100.0
            writer.write(number, stamps, np.zeros((100, 96), dtype=np.float32))

    size = path.stat().st_size
    assert path.read_bytes().count(BOUNDARY_SIGNATURE) == 1 + size // (256 * 1024 + 40_000)


def test_what_is_written_reads_before_the_file_is_closed(tmp_path):
    path = tmp_path / "a.xdf"
    with XdfWriter(path) as writer:
        number = writer.add_stream(ARRAY, "EEG", "s")
        writer.write(number, STAMPS, VALUES)

        assert read_recording(path).signal.values.tobytes() == VALUES.tobytes()


def test_a_stream_may_join_late(tmp_path):
    path = tmp_path / "a.xdf"
    with XdfWriter(path) as writer:
        first = writer.add_stream(ARRAY, "EEG", "s")
        writer.write(first, STAMPS, VALUES)
        second = writer.add_stream(ARRAY, "EMG", "t")
        writer.write(second, STAMPS, VALUES)

    assert [len(stream["time_stamps"]) for stream in pyxdf.load_xdf(path)[0]] == [4, 4]


def test_a_chunk_that_the_disk_refuses_leaves_the_file_whole(tmp_path):
    path = tmp_path / "a.xdf"
    block = np.ones((1000, 3), dtype=np.float32)
    with XdfWriter(path) as writer:
        number = writer.add_stream(ARRAY, "EEG", "s")
        writer.write(number, np.arange(1000.0), block)
        size = path.stat().st_size
        with files_no_larger(size + 5000), pytest.raises(OSError, match="File too large"):
            writer.write(number, np.arange(1000.0, 2000.0), block)
        assert path.stat().st_size == size
        writer.write(number, np.arange(2000.0, 3000.0), block)

    stamps = read_recording(path).signal.stamps
    assert np.array_equal(stamps, np.r_[0.0:1000.0, 2000.0:3000.0])


def test_an_existing_file_is_not_overwritten(tmp_path):
    path = tmp_path / "a.xdf"
    path.write_text("precious")

    with pytest.raises(RecordingError, match="cannot be made: File exists"):
        XdfWriter(path)
    assert path.read_text() == "precious"


def test_closing_twice_is_closing_once(tmp_path):
    path = tmp_path / "a.xdf"
    writer = XdfWriter(path)
    writer.add_stream(ARRAY, "EEG", "s")
    writer.close()
    size = path.stat().st_size
    writer.close()

    assert path.stat().st_size == size


def test_names_that_xml_cannot_hold_do_not_spoil_the_file(tmp_path):
    path = tmp_path / "a.xdf"
    with XdfWriter(path) as writer:
        number = writer.add_stream(StreamInfo("a\x00b\x1b\ud800", 1, 1.0), "EEG", "s")
        writer.write(number, STAMPS, VALUES[:, :1])

    assert read_recording(path).signal.info.name == "a\ufffdb\ufffd\ufffd"


@pytest.mark.parametrize(
    "values", [VALUES[:3], VALUES[:, :2], np.ones((4, 3), dtype=int), VALUES.ravel()]
)
def test_values_that_were_not_announced_are_refused(tmp_path, values):
    with XdfWriter(tmp_path / "a.xdf") as writer:
        number = writer.add_stream(ARRAY, "EEG", "s")

        with pytest.raises(DataError, match=r"expected floating-point numbers of shape \(4, 3\)"):
            writer.write(number, STAMPS, values)


@pytest.mark.parametrize("rows", [[["a"]], [["a"], ["b", "c"]], ["a", "b"]])
def test_texts_that_were_not_announced_are_refused(tmp_path, rows):
    with XdfWriter(tmp_path / "a.xdf") as writer:
        number = writer.add_stream(StreamInfo("m", 1, 0.0), "Markers", "s", "string")

        with pytest.raises(DataError, match=r"texts for 2 stamps|expected a row of 1 texts"):
            writer.write(number, STAMPS[:2], rows)
