"""Files cut, damaged, or of another kind: what can be read is read, the rest is one line."""

import random
import struct
import tracemalloc

import h5py
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import recordings_registry
from eprop_rt.errors import RecordingError
from eprop_rt.series import StreamInfo
from eprop_rt_services.recordings import Recording, Series, read_recording, write_recording
from eprop_rt_services.recordings.xdf_chunks import (
    BOUNDARY_SIGNATURE,
    Tag,
    encode_chunk,
    encode_length,
)
from eprop_rt_services.recordings.xdf_writer import XdfWriter

JPEG = bytes.fromhex("ffd8ffe000104a46494600010101004800480000ffdb0043") + bytes(200)
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"


def samples_read(path):
    """Return how many samples of the signal read, or -1; any error must be one line of ours."""
    try:
        return len(read_recording(path).signal.stamps)
    except RecordingError as error:
        said = str(error)
    assert "\n" not in said
    assert path.name in said
    return -1


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("bad_files")


@pytest.fixture(scope="module")
def journal(folder):
    """Return the bytes of a small XDF file, and (size, samples of the signal) after each chunk."""
    path, steps = folder / "journal.xdf", []
    rng = np.random.default_rng(7)
    with XdfWriter(path) as writer:
        bins = writer.add_stream(StreamInfo("bins", 2, 10.0, ("a", "b")), "EEG", "s")
        events = writer.add_stream(StreamInfo("events", 1, 0.0), "Markers", "m", "string")
        written = 0
        for rows in (3, 1, 30, 2):
            stamps = (written + np.arange(rows)) / 10.0
            writer.write(bins, stamps, rng.standard_normal((rows, 2)).astype(np.float32))
            written += rows
            steps.append((path.stat().st_size, written))
            writer.write(events, stamps[:1], [["go"]])
        writer.write_clock_offset(bins, 0.0, 0.0)  # one: a line through more takes pyxdf long
    return path.read_bytes(), steps


def test_a_file_cut_at_any_byte_reads_up_to_its_last_whole_chunk(journal, folder):
    data, steps = journal
    whole = read_recording(folder / "journal.xdf").signal
    path = folder / "cut.xdf"
    for cut in range(len(data)):
        path.write_bytes(data[:cut])
        expected = max((samples for size, samples in steps if size <= cut), default=-1)
        assert samples_read(path) == expected, cut
        if expected > 0 and cut % 50 == 0:
            signal = read_recording(path).signal
            assert signal.values.tobytes() == whole.values[:expected].tobytes()
            assert signal.stamps.tobytes() == whole.stamps[:expected].tobytes()
    assert expected == 36


def test_a_file_of_labrecorder_cut_anywhere_never_loses_what_it_had(folder):
    data = recordings_registry.find("xdf_edge/minimal").read_bytes()
    path, counts = folder / "cut_minimal.xdf", []
    for cut in [*range(0, len(data), 17), len(data)]:
        path.write_bytes(data[:cut])
        counts.append(samples_read(path))

    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (-1, 9)


def test_a_long_recording_cut_anywhere_is_the_beginning_of_itself(folder):
    original = recordings_registry.find("xdf_emg/ayush")
    data, whole = original.read_bytes(), read_recording(original).signal
    path, rng = folder / "cut_long.xdf", random.Random(3)
    for cut in sorted(rng.randrange(100_000, len(data)) for _ in range(4)):
        path.write_bytes(data[:cut])
        signal = read_recording(path).signal
        count = len(signal.stamps)
        assert count == pytest.approx(len(whole.stamps) * cut / len(data), rel=0.02)
        assert signal.values.tobytes() == whole.values[:count].tobytes()
        # Fewer clock offsets fit a slightly different line.
        assert signal.stamps == pytest.approx(whole.stamps[:count], abs=0.01)


def test_after_damage_reading_goes_on_at_the_next_boundary(tmp_path, caplog):
    path = tmp_path / "a.xdf"
    with XdfWriter(path) as writer:
        number = writer.add_stream(StreamInfo("array", 96, 100.0), "EEG", "s")
        for second in range(40):
            stamps = second + np.arange(100) / 100.0
            writer.write(number, stamps, np.full((100, 96), second, dtype=np.float32))
    data = bytearray(path.read_bytes())
    first_boundary = data.index(BOUNDARY_SIGNATURE)
    whole = [int(second) for second in np.unique(read_recording(path).signal.values)]
    frame = data.index(encode_length(2 + 4 + 2 + 100 * (9 + 96 * 4)))  # of the first samples
    data[frame] = 77
    path.write_bytes(data)

    seconds = [int(second) for second in np.unique(read_recording(path).signal.values)]
    assert whole == list(range(40))
    assert seconds == [second for second in range(40) if second > first_boundary // 39_308 - 1]
    assert 0 < len(seconds) < 40
    assert f"left out {first_boundary + 16 - frame} damaged bytes" in caplog.text


@pytest.mark.parametrize("stream", [1, 2])
def test_a_chunk_that_claims_a_huge_size_costs_nothing(journal, tmp_path, stream):
    data, _ = journal
    claim = encode_length(1 << 22) + bytes(64)
    path = tmp_path / "a.xdf"
    path.write_bytes(data + encode_chunk(Tag.SAMPLES, claim, stream))

    tracemalloc.start()
    try:
        assert samples_read(path) == 36
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_samples_of_a_stream_that_was_never_announced_are_left_out(journal, tmp_path):
    data, _ = journal
    path = tmp_path / "a.xdf"
    stray = encode_chunk(Tag.CLOCK_OFFSET, struct.pack("<dd", 1.0, 2.0), 99)
    path.write_bytes(data + stray + encode_chunk(Tag.SAMPLES, bytes(30), 99))

    assert samples_read(path) == 36


@settings(max_examples=300, deadline=None)
@given(position=st.integers(0, 10_000), value=st.integers(0, 255))
def test_one_wrong_byte_never_raises_a_foreign_error(journal, folder, position, value):
    data, _ = journal
    damaged = bytearray(data)
    damaged[position % len(data)] = value
    path = folder / "flipped.xdf"
    path.write_bytes(damaged)

    assert samples_read(path) <= 36


@settings(max_examples=150, deadline=None)
@given(
    prefix=st.sampled_from([b"", b"XDF:", HDF5_MAGIC]),
    body=st.binary(max_size=400),
    suffix=st.sampled_from([".nwb", ".xdf"]),
)
@example(prefix=b"", body=b"", suffix=".xdf")
@example(prefix=b"", body=b"", suffix=".nwb")
@example(prefix=b"", body=b"abc", suffix=".xdf")
@example(prefix=b"", body=b"abc", suffix=".nwb")
@example(prefix=b"", body=JPEG, suffix=".xdf")
@example(prefix=b"", body=JPEG, suffix=".nwb")
@example(prefix=b"XDF:", body=b"", suffix=".xdf")
def test_any_bytes_are_refused_in_one_line(folder, prefix, body, suffix):
    path = folder / f"noise{suffix}"
    path.write_bytes(prefix + body)

    assert samples_read(path) == -1


def test_a_jpeg_as_xdf_says_what_came(tmp_path):
    path = tmp_path / "photo.xdf"
    path.write_bytes(JPEG)

    with pytest.raises(RecordingError, match=r"no XDF file: begins with .*expected b'XDF:'"):
        read_recording(path)


@pytest.fixture(scope="module")
def nwb_bytes(folder):
    info = StreamInfo("binned_spikes", 8, 10.0)
    values = np.random.default_rng(1).poisson(2.0, (500, 8)).astype(np.float32)
    path = folder / "whole.nwb"
    write_recording(path, Recording("a", Series(info, np.arange(500) / 10.0, values), None), "x")
    return path.read_bytes()


@settings(max_examples=40, deadline=None)
@given(share=st.floats(0.0, 1.0, exclude_max=True))
def test_a_cut_nwb_file_is_refused_in_one_line(nwb_bytes, folder, share):
    path = folder / "cut.nwb"
    path.write_bytes(nwb_bytes[: int(share * len(nwb_bytes))])

    assert samples_read(path) == -1


def test_an_hdf5_file_that_is_no_nwb_is_refused_in_one_line(tmp_path):
    path = tmp_path / "other.nwb"
    with h5py.File(path, "w") as file:
        file["data"] = np.arange(10)

    with pytest.raises(RecordingError, match=r"other\.nwb cannot be read as NWB: "):
        read_recording(path)


def test_a_missing_file_a_folder_and_a_foreign_suffix_each_have_their_line(tmp_path):
    (tmp_path / "folder.xdf").mkdir()
    (tmp_path / "table.csv").write_text("a,b")
    (tmp_path / "empty.nwb").touch()
    (tmp_path / "notes.docx").write_text("PK")

    for name, said in [
        ("missing.nwb", "does not exist: expected a recording"),
        ("folder.xdf", "is a folder: expected a file"),
        ("table.csv", "is no table of BrainFlow: begins with"),
        ("empty.nwb", "is empty"),
        (
            "notes.docx",
            "is no recording: expected a file ending in .nwb, .xdf, .mat, .csv, .edf, .bdf",
        ),
        ("x" * 300 + ".nwb", "cannot be read: File name too long"),
        ("null\0.nwb", "cannot be read: embedded null"),
    ]:
        with pytest.raises(RecordingError, match=said):
            read_recording(tmp_path / name)


def test_a_suffix_in_capitals_is_the_same_format(journal, tmp_path):
    path = tmp_path / "SESSION.XDF"
    path.write_bytes(journal[0])

    assert samples_read(path) == 36
