"""A journal of a data path, written and run again: every command and every array to the bit."""

import os
from dataclasses import replace

import numpy as np
import pytest
import pyxdf
from typer.testing import CliRunner

from eprop_rt.errors import RecordingError
from eprop_rt.orders import Freeze, Relabel, Thaw
from eprop_rt.series import Chunk, LabelChunk, StreamInfo
from eprop_rt_services.checkpoint import Checkpoint, digest, write_checkpoint
from eprop_rt_services.cli import app
from eprop_rt_services.config import Config
from eprop_rt_services.digest import SessionDigest
from eprop_rt_services.journal.events import End, Kept, Ordered, Start, Taken
from eprop_rt_services.journal.folder import JournalFolder
from eprop_rt_services.journal.reader import entries, is_journal
from eprop_rt_services.journal.reproduce import Reproduction
from eprop_rt_services.journal.segment import Layout
from eprop_rt_services.journal.settings import JournalSettings
from eprop_rt_services.journal.writer import Journal
from eprop_rt_services.path import begin_path
from eprop_rt_services.recordings import Selection, read_recording
from eprop_rt_services.recordings.xdf_writer import XdfWriter

RATE_HZ, CHANNELS, OUTPUTS = 500.0, 6, 2
SIGNAL = StreamInfo("spikes", CHANNELS, RATE_HZ)
LABELS = StreamInfo("velocity", OUTPUTS, 100.0)
LAYOUT = Layout((SIGNAL,), LABELS, ("vx", "vy"), ("cm/s", "cm/s"), "decoded")
CONFIG = Config.model_validate(
    {
        "bins": {"bin_s": 0.02},
        "decoder": {
            "kind": "eprop",
            "network": {"neurons": 12, "tau_groups": 3},
            "rehearsal": {
                "segment_s": 0.4,
                "warm_up_s": 0.1,
                "segments_per_update": 2,
                "steps_per_bin": 10,
                "memory_s": 20,
            },
        },
    }
)


class Session:
    """A data path that is journaled as the daemon does it, fed with seeded noise."""

    def __init__(self, folder, seed=0):
        self.folder = JournalFolder(folder)
        self.random = np.random.default_rng(seed)
        self.journal = Journal(JournalSettings(flush_s=0.01), now=lambda: 5.0)
        self.at_s = 100.0
        self.digest = SessionDigest()

    def begin(self, origin="zero", learned=None, checkpoint=None, sha256=None):
        if origin != "before":
            self.pipeline = begin_path(CONFIG, CONFIG.decoder, (SIGNAL,), LABELS, OUTPUTS, learned)
            self.digest = SessionDigest()
        start = Start(
            program="0", host="here", pid=1, started="now", signals=(SIGNAL,), labels=LABELS,
            config=CONFIG.model_dump(mode="json"), decoder=CONFIG.decoder.model_dump(mode="json"),
            outputs=OUTPUTS, origin=origin, checkpoint=checkpoint, sha256=sha256,
        )  # fmt: skip
        self.journal.begin(self.folder.next_segment(), LAYOUT, start)

    @property
    def place(self):
        return {"decoded": self.pipeline.decoded, "finished": self.pipeline.finished}

    def obey(self, order):
        self.journal.tell(Ordered(**self.place, by="test", order=order))
        self.pipeline.obey(order)

    def feed(self, chunks, within=lambda output: None):
        """Chunks of random length, labels before each; `within` is called at every command."""
        for _ in range(chunks):
            rows = int(self.random.integers(1, 40))
            stamps = self.at_s + np.arange(rows) / RATE_HZ
            self.at_s = stamps[-1] + 1 / RATE_HZ
            wave = np.sin(stamps[:, None] * np.array([3.0, 4.0])).astype(np.float32)
            wave[self.random.random(wave.shape) < 0.1] = np.nan
            labels = LabelChunk(stamps[::5], wave[::5])
            self.journal.labels(labels)
            self.pipeline.push_labels(labels)
            counts = self.random.poisson(2, (rows, CHANNELS)).astype(np.float32)
            chunk = Chunk(stamps, counts)
            self.journal.signal(chunk)
            for output in self.pipeline.push(chunk):
                self.digest.add(output.index, output.values)
                self.journal.command(output, 1.0, self.pipeline.updates)
                within(output)

    def checkpoint(self):
        path = self.folder.next_checkpoint(self.journal.path)
        self.journal.tell(Taken(**self.place, file=path.name))
        arrays = self.pipeline.decoder.snapshot()
        write_checkpoint(path, Checkpoint(CONFIG.decoder, CONFIG.bins, CHANNELS, OUTPUTS, arrays))
        self.journal.tell(Kept(file=path.name, sha256=digest(arrays)))
        return path, arrays

    def end(self):
        digest = self.digest.with_decoder(self.pipeline.decoder)
        self.journal.tell(End(**self.place, cause="test", digest=digest))
        self.journal.close()


def test_samples_that_came_one_after_the_other_are_written_at_once_and_in_their_place(tmp_path):
    session = Session(tmp_path)
    session.journal = Journal(JournalSettings(flush_s=5.0), now=lambda: 5.0)
    session.begin()
    stamps = 100.0 + np.arange(40) / RATE_HZ
    counts = session.random.poisson(2, (40, CHANNELS)).astype(np.float32)
    for at in range(40):
        if at in (10, 25):
            session.journal.tell(Ordered(decoded=at, finished=at, by="test", order=Freeze()))
        session.journal.signal(Chunk(stamps[at : at + 1], counts[at : at + 1]))
    session.journal.close()
    found = list(entries(session.journal.path))[1:]
    assert [type(one).__name__ for one in found] == [
        "Chunk",
        "Ordered",
        "Chunk",
        "Ordered",
        "Chunk",
    ]
    chunks = found[::2]
    assert [len(one.stamps) for one in chunks] == [10, 15, 15]
    assert np.array_equal(np.concatenate([one.stamps for one in chunks]), stamps)
    assert np.array_equal(np.concatenate([one.samples for one in chunks]), counts)


@pytest.fixture
def session(tmp_path):
    made = Session(tmp_path)
    with made.journal:
        yield made


def whole_session(session):
    """Orders at every kind of place: at first, between chunks, between command and learning."""
    session.begin()
    session.obey(Freeze())
    session.feed(3)
    session.obey(Thaw())

    def now_and_then(output):
        if output.index % 7 == 3:
            session.obey(Freeze())
        if output.index % 7 == 5:
            session.obey(Thaw())
        if output.index % 11 == 10:
            stamps = tuple(output.bin_end_s - back for back in (0.11, 0.05))
            session.obey(Relabel(stamps, ((0.5, np.nan), (0.1, -0.2))))

    session.feed(30, now_and_then)
    session.checkpoint()
    session.feed(10)


def test_a_session_runs_again_to_the_bit(session):
    whole_session(session)
    session.end()
    (result,) = Reproduction(session.folder.segments()).run()
    assert result.identical
    assert result.bins == result.commands == session.pipeline.decoded > 50
    assert result.digest == result.live_digest
    assert (result.checkpoints, result.checkpoints_different) == (1, 0)


def test_raw_samples_are_journaled_and_conditioned_again_to_the_bit(session, monkeypatch):
    stages = [
        {"kind": "channels", "drop": [2]},
        {"kind": "highpass", "cutoff_hz": 20},
        {"kind": "common_average"},
        {"kind": "delta", "step": 1.0},
        {"kind": "zscore", "least_bins": 5},
    ]
    config = Config.model_validate(CONFIG.model_dump() | {"conditioning": stages})
    monkeypatch.setitem(Session.begin.__globals__, "CONFIG", config)
    whole_session(session)
    session.end()
    (result,) = Reproduction(session.folder.segments()).run()
    assert result.identical
    assert result.bins == session.pipeline.decoded > 50
    chunks = [one for one in entries(session.journal.path) if isinstance(one, Chunk)]
    assert all(one.samples.shape[1] == CHANNELS for one in chunks)
    assert (np.concatenate([one.samples for one in chunks]) % 1 == 0).all()


def test_a_stop_between_a_command_and_its_learning_ends_the_replay_there(session):
    session.begin()
    session.feed(20)
    before = session.pipeline.decoded

    class StoppedError(Exception):
        pass

    def stop(output):
        if session.pipeline.decoded == before + 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        session.feed(5, stop)
    session.end()
    (result,) = Reproduction(session.folder.segments()).run()
    assert result.identical
    assert result.commands == before + 2


def test_a_session_goes_on_from_a_checkpoint_after_a_crash(session, tmp_path):
    """The second segment begins with what the first had learned by its checkpoint."""
    whole_session(session)
    session.journal.close()
    again = Session(tmp_path, seed=1)
    with again.journal:
        path, arrays = session.folder.checkpoints()[-1], None
        arrays = session.folder.newest_checkpoint().checkpoint.arrays
        again.begin("checkpoint", arrays, path.name, digest(arrays))
        again.feed(20)
        again.end()
    both = list(Reproduction(session.folder.segments()).run())
    assert [result.identical for result in both] == [True, True]
    assert both[0].live_digest is None
    (alone,) = Reproduction(session.folder.segments()[1:]).run()
    assert alone.identical
    assert alone.digest == both[1].digest


def test_a_long_session_goes_on_in_another_file(session):
    whole_session(session)
    session.begin("before")
    session.feed(10)
    session.end()
    results = list(Reproduction(session.folder.segments()).run())
    assert [result.identical for result in results] == [True, True]
    assert results[1].live_digest == results[1].digest
    with pytest.raises(RecordingError, match="replay that one before it"):
        list(Reproduction(session.folder.segments()[1:]).run())


def test_one_changed_bit_is_noticed(session):
    whole_session(session)
    session.end()
    (segment,) = session.folder.segments()
    content = bytearray(segment.read_bytes())
    stamp = [entry for entry in entries(segment) if isinstance(entry, Chunk)][15].stamps[0]
    at = content.index(stamp.tobytes()) + 8  # its first value
    content[at : at + 4] = np.float32(50).tobytes()
    segment.write_bytes(content)
    (result,) = Reproduction([segment]).run()
    assert not result.identical
    assert result.different > 0


def test_a_file_cut_at_any_byte_reads_up_to_its_last_whole_chunk_and_replays(session, tmp_path):
    session.begin()
    session.feed(6)
    session.end()
    (segment,) = session.folder.segments()
    content = segment.read_bytes()
    whole = list(entries(segment))
    cut = tmp_path / "cut.xdf"
    read = []
    for size in sorted({*range(0, len(content), 97), len(content) - 1}):
        cut.write_bytes(content[:size])
        if not is_journal(cut):
            assert size < 8000  # not even its head is there
            continue
        read.append(len(list(entries(cut))))
    assert read == sorted(read)
    assert read[0] < 5 < read[-1] <= len(whole)
    for size in np.linspace(8000, len(content) - 1, 12).astype(int):
        cut.write_bytes(content[:size])
        (result,) = Reproduction([cut]).run()
        assert result.identical


def test_pyxdf_and_replay_as_a_recording_read_it_too(session):
    whole_session(session)
    session.end()
    (segment,) = session.folder.segments()
    streams, _ = pyxdf.load_xdf(segment, dejitter_timestamps=False)
    by_name = {stream["info"]["name"][0]: stream for stream in streams}
    assert set(by_name) == {
        "spikes", "velocity", "eprop-rt commands", "eprop-rt events", "markers"
    }  # fmt: skip
    commands = by_name["eprop-rt commands"]["time_series"]
    assert commands.shape == (session.pipeline.decoded, OUTPUTS + 4)
    recording = read_recording(segment)
    assert recording.signal.info.name == "spikes"
    assert recording.labels.info.name == "velocity"
    said = () if recording.markers is None else recording.markers.texts
    assert not any(text.startswith("{") for text in said)  # what a journal says of itself


def test_a_journal_is_exported_with_the_commands_that_were_published(session, tmp_path):
    whole_session(session)
    session.end()
    (segment,) = session.folder.segments()
    out = tmp_path / "out.nwb"
    done = CliRunner().invoke(app, ["export", str(segment), str(out)], catch_exceptions=False)
    assert done.exit_code == 0, done.output

    every = read_recording(segment, Selection(labels="eprop-rt commands")).labels
    commands = read_recording(out, Selection(labels="commands")).labels
    assert commands.values.shape == (session.pipeline.decoded, OUTPUTS)
    assert np.array_equal(commands.values, every.values[:, :OUTPUTS])
    first_s = read_recording(segment).signal.stamps.min()
    assert commands.stamps == pytest.approx(every.stamps - first_s, abs=1e-6)


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


def test_a_checkpoint_that_was_changed_since_is_refused(session, tmp_path):
    whole_session(session)
    session.journal.close()
    again = Session(tmp_path, seed=1)
    with again.journal:
        found = session.folder.newest_checkpoint()
        arrays = found.checkpoint.arrays
        again.begin("checkpoint", arrays, found.path.name, digest(arrays))
        again.end()
    other = {key: array + 1 for key, array in arrays.items()}
    write_checkpoint(found.path, replace(found.checkpoint, arrays=other))
    with pytest.raises(RecordingError, match="holds something else now"):
        list(Reproduction(session.folder.segments()[1:]).run())
