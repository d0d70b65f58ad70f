"""Whatever is wrong inside a file of the right name: every reader says it in one line."""

import os
import random
import tempfile
import tracemalloc
import warnings
from contextlib import contextmanager

import numpy as np
import pynwb
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from eprop_rt.errors import RecordingError
from eprop_rt.series import StreamInfo
from eprop_rt_services.recordings import Selection, read_recording
from eprop_rt_services.recordings import xdf as xdf_reader
from eprop_rt_services.recordings.xdf_chunks import Tag, encode_chunk, encode_length
from eprop_rt_services.recordings.xdf_writer import XdfWriter
from recording_files import (
    add_units,
    binned_structure,
    brainflow_rows,
    nwb_file,
    save_nwb,
    write_binned_5,
    write_binned_73,
    write_brainflow,
    write_edf,
    write_reaching,
)

JPEG = bytes.fromhex("ffd8ffe000104a46494600010101004800480000ffdb0043") + bytes(2000)
SUFFIXES = (".nwb", ".xdf", ".mat", ".csv", ".edf", ".bdf")


def xdf(path):
    """Write two streams with clocks that drift, one of them is set; samples with few stamps."""
    with XdfWriter(path) as writer:
        amp = writer.add_stream(StreamInfo("amp", 2, 10.0), "EEG", "s")
        cues = writer.add_stream(StreamInfo("cues", 1, 0.0), "Markers", "c", "string")
        codes = writer.add_stream(StreamInfo("codes", 1, 0.0), "Markers", "n", "int32")
        writer.write(amp, np.arange(40) / 10, np.ones((40, 2), np.float32))
        for at in range(8):
            writer.write_clock_offset(amp, 5.0 * at, 100.0 + 1e-4 * at)
            writer.write_clock_offset(cues, 5.0 * at + 60.0 * (at > 4), 3.0 - 60.0 * (at > 4))
        body = encode_length(20)
        for row in range(20):
            body += b"\0" if row % 7 else b"\x08" + np.float64(4 + row / 10).tobytes()
            body += np.full(2, row, "<f4").tobytes()
        writer._append(encode_chunk(Tag.SAMPLES, body, amp))
        writer.write(cues, np.array([0.1, 0.5]), [["go"], ["stop"]])
        writer.write(codes, np.array([0.2, 0.7]), np.array([[1], [2]], np.int32))


def nwb(path):
    file = nwb_file()
    add_units(file, [np.arange(0.0, 3.0, 0.1)] * 3, observed=[[0.0, 3.0]], electrodes=[0, 1, 1])
    module = file.create_processing_module("behavior", "x")
    for name in ("Position", "Target"):
        module.add(pynwb.TimeSeries(name=name, data=np.ones((60, 2)), unit="m",
                                    timestamps=np.arange(60) / 20.0))  # fmt: skip
    file.add_trial_column("go_cue_time", "of each cue", index=True)
    file.add_trial_column("block", "x")
    file.add_trial(start_time=0.0, stop_time=3.0, go_cue_time=[0.5, 1.0], block="test")
    save_nwb(path, file)


def edf(path):
    values = np.hstack([np.arange(400).reshape(200, 2), np.zeros((200, 1), int)])
    write_edf(path, ("C3", "EMG C4", "Status"), values, 100, [(0.5, "go")])


WRITERS = {
    "session.nwb": nwb,
    "session.xdf": xdf,
    "as_large.xdf": xdf,
    "reaching.mat": lambda path: write_reaching(path, seconds=1.0),
    "binned_5.mat": lambda path: write_binned_5(path, binned_structure()),
    "binned_73.mat": lambda path: write_binned_73(path, binned_structure()),
    "board.csv": lambda path: write_brainflow(path, brainflow_rows(60)),
    "session.edf": edf,
    "gaps.edf": lambda path: write_edf(
        path, ("C3",), np.arange(200).reshape(200, 1), 100, [(0.5, "go")], began_s=[0, 5]
    ),
    "session.bdf": lambda path: write_edf(path, ("C3",), np.arange(200).reshape(200, 1), 100),
}
# What may be asked of each: the first is asked of other files of that suffix too.
SELECTIONS = {
    "session.nwb": (
        Selection(), Selection(spikes_by="channel"), Selection(labels="intention", block="test"),
        Selection(signal="Position", labels="Target", join_gap_s=1.0),
    ),
    "session.xdf": (
        Selection(), Selection(signal="#1", labels="codes"), Selection(markers="codes"),
        Selection(labels="none", markers="none"),
    ),
    "reaching.mat": (
        Selection(), Selection(spikes_by="unit", labels="intention"),
        Selection(labels="finger_pos"),
    ),
    "binned_5.mat": (Selection(), Selection(labels="emg")),
    "board.csv": (Selection(signal="1-8"), Selection(board=-1), Selection(board=-1, signal="1,3")),
    "session.edf": (
        Selection(), Selection(signal="emg"), Selection(signal="C3", markers="annotations"),
        Selection(markers="Status"),
    ),
}  # fmt: skip
SELECTIONS["as_large.xdf"] = SELECTIONS["session.xdf"]
SELECTIONS["binned_73.mat"] = SELECTIONS["binned_5.mat"]
SELECTIONS["gaps.edf"] = (Selection(), Selection(markers="annotations"))
SELECTIONS["session.bdf"] = (Selection(), Selection(signal="eeg"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("bad_readers")


@pytest.fixture(scope="module")
def whole(folder):
    """Return the bytes of a sound file of every kind."""
    sound = {}
    for name, write in WRITERS.items():
        write(folder / name)
        sound[name] = (folder / name).read_bytes()
    return sound


def said_of(path, name=None, number=0):
    """Return the one line that a file is refused with, None where it reads.

    Nothing else is said: no warning, and nothing on the terminal by a library below Python.
    """
    name = name or next(known for known in WRITERS if known.endswith(path.suffix))
    wanted = SELECTIONS[name]
    with (
        pytest.MonkeyPatch.context() as patch,
        warnings.catch_warnings(record=True) as warned,
        nothing_on_the_terminal(),
    ):
        warnings.simplefilter("always")
        if name == "as_large.xdf":
            patch.setattr(xdf_reader, "IN_MEMORY_BYTES", 0)
        try:
            read_recording(path, wanted[number % len(wanted)])
            said = None
        except RecordingError as error:
            said = str(error)
    assert [str(each.message) for each in warned] == []
    if said is not None:
        assert "\n" not in said
        assert path.name in said
        assert len(said) < 800
    return said


@contextmanager
def nothing_on_the_terminal():
    """Raise AssertionError where anything is written to the standard error of the process."""
    before = os.dup(2)
    try:
        with tempfile.TemporaryFile() as file:
            os.dup2(file.fileno(), 2)
            try:
                yield
            finally:
                os.dup2(before, 2)
            file.seek(0)
            assert file.read() == b""
    finally:
        os.close(before)


@pytest.mark.parametrize("name", WRITERS)
def test_a_sound_file_of_every_kind_reads_whatever_is_asked_of_it(whole, folder, name):
    for number in range(len(SELECTIONS[name])):
        assert said_of(folder / name, name, number) is None


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("content", [b"", b"abc", JPEG], ids=["0 bytes", "3 bytes", "JPEG"])
def test_a_file_of_another_kind_is_refused_by_every_reader(folder, suffix, content):
    path = folder / f"other{suffix}"
    path.write_bytes(content)

    assert said_of(path) is not None


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_recording_under_the_suffix_of_another_format_is_refused(whole, folder, suffix):
    for name, data in whole.items():
        if not name.endswith(suffix):
            path = folder / f"disguised{suffix}"
            path.write_bytes(data)
            assert said_of(path) is not None, name


@pytest.mark.parametrize("name", [name for name in WRITERS if not name.endswith((".xdf", ".csv"))])
def test_a_file_cut_in_the_middle_is_refused(whole, folder, name):
    """XDF reads up to there (test_bad_files.py), and so does a table of whole rows."""
    data, path = whole[name], folder / f"cut_{name}"
    for share in (0.02, 0.1, 0.3, 0.5, 0.7):
        path.write_bytes(data[: int(share * len(data))])
        assert said_of(path, name) is not None, share


def test_a_table_cut_inside_a_row_is_refused(whole, folder):
    path = folder / "cut.csv"
    path.write_bytes(whole["board.csv"][:3000])

    assert "no table of numbers" in said_of(path)


def injured(data, number):
    """Return it with a few bytes changed, taken out, doubled or put in, by a seed."""
    draw, body = random.Random(number), bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 5, 20))):
        at = draw.randrange(len(body) or 1)
        kind = draw.randrange(6)
        if kind == 0:
            body[at : at + 1] = bytes([draw.randrange(256)])
        elif kind == 1:
            body[at : at + 1] = bytes([body[at] ^ (1 << draw.randrange(8))]) if body else b""
        elif kind == 2:
            del body[at : at + draw.randint(1, 40)]
        elif kind == 3:
            body[at:at] = body[at : at + draw.randint(1, 60)]
        elif kind == 4:
            width = draw.choice((2, 4, 8))
            body[at : at + width] = draw.choice((b"\xff", b"\x00", b"\x7f")) * width
        else:
            body[at:at] = draw.randbytes(draw.randint(1, 8))
    return bytes(body)


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize("name", WRITERS)
@seed(6)
@settings(max_examples=60, deadline=20_000)
@given(number=st.integers(0, 2**32))
def test_an_injured_file_reads_or_is_refused_in_one_line(folder, name, number):
    path = folder / f"injured_{name}"
    path.write_bytes(injured((folder / name).read_bytes(), number))

    said_of(path, name, number)


@pytest.mark.parametrize("name", WRITERS)
def test_an_injured_file_takes_no_more_memory_than_it_is_worth(whole, folder, name):
    path = folder / f"small_{name}"
    tracemalloc.start()
    try:
        for number in range(25):
            path.write_bytes(injured(whole[name], number))
            said_of(path, name, number)
        assert tracemalloc.get_traced_memory()[1] < 300 << 20
    finally:
        tracemalloc.stop()
