"""Recordings as live streams, and live streams as recordings: real processes, real LSL."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import numpy as np
import pytest
import pyxdf

import recordings_registry
from daemon_rig import SMALL
from eprop_rt.series import StreamInfo
from eprop_rt_services.lsl_link import LslOutlet, local_clock, marker_outlet
from eprop_rt_services.recordings.xdf_writer import XdfWriter
from eprop_rt_services.zmq_link import ControlClient
from processes import PROGRAM, background, program

pytestmark = pytest.mark.live

LIVE_AS_REPLAY = Path(__file__).resolve().parents[3] / "bench" / "live_as_replay.py"
SECONDS = 3.0
ROLES = "spikes", "velocity", "states", "notes"


def run(*arguments):
    done = program(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def started():
    """What starts `eprop-rt` in the background."""
    with background(*PROGRAM) as start:
        yield start


def wait_for(process, what):
    """Read what a process says until it says that."""
    told = []
    for line in process.stdout or process.stderr:
        told.append(line)
        if what in line:
            return told
    raise AssertionError("".join(told))


@pytest.fixture
def session(tmp_path):
    """Counts, labels and markers of a few seconds, each with a name that nobody else has."""
    names = {role: f"{role} {uuid.uuid4().hex[:8]}" for role in ROLES}
    path = tmp_path / f"{uuid.uuid4().hex}.xdf"
    rng = np.random.default_rng(3)
    stamps = 5000.0 + np.arange(round(100 * SECONDS)) / 100
    later = 5000.005 + np.arange(round(50 * SECONDS)) / 50
    with XdfWriter(path) as writer:
        info = StreamInfo(names["spikes"], 4, 100.0, tuple("abcd"), ("count",) * 4)
        number = writer.add_stream(info, "Ephys", "s", "int16")
        writer.write(number, stamps, rng.poisson(2, (len(stamps), 4)).astype(np.int16))
        number = writer.add_stream(
            StreamInfo(names["velocity"], 2, 50.0), "Labels", "l", "double64"
        )
        writer.write(number, later, rng.normal(size=(len(later), 2)))
        number = writer.add_stream(StreamInfo(names["states"], 1, 0.0), "Markers", "m", "string")
        writer.write(number, stamps[[10, 120, 250]], [("go",), ("stop",), ("end",)])
        number = writer.add_stream(StreamInfo(names["notes"], 2, 0.0), "Notes", "n", "string")
        writer.write(number, stamps[[20, 60]], [("who", "what"), ("", "\u00e9")])
    return path, names


def streams_of(path, names):
    streams, _ = pyxdf.load_xdf(path, synchronize_clocks=False, dejitter_timestamps=False)
    found = {stream["info"]["name"][0]: stream for stream in streams}
    return {role: found[name] for role, name in names.items()}


@pytest.mark.parametrize("speed", [1.0, 2.0])
def test_what_is_played_and_recorded_is_what_it_was(session, tmp_path, started, speed):
    path, names = session
    out = tmp_path / "again.xdf"
    play = started("play", path, "--speed", speed, "--wait-for-reader", stdout=subprocess.PIPE)
    wait_for(play, "waiting for a reader")
    wanted = [part for name in names.values() for part in ("--stream", name)]
    record = started("record", out, *wanted, stdout=subprocess.PIPE)
    assert play.wait(timeout=60) == 0
    record.send_signal(signal.SIGINT)
    told = record.communicate(timeout=30)[0]
    assert record.returncode == 0, told
    was, now = streams_of(path, names), streams_of(out, names)
    origin_s = was["spikes"]["time_stamps"][0]
    begun_s = now["spikes"]["time_stamps"][0]
    assert abs(begun_s - local_clock()) < 100
    for role in names:
        before, after = was[role], now[role]
        np.testing.assert_array_equal(after["time_series"], before["time_series"])
        np.testing.assert_allclose(
            after["time_stamps"] - begun_s, (before["time_stamps"] - origin_s) / speed, atol=1e-6
        )
        for key in ("type", "channel_format", "channel_count"):
            assert after["info"][key] == before["info"][key]
        rates = [float(one["info"]["nominal_srate"][0]) for one in (before, after)]
        assert rates[1] == pytest.approx(rates[0] * speed)
        assert len(after["clock_values"]) >= 1
        assert after["footer"]["info"]["sample_count"] == [str(len(before["time_stamps"]))]
    labels = now["spikes"]["info"]["desc"][0]["channels"][0]["channel"]
    assert [channel["label"] for channel in labels] == [["a"], ["b"], ["c"], ["d"]]


def test_a_recorder_takes_streams_that_join_late_and_outlives_those_that_leave(tmp_path, started):
    unique = uuid.uuid4().hex[:8]
    out = tmp_path / "joined.xdf"
    with LslOutlet(StreamInfo(f"first {unique}", 1, 0.0), unique, f"{unique}-1") as first:
        record = started("record", out, "--stream", f"type={unique}", stdout=subprocess.PIPE)
        wait_for(record, "recording name='first")
        assert first.wait_for_reader(10.0)
        first.push(np.array([local_clock()]), np.array([[1.0]], np.float32))
        with marker_outlet(f"second {unique}", f"{unique}-2", unique) as second:
            wait_for(record, "recording name='second")
            assert second.wait_for_reader(10.0)
            second.mark(local_clock(), "hello")
            time.sleep(0.5)
        wait_for(record, "was lost")
        first.push(np.array([local_clock()]), np.array([[2.0]], np.float32))
        time.sleep(0.5)
        record.send_signal(signal.SIGTERM)
        told = record.communicate(timeout=30)[0]
        assert record.returncode == 0, told
    names = {"first": f"first {unique}", "second": f"second {unique}"}
    streams = streams_of(out, names)
    assert streams["first"]["time_series"].tolist() == [[1.0], [2.0]]
    assert streams["second"]["time_series"] == [["hello"]]


def test_a_full_disk_ends_a_recording_that_reads_up_to_there(tmp_path):
    """No file may grow beyond some blocks here, which the system says as it says a full disk."""
    unique, out = uuid.uuid4().hex[:8], tmp_path / "full.xdf"
    limited = ("bash", "-c", 'ulimit -f 64; exec "$@"', "-", *PROGRAM)  # KiB
    with (
        background(*limited) as start,
        LslOutlet(StreamInfo(f"much {unique}", 64, 0.0), unique, unique) as outlet,
    ):
        record = start(
            "record", out, "--stream", f"type={unique}",
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        wait_for(record, "recording name=")
        assert outlet.wait_for_reader(10.0)
        while record.poll() is None:
            outlet.push(local_clock() + np.arange(20) / 1e3, np.ones((20, 64), np.float32))
            time.sleep(0.02)
        assert record.returncode == 2
        said = record.stderr.read().strip()
    assert said.startswith(f"eprop-rt: {out} could not be written to its end (File too large)")
    assert len(said.splitlines()) == 1
    much = streams_of(out, {"much": f"much {unique}"})["much"]
    assert 100 < len(much["time_series"]) <= 64 * 1024 // (64 * 4)
    assert (much["time_series"] == 1).all()


def test_play_goes_round_with_all_streams_in_step_until_it_is_stopped(session, tmp_path, started):
    path, names = session
    play = started(
        "play", path, "--speed", "10", "--loop", "--wait-for-reader", stdout=subprocess.PIPE
    )
    wait_for(play, "waiting for a reader")
    out = tmp_path / "loops.xdf"
    wanted = [part for name in names.values() for part in ("--stream", name)]
    figures = run("record", out, *wanted, "--seconds", "4", "--json", "-")
    assert json.loads(figures[figures.index("{\n") :])["streams"][0]["samples"] > 0
    play.send_signal(signal.SIGINT)
    assert play.wait(timeout=30) == 0
    was, now = streams_of(path, names), streams_of(out, names)
    begun_s = now["spikes"]["time_stamps"][0]
    assert len(now["spikes"]["time_stamps"]) > 2 * 100 * SECONDS
    np.testing.assert_allclose(np.diff(now["spikes"]["time_stamps"]), 0.001, atol=1e-6)
    for role in names:  # each as if it had been sent round and round, whole and in its place
        stamps, once = now[role]["time_stamps"], was[role]["time_stamps"]
        at = np.arange(len(stamps))
        expected = (once - was["spikes"]["time_stamps"][0])[at % len(once)] / 10
        expected += at // len(once) * SECONDS / 10
        np.testing.assert_allclose(stamps - begun_s, expected, atol=1e-6)
        values = [list(row) for row in was[role]["time_series"]]
        came = [list(row) for row in now[role]["time_series"]]
        assert came == [values[k] for k in at % len(once)]


def test_play_then_run_then_replay_of_the_journal_is_the_same(tmp_path, started):
    recording = tmp_path / f"{uuid.uuid4().hex}.nwb"
    run("simulate", recording, "--minutes", "0.1")
    play = started("play", recording, "--wait-for-reader", stdout=subprocess.PIPE)
    wait_for(play, "waiting for a reader")
    (tmp_path / "empty.yaml").write_text("")
    control = f"ipc://{tmp_path}/control"
    settings = SMALL | {
        "lsl.signal.source_id": f"eprop-rt-play-{recording.stem}-counts",
        "lsl.labels.source_id": f"eprop-rt-play-{recording.stem}-velocity",
        "lsl.max_age_s": 5.0,
        "lsl.wait_s": 60.0,
        "publish.endpoint": f"ipc://{tmp_path}/commands",
        "control.endpoint": control,
        "journal.folder": tmp_path / "session",
    }
    pairs = [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]
    daemon = started("run", tmp_path / "empty.yaml", *pairs, stderr=subprocess.PIPE)
    wait_for(daemon, " ready: ")
    assert play.wait(timeout=60) == 0
    with ControlClient(control) as client:
        bins = client.ask("status", 10.0).status.bins
        client.ask("stop", 10.0)
    assert daemon.wait(timeout=30) == 0
    told = run("replay", tmp_path / "session", "--json", "-")
    figures = json.loads(told[told.index("{\n") :])
    assert figures["identical"]
    assert figures["bins"] == bins >= 290  # 6 s of 20 ms, less what went before it was ready
    assert figures["segments"][0]["live_digest"] == figures["digest"]


def test_contdata95_played_live_decodes_as_well_as_its_replay(tmp_path):
    recording = recordings_registry.find("contdata95")
    out = tmp_path / "figures.json"
    done = subprocess.run(
        [
            sys.executable, str(LIVE_AS_REPLAY), str(recording), "--config", "preset:reaching",
            "-o", "decoder.kind=rls", "-o", "lsl.max_age_s=5", "--minutes", "2", "--speed", "4",
            "--json", str(out),
        ],
        capture_output=True, text=True, timeout=300, check=False, env=os.environ,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(out.read_text())
    assert figures["identical"]
    assert figures["replay"] > 0.2
    assert figures["live"] == pytest.approx(figures["replay"], abs=0.01)


def test_a_recording_without_anything_to_play_is_one_line(tmp_path):
    path = tmp_path / "empty.xdf"
    XdfWriter(path).close()
    done = program("play", path)
    assert done.returncode == 2
    assert "nothing to play" in done.stderr
    assert "Traceback" not in done.stderr
