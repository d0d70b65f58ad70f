"""What a session leaves behind, to the file: its checkpoints, and what the journal says of them."""

import threading
from collections import Counter

import numpy as np
import pytest

from eprop_rt.errors import CheckpointError, ConfigError
from eprop_rt.orders import Late
from eprop_rt.series import Chunk, LabelChunk, StreamInfo
from eprop_rt.snapshot import Arrays
from eprop_rt_services import keeper
from eprop_rt_services.checkpoint import digest, read_checkpoint, write_checkpoint
from eprop_rt_services.config import Config
from eprop_rt_services.daemon.mending import Mending
from eprop_rt_services.daemon.record import STOPPED, Record
from eprop_rt_services.daemon.session import Beginning, Session
from eprop_rt_services.journal.events import Kept, Taken
from eprop_rt_services.journal.folder import JournalFolder
from eprop_rt_services.journal.reader import entries
from eprop_rt_services.journal.reproduce import Reproduction

RATE_HZ, CHANNELS, OUTPUTS = 500.0, 6, 2
SIGNAL = StreamInfo("spikes", CHANNELS, RATE_HZ)
LABELS = StreamInfo("velocity", OUTPUTS, RATE_HZ)
DECODER = {
    "kind": "eprop",
    "network": {"neurons": 12, "tau_groups": 3},
    "rehearsal": {"segment_s": 0.4, "warm_up_s": 0.1, "memory_s": 20},
}


class Written:
    """A record, and the data path that it is of."""

    def __init__(self, folder, beginning=None, **checkpoint):
        self.folder = JournalFolder(folder)
        given = {
            "bins": {"bin_s": 0.02},
            "decoder": DECODER,
            "journal": {"folder": folder},
            "checkpoint": {"every_s": 1000.0, **checkpoint},
            "guard": {"late_window_s": 0.1},
        }
        config = Config.model_validate(given)
        self.session = Session(config, config.decoder, (SIGNAL,), LABELS, OUTPUTS)
        self.record = Record(config, lambda: 5.0)
        self.record.begin(self.session, beginning)
        self.pipeline = self.session.begin(beginning)
        self.at_s, self.random = 100.0, np.random.default_rng(0)

    def feed(self, bins=20):
        stamps = self.at_s + np.arange(10 * bins) / RATE_HZ
        self.at_s += 10 * bins / RATE_HZ
        for item in (
            LabelChunk(stamps, self.random.normal(size=(len(stamps), 2)).astype(np.float32)),
            Chunk(stamps, self.random.poisson(2, (len(stamps), CHANNELS)).astype(np.float32)),
        ):
            self.record.item(item)
            if isinstance(item, LabelChunk):
                self.pipeline.push_labels(item)
                continue
            for output in self.pipeline.push(item):
                self.record.command(output, 1.0, self.pipeline.updates)
                self.tend()

    def tend(self):
        self.record.tend(self.session, self.pipeline, Counter)

    def keep(self):
        """As asked for by somebody, who waits for it."""
        self.settle()
        self.record.checkpoint(self.session, self.pipeline).result(timeout=20)
        self.tend()

    def settle(self):
        """Wait until nothing is being written."""
        while self.record.busy:
            pass

    def damage(self, name, value):
        arrays: Arrays = self.pipeline.decoder.snapshot()
        arrays[name][:] = value
        self.pipeline.decoder.restore(arrays)

    def end(self, cause=STOPPED, *, whole=True):
        return self.record.end(self.session, self.pipeline, cause, whole=whole)

    def told(self):
        """The checkpoints that the journal speaks of: taken, and kept."""
        found = [one for path in self.folder.segments() for one in entries(path)]
        taken = [one.file for one in found if isinstance(one, Taken)]
        return taken, [one.file for one in found if isinstance(one, Kept)]

    def reproduced(self):
        return list(Reproduction(self.folder.segments()).run())


@pytest.fixture
def written(tmp_path):
    made = []

    def make(folder="s", **options):
        made.append(Written(tmp_path / folder, **options))
        made[-1].record.__enter__()
        return made[-1]

    yield make
    for one in made:
        one.record.__exit__(None, None, None)


@pytest.fixture
def slow_disk(monkeypatch):
    """It is written once `set` is called."""
    may = threading.Event()

    def write(path, checkpoint):
        assert may.wait(20)
        return write_checkpoint(path, checkpoint)

    monkeypatch.setattr(keeper, "write_checkpoint", write)
    return may


def test_a_stop_while_a_checkpoint_is_written_gives_the_last_one_a_name_of_its_own(
    written, slow_disk
):
    one = written(every_s=1e-9)
    one.feed(1)  # begins one
    one.feed()
    threading.Timer(0.2, slow_disk.set).start()
    left = one.end()
    names = ["checkpoint-0001-0001.npz", "checkpoint-0001-0002.npz"]
    assert [path.name for path in left.files] == names[1:]
    assert one.told() == (names, names)
    (result,) = one.reproduced()
    assert result.identical
    assert (result.checkpoints, result.checkpoints_different) == (2, 0)


def test_checkpoints_one_after_the_other_are_each_spoken_of_once(written):
    one = written(every_s=1e-9)
    for _ in range(12):
        one.feed(2)
        one.settle()
    one.end()
    taken, kept = one.told()
    assert taken == kept
    assert len(set(kept)) == len(kept) > 10
    (result,) = one.reproduced()
    assert result.identical
    assert result.checkpoints == len(kept)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_kept_nowhere(written, tmp_path, value):
    file = tmp_path / "kept.npz"
    one = written(every_s=1e-9, file=file)
    one.feed()
    one.keep()
    before = file.read_bytes()
    one.damage("weights.w", value)
    with pytest.raises(ConfigError, match=r"does not trust what was learned \(weights\)"):
        one.keep()
    kept = one.folder.checkpoints()
    for _ in range(20):
        one.tend()
    left = one.end()
    assert left.files == ()
    assert "(weights)" in left.lost
    assert one.folder.checkpoints() == kept
    assert file.read_bytes() == before
    assert one.record.events["checkpoint_withheld"] >= 20
    assert digest(read_checkpoint(kept[-1]).arrays) == digest(
        one.folder.newest_checkpoint().checkpoint.arrays
    )


def test_while_the_guard_has_stopped_learning_no_checkpoint_is_due(written):
    one = written(every_s=1e-9)
    one.feed(2)
    one.pipeline.obey(Late(10))
    while not one.pipeline.guard.frozen:
        one.feed(1)
    one.settle()
    one.tend()
    kept = one.folder.checkpoints()
    one.feed(10)
    assert one.pipeline.guard.frozen
    assert not one.record.busy
    assert one.folder.checkpoints() == kept


def test_after_a_hole_nothing_begins_with_weights_that_the_guard_does_not_trust(written):
    one = written()
    one.feed()
    mending = Mending(one.record)
    one.damage("weights.w", np.nan)
    assert mending.look(one.session, one.pipeline) is None
    assert not one.record.busy
    one.damage("weights.w", 0.0)
    assert mending.look(one.session, one.pipeline) is None
    while (beginning := mending.look(one.session, one.pipeline)) is None:
        pass
    assert np.isfinite(beginning.checkpoint.arrays["weights.w"]).all()


def test_what_the_guard_gave_up_on_is_not_begun_with_while_there_is_another(written, tmp_path):
    first = written()
    for _ in range(3):
        first.feed()
        first.keep()
    first.record.__exit__(None, None, None)  # a crash
    folder = first.folder
    names = [path.name for path in folder.checkpoints()][::-1]
    assert len(names) == 3
    for name in [*names, names[0]]:  # in the end the newest again
        found = folder.newest_checkpoint()
        assert found.path.name == name
        one = written(beginning=Beginning(found.checkpoint, found.path))
        one.pipeline.guard._ladder._exit("output")
        one.end("the guard gave up")
        assert [path.name for path in folder.checkpoints()][::-1] == names
    assert all("gave up on it" in line for line in found.passed_over)


def test_what_was_of_use_for_a_while_is_not_to_blame(written):
    first = written()
    first.feed()
    first.keep()
    found = first.folder.newest_checkpoint()
    one = written(beginning=Beginning(found.checkpoint, found.path))
    one.feed()
    one.keep()
    one.pipeline.guard._ladder._exit("output")
    one.end("the guard gave up")
    for path in one.folder.checkpoints()[:0:-1]:
        path.unlink()
    found = one.folder.newest_checkpoint()
    assert found.path.name == "checkpoint-0001-0001.npz"
    assert found.passed_over == ()
    assert not (one.folder.path / "blamed.json").exists()


def test_only_what_was_written_in_these_segments_counts_for_a_session_of_its_own(written):
    for _ in range(2):
        one = written()
        one.feed(3)
        one.end()
    folder = one.folder
    assert folder.next_number() == 3
    assert folder.newest_checkpoint(3) is None
    assert folder.newest_checkpoint(2).path.name == "checkpoint-0002-0001.npz"
    folder.checkpoints()[-1].write_bytes(b"no zip")
    with pytest.raises(CheckpointError, match=r"can be gone on from \(.*is no whole checkpoint"):
        folder.newest_checkpoint(2)
    found = folder.newest_checkpoint()
    assert found.path.name == "checkpoint-0001-0001.npz"
    assert len(found.passed_over) == 1
