"""Checkpoints beside the loop: whole or not at all, also on a disk that is full."""

import numpy as np
import pytest

from eprop_rt.errors import ConfigError
from eprop_rt_services.checkpoint import Checkpoint, read_checkpoint
from eprop_rt_services.keeper import CheckpointKeeper
from journal_material import CHANNELS, CONFIG, OUTPUTS
from small_disk import files_no_larger

PATIENCE_S = 20.0


def checkpoint(value):
    arrays = {"weights": np.full(10_000, value)}
    return Checkpoint(CONFIG.decoder, CONFIG.bins, CHANNELS, OUTPUTS, arrays)


def test_a_full_disk_fails_a_checkpoint_by_name_and_leaves_the_one_before(tmp_path, caplog):
    told = []
    path, another = tmp_path / "checkpoint-0001-0001.npz", tmp_path / "b.npz"
    with CheckpointKeeper(lambda path, digest: told.append(path)) as keeper:
        keeper.begin(checkpoint(1.0), [path]).result(PATIENCE_S)
        with files_no_larger(30_000):
            failed = keeper.begin(checkpoint(2.0), [path, another]).exception(PATIENCE_S)
            assert isinstance(failed, ConfigError)
            assert str(path) in str(failed)
        assert keeper.events == {"checkpoint_written": 1, "checkpoint_failed": 2}
        assert caplog.text.count("a checkpoint was not written: cannot write") == 1
        assert list(tmp_path.iterdir()) == [path]
        assert read_checkpoint(path).arrays["weights"][0] == 1.0
        keeper.begin(checkpoint(3.0), [path, another]).result(PATIENCE_S)
    assert told == [path, path, another]
    assert read_checkpoint(path).arrays["weights"][0] == 3.0


def test_one_that_is_still_being_written_keeps_another_from_being_begun(tmp_path):
    with CheckpointKeeper(lambda path, digest: None) as keeper:
        first = keeper.begin(checkpoint(1.0), [tmp_path / "a.npz"] * 20)
        with pytest.raises(ConfigError, match="still being written: ask again"):
            keeper.begin(checkpoint(2.0), [tmp_path / "b.npz"])
        first.result(PATIENCE_S)
        keeper.finish(checkpoint(3.0), [tmp_path / "b.npz"])
    assert keeper.events == {"checkpoint_written": 21}
