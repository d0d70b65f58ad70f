"""The program as a person runs it: a process, its exit status, what it says."""

import hashlib
import json
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest
from typer.testing import CliRunner

from eprop_rt.series import StreamInfo
from eprop_rt_services.cli import COMMANDS, assembled
from eprop_rt_services.recordings import Recording, Series, write_recording
from processes import program
from recordings_registry import find

pytestmark = pytest.mark.process


def session(folder, *, channels=6, bins=400, labels=True, name="session"):
    rng = np.random.default_rng(1)
    wave = np.sin(np.arange(bins)[:, None] * (0.05, 0.08)).astype(np.float32)
    rates = 2 + wave @ rng.normal(0, 1, (2, channels))
    counts = rng.poisson(np.maximum(rates, 0.1)).astype(np.float32)
    stamps = np.arange(bins) * 0.05
    signal = Series(StreamInfo("binned_spikes", channels, 20.0), stamps, counts)
    velocity = Series(StreamInfo("velocity", 2, 20.0, ("x", "y")), stamps, wave)
    path = folder / f"{name}.nwb"
    write_recording(path, Recording(name, signal, velocity if labels else None), "a test")
    return path


FAST = ("--config", "preset:cursor", "-o", "decoder.rehearsal.steps_per_bin=30")


def test_the_help_shows_every_command_and_each_has_an_example():
    text = program("--help").stdout
    for name in COMMANDS:
        assert f"\n  {name} " in text
        one = CliRunner().invoke(assembled([name]), [name, "--help"])
        assert f"Example: eprop-rt {name}" in one.stdout


def test_replay_prints_a_table_and_writes_the_contract(tmp_path):
    out = tmp_path / "figures.json"
    done = program(
        "replay", session(tmp_path), *FAST, "--compare", "wiener,rls,mean", "--json", out
    )
    assert done.returncode == 0, done.stderr
    assert "times real time" in done.stdout
    figures = json.loads(out.read_text())
    assert {"recording", "channels", "bins", "bin_s", "realtime_factor", "digest"} <= figures.keys()
    assert (figures["channels"], figures["bins"], figures["bin_s"]) == (6, 400, 0.05)
    assert list(figures["decoders"]) == ["eprop", "wiener", "rls", "mean"]
    for scores in figures["decoders"].values():
        assert len(scores["r2_eighths"]) == 8
        assert len(scores["r2_last20"]) == len(scores["r_last20"]) == 2


def test_the_same_recording_configuration_and_seed_give_the_same_digest(tmp_path):
    path = session(tmp_path)
    digests = []
    for seed in (0, 0, 1):
        out = tmp_path / "figures.json"
        seeded = ("-o", f"decoder.seed={seed}", "--no-cache")
        program("replay", path, *FAST, *seeded, "--json", out)
        digests.append(json.loads(out.read_text())["digest"])
    assert digests[0] == digests[1] != digests[2]


def test_recordings_in_order_carry_the_weights_over(tmp_path):
    path, out = session(tmp_path, bins=1500), tmp_path / "figures.json"
    thorough = ("--config", "preset:cursor", "-o", "decoder.rehearsal.steps_per_bin=120")
    assert program("replay", path, path, *thorough, "--json", out).returncode == 0
    first, second = json.loads(out.read_text())["recordings"]
    early = [np.mean(one["decoders"]["eprop"]["r2_eighths"][0]) for one in (first, second)]
    assert early[1] > early[0] + 0.2


def test_sweeps_and_costs_are_printed_and_written_and_taken_from_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path, out = session(tmp_path), tmp_path / "figures.json"
    asked = ("--label-delay", "0.5", "--label-share", "0.5", "--perturb", "loss:0.5@0.5")
    written = []
    for _ in range(2):
        done = program(
            "replay", path, *FAST, *asked, "--compare", "nlms,adaptive_kalman,static",
            "--columns", "neurobench", "--json", out,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        written.append(json.loads(out.read_text()))
    told = "of an earlier run: nlms, adaptive_kalman, static (--no-cache replays)"
    assert told in " ".join(done.stdout.split())
    assert "labels 0.5 s late" in done.stdout
    assert "zero: share of all" in done.stdout
    first, second = written
    names = ["eprop", "nlms", "adaptive_kalman", "static"]
    assert [list(c["decoders"]) for c in first["conditions"]] == [names] * 4
    assert first["conditions"][0]["decoders"] == first["decoders"]
    assert first["conditions"][3]["perturbation"] == {"kind": "loss", "share": 0.5, "at": 0.5}
    assert first["decoders"]["eprop"]["neurobench"]["effective_acs"] > 0
    assert first["digest"] == second["digest"]
    assert [r["decoders"]["eprop"]["cached"] for r in written] == [False, False]
    assert [r["decoders"]["static"]["cached"] for r in written] == [False, True]


def test_days_are_compared_with_what_else_could_be_done(tmp_path):
    days = [session(tmp_path, name=name) for name in ("one", "two")]
    out = tmp_path / "figures.json"
    done = program("replay", *days, *FAST, "--across-days", "--json", out)
    assert done.returncode == 0, done.stderr
    assert "two after the day before it" in done.stdout
    figures = json.loads(out.read_text())
    assert [one["recording"] for one in figures["across_days"]] == ["two"]
    compared = figures["across_days"][0]["decoders"]
    assert list(compared) == ["eprop", "rls", "static", "recentred", "refitted"]
    assert compared["eprop"].keys() == {
        "first_minute_r2",
        "minutes_to_90",
        "day_r2",
        "day_r",
        "after_10min_r2",
    }


def test_a_report_is_written_and_changes_no_bit_of_the_replay(tmp_path):
    path, out, figures = session(tmp_path), tmp_path / "out.html", tmp_path / "figures.json"
    digests = []
    for asked in ((), ("--report", out)):
        done = program("replay", path, *FAST, "--compare", "rls", *asked, "--json", figures)
        assert done.returncode == 0, done.stderr
        digests.append(json.loads(figures.read_text())["digest"])
    assert digests[0] == digests[1]
    text = out.read_text()
    assert f"eprop-rt replay {path}" in text
    assert digests[0] in text
    assert hashlib.sha256(path.read_bytes()).hexdigest() in text
    assert f"report: {out} (" in " ".join(done.stdout.split())


def test_where_a_report_goes_is_tried_before_anything_is_read(tmp_path):
    place = tmp_path / "no" / "out.html"
    done = program("replay", tmp_path / "none.nwb", "--report", place)
    assert done.returncode == 2
    assert f"cannot write {place}" in done.stderr


def test_what_draws_reports_is_not_loaded_before_one_is_asked_for():
    assert "bokeh" not in loaded_by("replay")


def test_who_talks_to_a_daemon_does_not_wait_for_the_compiler():
    """Nor for what reads recordings: `ctl stop` is typed in a hurry."""
    assert "eprop_rt_services.zmq_link" in loaded_by("ctl")
    assert not {"numba", "scipy", "eprop_rt.engine", "h5py", "pylsl"} & loaded_by("ctl")


def loaded_by(name):
    """What is imported before the command of this name begins its work."""
    code = (
        "import sys\nfrom eprop_rt_services.cli import assembled\n"
        f"assembled([{name!r}])\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_it_says_which_version_it_is():
    done = program("--version")
    assert (done.returncode, done.stdout) == (0, f"eprop-rt {version('eprop-rt')}\n")


def test_a_recording_without_labels_is_decoded_and_not_scored(tmp_path):
    path, out = session(tmp_path, labels=False), tmp_path / "figures.json"
    done = program("replay", path, *FAST, "-o", "recording.labels=none", "--json", out)
    assert done.returncode == 0, done.stderr
    assert json.loads(out.read_text())["decoders"]["eprop"]["r2"] == [None, None]


def test_the_printed_configuration_is_yaml_that_can_be_given_back(tmp_path):
    path = session(tmp_path)
    printed = program("replay", path, *FAST, "--print-config").stdout
    again = tmp_path / "again.yaml"
    again.write_text(printed)
    assert program("replay", path, "--config", again, "--print-config").stdout == printed


MISTAKES = {
    "an unknown command": ("replya",),
    "a missing recording": ("replay", "none.nwb"),
    "a folder as recording": ("replay", "."),
    "a cut recording": ("replay", "cut.nwb"),
    "an empty recording": ("replay", "empty.xdf"),
    "an unknown key": ("replay", "session.nwb", "--config", "typo.yaml"),
    "an unknown preset": ("replay", "session.nwb", "--config", "preset:rowing"),
    "an unknown decoder": ("replay", "session.nwb", "--compare", "oracle"),
    "an unwritable json": ("replay", "session.nwb", *FAST, "--json", "no/folder/a.json"),
    "an unwritable report": ("replay", "session.nwb", "--report", "no/folder/out.html"),
    "a report over a recording": ("replay", "session.nwb", "--report", "session.nwb"),
    "bins shorter than samples": ("replay", "session.nwb", "-o", "bins.bin_s=0.01"),
    "recordings of two arrays": ("replay", "session.nwb", "other.nwb", *FAST),
    "an unknown column": ("replay", "session.nwb", "--columns", "watts"),
    "a delay that is none": ("replay", "session.nwb", "--label-delay", "soon"),
    "a share beyond one": ("replay", "session.nwb", "--label-share", "2"),
    "an unknown perturbation": ("replay", "session.nwb", "--perturb", "burn:0.3@0.5"),
    "one day only": ("replay", "session.nwb", "--across-days"),
    "days and sweeps": ("replay", *["session.nwb"] * 2, "--across-days", "--label-delay", "1"),
    "an absent label": ("replay", "session.nwb", "-o", "recording.labels=emg"),
    "a stream that never comes": ("run", "preset:cursor", "-o", "lsl.wait_s=0.3"),
    "a daemon that is not there": ("ctl", "status", "--timeout", "0.3"),
    "a public endpoint": ("run", "preset:cursor", "-o", "publish.endpoint=tcp://0.0.0.0:5"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_ends_with_one_line_and_a_status(mistake, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    whole = session(tmp_path).read_bytes()
    session(tmp_path, channels=5, name="other")
    (tmp_path / "cut.nwb").write_bytes(whole[:3000])
    (tmp_path / "empty.xdf").write_bytes(b"")
    (tmp_path / "typo.yaml").write_text("decoder: {kind: eprop, sed: 3}")
    done = program(*MISTAKES[mistake])
    told = [line for line in done.stderr.splitlines() if " INFO " not in line]
    assert done.returncode == 2, done.stderr
    assert len(told) == 1, done.stderr
    assert told[0].startswith("eprop-rt: ")
    assert "Traceback" not in done.stderr + done.stdout


def test_a_session_with_artefacts_ends_with_finite_numbers(tmp_path):
    out = tmp_path / "figures.json"
    path = find("spike_wf/2012-07-20")
    done = program("replay", path, *FAST, "--json", out)
    assert done.returncode == 0, done.stderr
    scores = json.loads(out.read_text())["decoders"]["eprop"]
    assert np.isfinite(np.array(scores["r2"] + scores["r2_last20"], float)).all()
    assert "output_held" not in scores["events"]
