"""What of a recording is sent, and when, without a reader of it."""

import tracemalloc

import numpy as np
import pytest

from eprop_rt.errors import ConfigError
from eprop_rt.series import StreamInfo
from eprop_rt_services.commands.play import selection_of, stretch
from eprop_rt_services.lsl_link import local_clock
from eprop_rt_services.recordings import Selection, scratch, xdf
from eprop_rt_services.recordings.xdf_writer import XdfWriter
from eprop_rt_services.streaming import player
from eprop_rt_services.streaming.player import Pace, Player
from eprop_rt_services.streaming.track import Track, read_tracks
from recording_files import brainflow_rows, write_brainflow

pytestmark = pytest.mark.live  # outlets are real, though nobody subscribes

MEBIBYTE = 1 << 20


@pytest.fixture
def as_large(monkeypatch):
    """Every file is too large to be read at once, every array to be in memory."""
    monkeypatch.setattr(xdf, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(scratch, "IN_MEMORY_BYTES", 0)


@pytest.fixture
def sent(monkeypatch):
    """What outlets were given, beside sending it."""
    kept = []

    class Listened(player.LslOutlet):
        def push(self, stamps, values):
            kept.append((stamps.copy(), values.copy()))
            super().push(stamps, values)

    monkeypatch.setattr(player, "LslOutlet", Listened)
    return kept


def track(stamps, rate_hz=0.0, name="amp", lasts_s=0.0):
    stamps = np.asarray(stamps, np.float64)
    values = np.arange(len(stamps), dtype=np.float32)[:, None]
    return Track(StreamInfo(name, 1, rate_hz), "EEG", name, "float32", stamps, values, lasts_s)


def played(tracks, seconds, **pace):
    with Player(tracks, Pace(**pace)) as one:
        end_s = local_clock() + seconds
        one.play(lambda: local_clock() > end_s)
        return one


def test_namesakes_have_source_ids_of_their_own(tmp_path):
    path = tmp_path / "a.xdf"
    with XdfWriter(path) as writer:
        for name in ("amp", "amp-2", "amp", "amp"):
            number = writer.add_stream(StreamInfo(name, 1, 0.0), "EEG", "s")
            writer.write(number, np.array([5.0]), np.zeros((1, 1), np.float32))
    ids = [one.source_id.removeprefix("eprop-rt-play-a-") for one in read_tracks(path, Selection())]
    assert ids == ["amp", "amp-2", "amp-3", "amp-4"]


@pytest.mark.parametrize(
    ("channel_format", "value"),
    [("int64", 2**62 + 1), ("int32", 2**30 + 1), ("double64", 1 + 2.0**-40), ("int8", -7)],
)
def test_numbers_of_a_large_file_are_played_as_they_are(as_large, tmp_path, channel_format, value):
    path = tmp_path / "a.xdf"
    with XdfWriter(path) as writer:
        number = writer.add_stream(StreamInfo("amp", 1, 0.0), "EEG", "s", channel_format)
        writer.write(number, np.array([5.0, 6.0]), np.array([[value], [1]]))
    (one,) = read_tracks(path, Selection())
    assert one.values.ravel().tolist() == [value, 1]


def test_memory_does_not_grow_with_what_is_played(as_large, tmp_path):
    path, rows, channels = tmp_path / "a.xdf", 1 << 15, 64
    with XdfWriter(path) as writer:
        number = writer.add_stream(StreamInfo("array", channels, 1e5), "EEG", "s", "int16")
        for block in range(16):
            stamps = (block * rows + np.arange(rows)) / 1e5
            writer.write(number, stamps, np.full((rows, channels), block, np.int16))
    assert path.stat().st_size > 64 * MEBIBYTE
    tracemalloc.start()
    try:
        tracks = stretch(read_tracks(path, Selection()), 1.0, 4.0, path)
        one = played(tracks, 0.5, speed=100)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert one.sent > 4 * player.WINDOW
    assert most < 32 * MEBIBYTE


def test_samples_leave_in_the_order_in_which_they_came_and_none_before_its_time(sent):
    stamps = [1.0, np.nan, 1.2, 1.19, 1.21, 1.05]
    given = track(stamps)
    one = played([given], 1.5)
    assert (one.sent, given.samples, given.left_out) == (5, 5, 1)
    values = np.concatenate([values for _, values in sent])
    assert values.ravel().tolist() == [0, 2, 3, 4, 5]
    came = np.concatenate([stamps for stamps, _ in sent])
    np.testing.assert_allclose(came - came[0], [0, 0.2, 0.19, 0.21, 0.05], atol=1e-6)
    assert len(sent) == 3  # at 1, 1.2 and 1.21, chunks of 10 ms


def test_windows_leave_no_trace(sent, monkeypatch):
    stamps = 3.0 + np.arange(100) / 1000
    stamps[[10, 11, 12, 50]] = np.nan
    played([track(stamps, 1000.0, lasts_s=1e-3)], 5.0, chunk_s=0.03)
    whole = [(stamps - sent[0][0][0], values) for stamps, values in sent]
    sent.clear()
    monkeypatch.setattr(player, "WINDOW", 3)
    played([track(stamps, 1000.0, lasts_s=1e-3)], 5.0, chunk_s=0.03)
    cut = [(stamps - sent[0][0][0], values) for stamps, values in sent]
    for at in (0, 1):
        of_whole, of_cut = (np.concatenate([one[at] for one in each]) for each in (whole, cut))
        np.testing.assert_allclose(of_cut, of_whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("stamps", "pass_s"),
    [([7.0], 1.0), ([7.0, 7.0], 1.0), ([7.0, 7.5, 8.0], 1.5)],
    ids=["one instant", "one instant, twice", "irregular"],
)
def test_a_pass_lasts_until_another_sample_may_come(sent, stamps, pass_s):
    one = played([track(stamps)], 0.3, loop=True)
    assert one.pass_s == pytest.approx(pass_s)
    assert one.sent == stamps.count(7.0)


def test_a_pass_ends_with_a_signal_where_no_other_stream_goes_on():
    signal = track(np.arange(30) / 100, 100.0, lasts_s=0.01)
    assert played([signal, track([0.1], name="marks")], 0.0).pass_s == pytest.approx(0.3)
    late = track(0.005 + np.arange(16) / 50, 50.0, name="labels")
    assert played([signal, late], 0.0).pass_s == pytest.approx(0.325)


def test_what_is_read_is_said_as_for_a_replay(tmp_path):
    path = tmp_path / "a.csv"
    write_brainflow(path, brainflow_rows())
    selection = selection_of(None, ["recording.signal=1-8", "recording.markers=none"], {})
    (one,) = read_tracks(path, selection)
    assert (one.info.channels, one.type) == (8, "Spikes")
    assert selection_of(None, ["recording.board=-1"], {}) == Selection(board=-1)
    config = tmp_path / "my.yaml"
    config.write_text("recording: {spike_bin_s: 0.05, spikes_by: channel}", encoding="utf-8")
    selection = selection_of(str(config), ["recording.spikes_by=unit"], {"signal": "units"})
    assert selection == Selection(spike_bin_s=0.05, spikes_by="unit", signal="units")
    assert selection_of(None, (), {"signal": None}) == Selection()


def test_a_setting_that_play_does_not_take_is_refused():
    with pytest.raises(ConfigError, match=r"-o decoder.kind=rls does not say what is read"):
        selection_of(None, ["decoder.kind=rls"], {})
