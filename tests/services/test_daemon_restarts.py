"""What a daemon goes on from after it has failed, and what it leaves alone: real processes."""

import numpy as np
import pytest

from daemon_rig import SMALL, replayed
from eprop_rt.decoder import build_decoder
from eprop_rt.errors import StreamError
from eprop_rt_services.checkpoint import Checkpoint, digest, read_checkpoint, write_checkpoint
from eprop_rt_services.config import load_config
from eprop_rt_services.journal.events import End, Ordered
from eprop_rt_services.journal.folder import JournalFolder, Standing
from eprop_rt_services.journal.reader import entries, head_of
from eprop_rt_services.zmq_link import ControlClient
from failing import CHANNELS, OUTPUTS, lived
from wire_material import PATIENCE_S, until

pytestmark = pytest.mark.live

# A guard that comes to its last rung within some seconds of stream.
QUICK = {
    "guard__skips": 1,
    "guard__freezes": 1,
    "guard__rollbacks": 1,
    "guard__holds": 1,
    "guard__exit_after_s": 0.5,
}


@pytest.fixture
def folder(tmp_path):
    return JournalFolder(tmp_path / "s")


def origins(folder):
    return [(head.origin, head.checkpoint) for head in map(head_of, folder.segments())]


def ends(folder):
    """How each segment ended; None as after a crash."""
    found = [[one for one in entries(path) if isinstance(one, End)] for path in folder.segments()]
    return [one[0].cause if one else None for one in found]


def checkpoint(tmp_path, **damage):
    """Of a decoder that has learned something, with some arrays set to a value."""
    (tmp_path / "none.yaml").write_text("")
    settings = [f"{key}={value}" for key, value in SMALL.items()]
    config = load_config(str(tmp_path / "none.yaml"), settings)
    decoder = build_decoder(config.decoder, CHANNELS, OUTPUTS, config.bins.bin_s)
    random = np.random.default_rng(0)
    for _ in range(100):
        decoder.predict_one(random.poisson(1, CHANNELS).astype(np.float32))
        decoder.learn_one(random.normal(size=OUTPUTS).astype(np.float32))
    arrays = decoder.snapshot()
    for name, value in damage.items():
        arrays[name.replace("__", ".")][:] = value
    return Checkpoint(config.decoder, config.bins, CHANNELS, OUTPUTS, arrays)


def test_a_fault_in_the_loop_is_no_mistake_of_the_user_and_what_was_learned_is_kept(
    tmp_path, folder
):
    with lived(tmp_path, (30, "fail"), (30, "stop")) as lives:
        assert lives.end() == 0
    assert lives.said.count("the amplifier sent nonsense") == 1
    assert "ended with exit status 3: it is started anew" in lives.said
    assert ends(folder) == ["the amplifier sent nonsense", "stopped"]
    assert origins(folder) == [("zero", None), ("checkpoint", "checkpoint-0001-0001.npz")]
    figures = replayed(folder.path)
    assert figures["identical"]
    assert all(segment["live_digest"] for segment in figures["segments"])


def test_a_fault_within_a_step_leaves_nothing_that_is_half_done(tmp_path, folder):
    with lived(tmp_path, (30, "fail_in_a_step"), (30, "stop")) as lives:
        assert lives.end() == 0
    assert "it failed in the midst of a step" in lives.said
    assert ends(folder) == [None, "stopped"]
    assert origins(folder) == [("zero", None), ("zero", None)]
    assert replayed(folder.path)["identical"]


@pytest.mark.parametrize("neurons", [16, 12])
def test_a_fresh_session_that_crashes_begins_afresh_whatever_others_left(tmp_path, folder, neurons):
    with lived(tmp_path, (30, "stop")) as lives:
        assert lives.end() == 0
    assert len(folder.checkpoints()) == 1
    folder.leave(Standing("operator", {"guard.output_sigma": 6.0}))  # and that one crashed
    settings = {"decoder__network__neurons": neurons}
    with lived(tmp_path, (30, "stop"), (30, "kill"), (30, "stop"), **settings) as lives:
        assert lives.end() == 0
    assert origins(folder) == [("zero", None)] * 3
    orders = [one for one in entries(folder.segments()[-1]) if isinstance(one, Ordered)]
    assert not [one for one in orders if one.by == "operator"]
    assert replayed(folder.path)["identical"]


def test_a_session_that_began_with_a_file_needs_it_no_more(tmp_path, folder):
    start = tmp_path / "start.npz"
    write_checkpoint(start, checkpoint(tmp_path))
    lives = (30, "lose_and_kill"), (30, "stop")
    with lived(tmp_path, *lives, arguments=("--from", start)) as lives:
        assert lives.end() == 0
    assert not start.exists()
    assert origins(folder) == [("checkpoint", "checkpoint-0001-0001.npz")] * 2
    assert replayed(folder.path)["identical"]


def test_a_file_with_weights_that_are_not_finite_is_refused_at_the_start(tmp_path):
    start = tmp_path / "start.npz"
    write_checkpoint(start, checkpoint(tmp_path, weights__w_out=np.inf))
    with lived(tmp_path, (30, "stop"), arguments=("--from", start)) as lives:
        assert lives.end() == 2
    assert (
        lives.said == f"eprop-rt: {start}: weights.w_out in it is not finite: take an older one\n"
    )


def test_a_full_disk_does_not_hide_why_a_daemon_failed(tmp_path, folder):
    large = {"decoder__rehearsal__memory_s": 120}
    with lived(tmp_path, (30, "fail_on_a_full_disk"), (30, "stop"), **large) as lives:
        assert lives.end() == 0
    assert lives.said.count("amplifier") == 1
    assert "what was learned last is not kept: cannot write the checkpoint" in lives.said
    assert ends(folder) == ["the amplifier sent nonsense", "stopped"]
    assert replayed(folder.path)["identical"]


def test_a_stop_is_obeyed_at_once_and_says_that_what_was_learned_is_not_kept(tmp_path, folder):
    kept = tmp_path / "kept.npz"
    with lived(tmp_path, (30, "refuse"), checkpoint__file=kept) as lives:
        until(lambda: list(folder.path.glob(".checkpoint-0001-0019*")))
        with ControlClient(lives.control) as client:
            reply = client.ask("stop", PATIENCE_S)
        assert lives.end() == 4
    assert not reply.ok
    assert reply.error.startswith("the daemon has stopped, but what it learned last is not on the")
    assert "cannot write the checkpoint" in reply.error
    assert "is started anew" not in lives.said
    assert read_checkpoint(kept)  # another disk took it
    assert ends(folder) == ["stopped"]
    assert replayed(folder.path)["identical"]


def test_a_stop_is_heard_while_the_loop_hangs_and_nothing_is_started_anew(tmp_path, folder):
    with lived(tmp_path, (30, "hang"), restart__hang_s=1.0) as lives:
        until((folder.path / "hangs").exists)
        with (
            ControlClient(lives.control) as client,
            pytest.raises(StreamError, match="no answer"),
        ):
            client.ask("stop", 0.5)
        assert lives.end() == 4
    assert "the daemon was killed by SIGKILL when told to end" in lives.said
    assert "is started anew" not in lives.said
    assert replayed(folder.path)["identical"]


def test_a_guard_that_gives_up_leaves_no_weights_and_the_next_daemon_takes_better_ones(
    tmp_path, folder
):
    """In the folder: good weights, newer ones that diverged, and the newest are no numbers."""
    folder.make()
    good = checkpoint(tmp_path)
    write_checkpoint(folder.path / "checkpoint-0000-0001.npz", good)
    diverged = checkpoint(tmp_path, weights__w_out=3e38)
    write_checkpoint(folder.path / "checkpoint-0000-0002.npz", diverged)
    broken = checkpoint(tmp_path, weights__w=np.nan)
    write_checkpoint(folder.path / "checkpoint-0000-0003.npz", broken)
    kept = tmp_path / "kept.npz"
    with lived(
        tmp_path,
        (100_000, "fail"),
        (60, "stop"),
        arguments=("--resume",),
        checkpoint__file=kept,
        checkpoint__every_s=0.05,
        **QUICK,
    ) as lives:
        assert lives.end() == 0
    assert "checkpoint-0000-0003.npz: weights.w in it is not finite" in lives.said
    assert "the guard gave up (output): another start is needed" in lives.said
    assert "ended with exit status 3: it is started anew" in lives.said
    assert "checkpoint-0000-0002.npz: the guard gave up on it" in lives.said
    assert origins(folder) == [
        ("checkpoint", "checkpoint-0000-0002.npz"),
        ("checkpoint", "checkpoint-0000-0001.npz"),
    ]
    assert ends(folder)[0].startswith("the guard gave up (output)")
    assert not [path for path in folder.checkpoints() if "-0001-" in path.name[:16]]
    ended = read_checkpoint(kept)  # by the second one alone
    assert np.isfinite(ended.arrays["weights.w_out"]).all()
    assert digest(ended.arrays) == digest(folder.newest_checkpoint().checkpoint.arrays)
    figures = replayed(folder.path)
    assert figures["identical"]
    assert all(segment["live_digest"] for segment in figures["segments"])
