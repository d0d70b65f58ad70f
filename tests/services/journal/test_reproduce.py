"""A journal of a data path, written and run again: every command and every array to the bit."""

from dataclasses import replace

import numpy as np
import pytest
import pyxdf
from typer.testing import CliRunner

from eprop_rt.errors import ConfigError, RecordingError
from eprop_rt.orders import Freeze, Relabel, Thaw
from eprop_rt.series import Chunk
from eprop_rt_services.checkpoint import digest, write_checkpoint
from eprop_rt_services.cli import assembled
from eprop_rt_services.config import Config
from eprop_rt_services.journal.reader import entries
from eprop_rt_services.journal.reproduce import Reproduction
from eprop_rt_services.recordings import Selection, read_recording
from journal_material import CHANNELS, CONFIG, OUTPUTS, Session


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


def test_raw_samples_are_journaled_and_conditioned_again_to_the_bit(tmp_path):
    stages = [
        {"kind": "channels", "drop": [2]},
        {"kind": "highpass", "cutoff_hz": 20},
        {"kind": "common_average"},
        {"kind": "delta", "step": 1.0},
        {"kind": "zscore", "least_bins": 5},
    ]
    config = Config.model_validate(CONFIG.model_dump() | {"conditioning": stages})
    session = Session(tmp_path, config=config)
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


def exported(source, out):
    who = ("--subject", "M1", "--species", "Macaca mulatta", "--age", "P9Y")
    given = ["export", str(source), str(out), *who]
    done = CliRunner().invoke(assembled(), given, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return read_recording(out, Selection(labels="commands"))


def test_a_journal_is_exported_with_the_commands_that_were_published(session, tmp_path):
    nwbinspector = pytest.importorskip("nwbinspector", reason="nwbinspector is not installed")
    whole_session(session)
    session.end()
    (segment,) = session.folder.segments()
    commands = exported(segment, tmp_path / "out.nwb").labels

    every = read_recording(segment, Selection(labels="eprop-rt commands")).labels
    assert commands.values.shape == (session.pipeline.decoded, OUTPUTS)
    assert np.array_equal(commands.values, every.values[:, :OUTPUTS])
    first_s = read_recording(segment).signal.stamps.min()
    assert commands.stamps == pytest.approx(every.stamps - first_s, abs=1e-6)
    grave = nwbinspector.Importance.BEST_PRACTICE_VIOLATION.value
    found = nwbinspector.inspect_nwbfile(nwbfile_path=str(tmp_path / "out.nwb"))
    assert [str(each) for each in found if each.importance.value >= grave] == []


def test_the_folder_of_a_journal_is_exported_as_one_session(session, tmp_path):
    """Segments in which nothing came are left out, and between others there may be time."""
    session.begin()
    session.feed(20)
    first = session.pipeline.decoded
    session.begin()
    session.at_s += 30.0
    session.begin()
    session.feed(20)
    session.end()
    decoded = first + session.pipeline.decoded
    found = exported(session.folder.path, tmp_path / "out.nwb")

    segments = session.folder.segments()
    assert len(segments) == 3
    parts = [read_recording(path) for path in (segments[0], segments[2])]
    stamps = np.concatenate([part.signal.stamps for part in parts])
    values = np.concatenate([part.signal.values for part in parts])
    assert np.array_equal(found.signal.values, values)
    assert found.signal.stamps == pytest.approx(stamps - stamps[0], abs=1e-6)
    assert len(found.labels.stamps) == decoded
    labels = read_recording(tmp_path / "out.nwb", Selection(labels="velocity")).labels
    assert len(labels.stamps) == sum(len(part.labels.stamps) for part in parts)


def test_a_folder_whose_clock_began_anew_is_not_one_session(session, tmp_path):
    session.begin()
    session.feed(20)
    session.at_s = 3.0
    session.begin()
    session.feed(20)
    session.end()

    with pytest.raises(RecordingError, match=r"clock of journal-0002 begins before .* one by one"):
        exported(session.folder.path, tmp_path / "out.nwb")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"empty is a folder without a journal of samples"):
        exported(tmp_path / "empty", tmp_path / "out.nwb")


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
