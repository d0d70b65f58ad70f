"""`eprop-rt train` as a person runs it, on a simulated session."""

import json
import signal
import subprocess
import time

import numpy as np
import pytest

from eprop_rt_services.checkpoint import read_checkpoint
from eprop_rt_services.commands.simulate import simulated
from eprop_rt_services.config import load_config
from eprop_rt_services.recordings import Recording, read_recording, write_recording
from eprop_rt_services.training import parts_of
from processes import PROGRAM, program
from recordings_registry import find

pytestmark = pytest.mark.process

FAST = (
    "--config",
    "preset:demo",
    "-o",
    "decoder.network.neurons=48",
    "-o",
    "decoder.rehearsal.steps_per_bin=0",
    "-o",
    "training.threads=2",
)


def figures_of(*arguments, out):
    done = program(*arguments, "--json", out)
    assert done.returncode == 0, done.stderr
    return json.loads(out.read_text())


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    path = tmp_path_factory.mktemp("train") / "session.nwb"
    write_recording(path, simulated("session", 1.5, 0), "a test")
    return path


@pytest.fixture(scope="module")
def trained(session):
    """A checkpoint, and what training it said."""
    out = session.with_name("trained.npz")
    return out, figures_of(
        "train", session, *FAST, "--epochs", 15, "--out", out, out=session.with_suffix(".json")
    )


def test_training_decodes_the_rest_of_the_session_and_writes_the_contract(trained):
    out, figures = trained
    assert {"epochs", "seconds", "r2_test", "loss"} <= figures.keys()
    assert figures["epochs"] == 15 == len(figures["loss"]) == len(figures["validation"])
    assert figures["loss"][-1] < 0.6 * figures["loss"][0]
    assert figures["method"] == "bptt"
    assert min(figures["r2_test"]) > 0.6
    assert out.exists()


def test_a_session_is_cut_by_time_and_the_test_is_never_fitted(session):
    config = load_config("preset:demo")
    recording = read_recording(session, config.recording)
    part = parts_of(recording, config)
    lengths = [sum(len(one.inputs) for one in x) for x in (part.fit, part.validation, part.test)]
    assert lengths == [3150, 450, 900]
    counts = np.concatenate([one.inputs for one in part.fit + part.validation + part.test])
    assert counts.sum() == recording.signal.values.sum()


def test_a_replay_goes_on_from_the_checkpoint_and_learns(session, trained, tmp_path):
    out = tmp_path / "figures.json"
    fresh, begun = (
        figures_of("replay", session, *FAST, *more, out=out)
        for more in ((), ("--from", trained[0]))
    )
    of = [np.mean(one["decoders"]["eprop"]["r2_eighths"][0]) for one in (fresh, begun)]
    assert of[1] > 0.6 > of[0]
    assert begun["decoders"]["eprop"]["events"] == {}


def test_training_goes_on_from_a_checkpoint_by_either_method(session, trained, tmp_path):
    further = tmp_path / "further.npz"
    figures = figures_of(
        "train", session, *FAST, "--from", trained[0], "--epochs", 2, "--out", further,
        "--method", "eprop", out=tmp_path / "figures.json",
    )  # fmt: skip
    assert figures["method"] == "eprop"
    assert figures["loss"][0] < 0.6 * trained[1]["loss"][0]
    assert read_checkpoint(further).decoder == read_checkpoint(trained[0]).decoder


def test_the_result_does_not_depend_on_the_number_of_threads(session, tmp_path):
    made = []
    for threads in (1, 3):
        out = tmp_path / f"{threads}.npz"
        given = ("--epochs", 1, "--out", out, "-o", f"training.threads={threads}")
        assert program("train", session, *FAST, *given).returncode == 0
        made.append(out.read_bytes())
    assert made[0] == made[1]


@pytest.mark.live  # it has to be at work in time
def test_control_c_keeps_and_writes_the_best_so_far(session, tmp_path):
    out, json_out = tmp_path / "cut.npz", tmp_path / "cut.json"
    arguments = ("--epochs", 100000, "--out", out, "--json", json_out)
    patience = ("-o", "training.patience=100000", "-o", "training.final_rate=1.0")
    process = subprocess.Popen(
        [*PROGRAM, *map(str, ("train", session, *FAST, *arguments, *patience))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        time.sleep(12)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        said, told = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, told
    assert "the best so far" in said
    assert told.splitlines() == ["eprop-rt: stopped"]
    figures = json.loads(json_out.read_text())
    assert figures["stopped"]
    assert figures["epochs"] < 100000
    assert read_checkpoint(out).inputs == 96


def test_gradients_are_compared_along_a_replay(session, tmp_path):
    given = ("-o", "decoder.rehearsal.steps_per_bin=30", "--compare-gradients", 15)
    figures = figures_of("replay", session, *FAST, *given, out=tmp_path / "figures.json")
    found = figures["gradients"]
    assert found["layers"] == ["input", "recurrent", "bias", "readout"]
    np.testing.assert_allclose(found["time_s"], [15, 30, 45, 60, 75, 90], atol=0.03)
    cosine = np.array(found["cosine"], float)
    assert cosine.shape == np.shape(found["eprop_norm"]) == np.shape(found["bptt_norm"]) == (6, 4)
    np.testing.assert_allclose(cosine[:, 3], 1, atol=1e-4)
    assert (cosine[:, :2] < 1 - 1e-4).all()
    assert (cosine[:, 0] > 0.2).all()


def test_hand_velocity_is_decoded_offline(tmp_path):
    """The bar is .93 of the mean of the axes, on the last fifth of contdata95."""
    path = find("contdata95")
    figures = figures_of(
        "train", path, "--config", "preset:reaching", "--epochs", 80, "--out", tmp_path / "c.npz",
        out=tmp_path / "figures.json",
    )  # fmt: skip
    assert np.mean(figures["r2_test"]) >= 0.93


OUT = ("--out", "out.npz")
MISTAKES = {
    "no labels": ("train", "silent.nwb", *FAST, *OUT, "-o", "recording.labels=none"),
    "another method": ("train", "session.nwb", *FAST, *OUT, "--method", "hebb"),
    "an unknown key": ("train", "session.nwb", *FAST, *OUT, "-o", "training.epoch=3"),
    "a missing recording": ("train", "none.nwb", *FAST, *OUT),
    "an unwritable file": ("train", "session.nwb", *FAST, "--out", "no/folder/out.npz"),
    "another decoder": ("train", "session.nwb", *OUT, "-o", "decoder.kind=rls"),
    "no checkpoint": ("train", "session.nwb", *FAST, *OUT, "--from", "none.npz"),
    "a damaged checkpoint": ("replay", "session.nwb", *FAST, "--from", "damaged.npz"),
    "other settings": ("replay", "session.nwb", *FAST, "-o", "decoder.seed=5", "--from", "ok.npz"),
    "a daemon's other settings": ("run", "preset:cursor", "--from", "ok.npz"),
    "gradients of another decoder": (
        "replay", "session.nwb", "-o", "decoder.kind=rls", "--compare-gradients", 5,
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_ends_with_one_line_and_status_two(
    mistake, session, trained, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "session.nwb").symlink_to(session)
    (tmp_path / "ok.npz").symlink_to(trained[0])
    whole = trained[0].read_bytes()
    (tmp_path / "damaged.npz").write_bytes(whole[: len(whole) // 2])
    recording = simulated("silent", 0.1, 0)
    write_recording(tmp_path / "silent.nwb", Recording("silent", recording.signal, None), "a test")
    done = program(*MISTAKES[mistake])
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("eprop-rt: ")
    assert not (tmp_path / "out.npz").exists()
