"""What is written reads back: values to the bit, stamps to a nanosecond."""

import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import recordings_registry
from eprop_rt.errors import RecordingError
from eprop_rt.series import StreamInfo
from eprop_rt_services.recordings import (
    Recording,
    Selection,
    Series,
    read_recording,
    write_recording,
)

FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True, allow_subnormal=True)
NAMES = st.text(string.ascii_letters + string.digits + "_- .äΩ", min_size=1, max_size=12).map(
    lambda text: f"n{text}n"
)


@st.composite
def series(draw, names):
    samples, channels = draw(st.integers(1, 40)), draw(st.integers(1, 5))
    rate_hz = draw(st.sampled_from([0.0, 1001.5, 22.22222222222222, 10.0, 30000.0]))
    start_s = draw(st.floats(-1e5, 1e6))
    if rate_hz and draw(st.booleans()):
        stamps = start_s + np.arange(samples) / rate_hz
    else:
        steps = draw(arrays(np.float64, samples, elements=st.floats(1e-4, 10.0)))
        stamps = start_s + np.cumsum(steps)
    labels = draw(st.lists(NAMES, min_size=channels, max_size=channels))
    unit = draw(st.sampled_from(["count", "mm/s", "µV"]))
    info = StreamInfo(draw(names), channels, rate_hz, tuple(labels), (unit,) * channels)
    return Series(info, stamps, draw(arrays(np.float32, (samples, channels), elements=FLOATS)))


RECORDINGS = st.builds(
    Recording,
    name=st.just("session"),
    signal=series(st.sampled_from(["binned_spikes", "lfp band"])),
    labels=st.none() | series(st.sampled_from(["hand_velocity", "cursor_position", "grip"])),
)


def assert_same_series(read, written):
    assert read.values.tobytes() == written.values.tobytes()
    assert read.stamps == pytest.approx(written.stamps, rel=0, abs=1e-9)
    assert read.info.name == written.info.name
    assert read.info.channel_names == written.info.channel_names
    assert read.info.units == written.info.units


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("round_trips")


@settings(max_examples=60, deadline=None)
@given(recording=RECORDINGS)
def test_xdf_gives_back_every_bit_of_a_recording(folder, recording):
    path = folder / "session.xdf"
    write_recording(path, recording, "a round trip")
    read = read_recording(path)

    assert_same_series(read.signal, recording.signal)
    assert read.signal.stamps.tobytes() == recording.signal.stamps.tobytes()
    assert read.signal.info == recording.signal.info
    assert (read.labels is None) == (recording.labels is None)
    if recording.labels is not None:
        assert_same_series(read.labels, recording.labels)
        assert read.labels.info == recording.labels.info


@settings(max_examples=25, deadline=None)
@given(recording=RECORDINGS)
def test_nwb_gives_back_a_recording(folder, recording):
    path = folder / "session.nwb"
    write_recording(path, recording, "a round trip")
    read = read_recording(path)

    assert_same_series(read.signal, recording.signal)
    assert (read.labels is None) == (recording.labels is None)
    if recording.labels is not None:
        assert_same_series(read.labels, recording.labels)


@pytest.mark.parametrize("suffix", [".nwb", ".xdf"])
def test_a_real_session_survives_both_formats(tmp_path, suffix):
    original = read_recording(recordings_registry.find("spike_wf/2012-07-18"))
    path = tmp_path / f"copy{suffix}"
    write_recording(path, original, "a copy")
    copy = read_recording(path)

    assert_same_series(copy.signal, original.signal)
    assert_same_series(copy.labels, original.labels)
    assert copy.signal.info == original.signal.info
    assert copy.duration_s == pytest.approx(1200.0)


def test_jittered_stamps_and_their_rate_survive_in_nwb(tmp_path):
    original = read_recording(recordings_registry.find("xdf_emg/three_machines"))
    path = tmp_path / "copy.nwb"
    write_recording(path, original, "a copy")
    copy = read_recording(path).signal

    assert copy.stamps.tobytes() == original.signal.stamps.tobytes()
    assert copy.info.sample_rate_hz == pytest.approx(250.0, rel=1e-4)


def test_a_name_that_nwb_cannot_hold_is_made_to_fit(tmp_path):
    original = read_recording(recordings_registry.find("xdf_edge/empty_streams"))
    path = tmp_path / "copy.nwb"
    write_recording(path, original, "a copy")

    assert read_recording(path).signal.info.name == "Data stream_ test stream 0 counter"


def small(name="array", samples=4):
    info = StreamInfo(name, 2, 10.0)
    return Series(info, np.arange(samples) / 10.0, np.ones((samples, 2), dtype=np.float32))


@pytest.mark.parametrize("suffix", [".nwb", ".xdf"])
def test_writing_replaces_a_file_and_leaves_nothing_beside_it(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_text("old")
    write_recording(path, Recording("a", small(), None), "new")

    assert read_recording(path).signal.info.name == "array"
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".nwb", ".xdf"])
def test_a_failed_write_leaves_the_old_file_alone(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_text("old")
    unpaired = Series(StreamInfo("x", 2, 10.0, ("one",), ("mm",)), *_two_samples())

    if suffix == ".xdf":
        with pytest.raises(RecordingError, match="cannot be written"):
            write_recording(path, Recording("a", unpaired, None), "new")
    else:
        with pytest.raises(RecordingError, match="cannot be written"):
            write_recording(path, Recording("a", small(), None), None)
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def _two_samples():
    return np.arange(2.0), np.ones((2, 2), dtype=np.float32)


@pytest.mark.parametrize("suffix", [".nwb", ".xdf"])
def test_a_folder_that_is_not_there_is_one_clear_line(tmp_path, suffix):
    path = tmp_path / "nowhere" / f"a{suffix}"

    with pytest.raises(RecordingError, match=r"cannot be (written|made): [^\n]*(No such|does not)"):
        write_recording(path, Recording("a", small(), None), "new")


def test_a_suffix_without_a_format_is_refused(tmp_path):
    with pytest.raises(RecordingError, match=r"a\.csv names no format: expected .*\.nwb or \.xdf"):
        write_recording(tmp_path / "a.csv", Recording("a", small(), None), "new")


@pytest.mark.parametrize("suffix", [".nwb", ".xdf"])
def test_a_recording_without_samples_is_not_written(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"

    with pytest.raises(RecordingError, match="'array' holds no samples"):
        write_recording(path, Recording("a", small(samples=0), None), "new")
    assert not list(tmp_path.iterdir())


def test_the_written_labels_are_labels_whatever_their_name(tmp_path):
    path = tmp_path / "a.xdf"
    write_recording(path, Recording("a", small("label_velocity"), small("grip")), "new")

    recording = read_recording(path)
    assert recording.signal.info.name == "label_velocity"
    assert recording.labels.info.name == "grip"
    assert read_recording(path, Selection(labels="none")).labels is None
