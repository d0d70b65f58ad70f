"""A simulated session is a recording like any other."""

import json

import numpy as np
import pytest

from eprop_rt_services.recordings import Selection, read_recording
from processes import program

pytestmark = pytest.mark.process


def replayed(path, out, *arguments):
    done = program("replay", path, "--config", "preset:demo", "--json", out, *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(out.read_text())


def test_a_simulated_session_replays_at_once_and_is_decoded(tmp_path):
    path = tmp_path / "session.nwb"
    done = program("simulate", path, "--minutes", 1)
    assert done.returncode == 0, done.stderr
    command = f"eprop-rt replay {path} --config preset:demo --compare rls"
    assert command in done.stdout
    figures = replayed(path, tmp_path / "figures.json", "--compare", "rls")
    assert (figures["channels"], figures["bins"], figures["bin_s"]) == (96, 3000, 0.02)
    for name in ("eprop", "rls"):
        assert min(figures["decoders"][name]["r2_last20"]) > 0.5


def test_the_same_seed_is_the_same_session_and_another_seed_is_another(tmp_path):
    digests = []
    for run, seed in enumerate((3, 3, 4)):
        path = tmp_path / f"{run}.nwb"
        assert program("simulate", path, "--minutes", 0.2, "--seed", seed).returncode == 0
        digests.append(replayed(path, tmp_path / "figures.json")["digest"])
    assert digests[0] == digests[1] != digests[2]


def test_nwb_and_xdf_hold_the_same_session(tmp_path):
    series = []
    for suffix in ("nwb", "xdf"):
        path = tmp_path / f"session.{suffix}"
        assert program("simulate", path, "--minutes", 0.2).returncode == 0
        recording = read_recording(path, Selection(labels="velocity"))
        series.append((recording.signal, recording.labels))
    for nwb, xdf in zip(*series, strict=True):
        assert nwb.values.tobytes() == xdf.values.tobytes()
        np.testing.assert_allclose(nwb.stamps, xdf.stamps, atol=1e-9)
        assert nwb.info.channel_names == xdf.info.channel_names
        assert nwb.info.sample_rate_hz == xdf.info.sample_rate_hz == 100.0


def test_a_name_without_a_format_is_refused_in_one_line(tmp_path):
    done = program("simulate", tmp_path / "session.csv", "--minutes", 0.1)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "expected a file ending in .nwb or .xdf" in done.stderr
