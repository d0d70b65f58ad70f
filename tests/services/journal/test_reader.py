"""Reading a journal back: what a kill or a damaged disk leaves of it, and what is none."""

import os
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eprop_rt.errors import RecordingError
from eprop_rt.orders import Freeze
from eprop_rt.series import StreamInfo
from eprop_rt_services.journal.reader import entries, head_of, is_journal
from eprop_rt_services.journal.reproduce import Reproduction
from eprop_rt_services.journal.segment import COMMANDS
from eprop_rt_services.recordings.xdf_chunks import MAGIC, Tag, decode_chunk, encode_chunk
from eprop_rt_services.recordings.xdf_writer import XdfWriter
from journal_material import Session


@pytest.fixture(scope="module")
def short_session(tmp_path_factory):
    """The bytes of a segment that ended in good order, and the folder for what is cut from it."""
    folder = tmp_path_factory.mktemp("short")
    session = Session(folder)
    session.begin()
    session.feed(6)
    session.obey(Freeze())
    session.feed(2)
    session.checkpoint()
    session.end()
    return session.journal.path.read_bytes(), folder


def head_bytes(content):
    """Where the first chunk of samples ends: that of the event which begins a journal."""
    with memoryview(content) as view:
        position = len(MAGIC)
        while (chunk := decode_chunk(view, position)).tag != Tag.SAMPLES:
            position = chunk.stop
        return chunk.stop


def test_a_file_cut_anywhere_reads_up_to_its_last_whole_chunk(short_session):
    content, folder = short_session
    head, cut, read = head_bytes(content), folder / "cut", []
    for size in sorted({*range(0, len(content), 97), head - 1, head, len(content) - 1}):
        cut.write_bytes(content[:size])
        assert is_journal(cut) == (size >= head)
        read += [len(list(entries(cut)))] if size >= head else []
    cut.write_bytes(content)
    assert read == sorted(read)
    assert read[0] == 1
    assert read[-1] == len(list(entries(cut)))  # a footer was cut


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_file_cut_at_any_byte_replays(short_session, data):
    content, folder = short_session
    cut = folder / "cut"
    cut.write_bytes(content[: data.draw(st.integers(head_bytes(content), len(content)))])
    (result,) = Reproduction([cut]).run()
    assert result.identical


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_read_in_part_or_refused_in_a_line(short_session, data):
    """Whatever is in it: each start of the daemon reads the heads of all segments."""
    content, folder = short_session
    injured = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        injured[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = folder / "damaged"
    damaged.write_bytes(injured)
    head_of(damaged)
    is_journal(damaged)
    with suppress(RecordingError):
        list(entries(damaged))


@pytest.mark.parametrize(
    ("header", "samples", "why"),
    [
        ("float32", (7, b"\x01\x00"), "samples of stream 7, which has no header"),
        ("flaot32", (1, b"\x01\x00"), "unknown format 'flaot32'"),
        ("double64", (1, b"\x01\x00"), "out of bounds"),  # a command that is none
    ],
)
def test_samples_that_no_stream_can_have_are_refused_in_a_line(tmp_path, header, samples, why):
    path = tmp_path / "journal-0001.xdf"
    xml = "".join(
        f"<{key}>{value}</{key}>"
        for key, value in {
            "name": COMMANDS, "type": "Decoded", "channel_count": 4, "channel_format": header
        }.items()
    )  # fmt: skip
    announced = encode_chunk(Tag.STREAM_HEADER, f"<info>{xml}</info>".encode(), 1)
    number, content = samples
    path.write_bytes(MAGIC + announced + encode_chunk(Tag.SAMPLES, content, number))
    with pytest.raises(RecordingError, match=why):
        list(entries(path))
    assert head_of(path) is None


def test_an_xdf_recording_that_begins_with_samples_is_no_journal(tmp_path):
    with XdfWriter(tmp_path / "a.xdf") as writer:
        number = writer.add_stream(StreamInfo("amp", 1, 10.0), "Signal", "s")
        writer.write(number, np.arange(3) / 10, np.ones((3, 1), np.float32))

    assert not is_journal(tmp_path / "a.xdf")


def test_what_is_no_journal_is_refused_in_a_line(tmp_path):
    for name, content in {"a": b"", "b": b"XD", "c": b"XDF:", "d": os.urandom(100)}.items():
        path = tmp_path / name
        path.write_bytes(content)
        assert not is_journal(path)
        with pytest.raises(RecordingError):
            list(entries(path))
