"""Any decoder on the bench over the wire, and what the wire may do to it."""

import json
import os
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

import pylsl
import pytest
import zmq
from typer.testing import CliRunner

from eprop_rt.errors import ConfigError, EpropError
from eprop_rt_protocols.screen import SCREEN_TOPIC, decode_screen
from eprop_rt_services.cli import assembled
from eprop_rt_services.lsl_link import lsl_available

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not lsl_available(), reason="liblsl is not installed"),
]

EXAMPLE = Path(__file__).parents[2] / "examples" / "foreign_decoder.py"
PATIENCE_S = 180.0
TRIALS = 8


@contextmanager
def process(*arguments):
    """A program of Python's, until the end of the block."""
    started = subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


@contextmanager
def foreign(name, commands):
    """The decoder of the example, for the bench of this name."""
    streams = "--spikes", f"{name}-spikes", "--labels", f"{name}-labels"
    with process(EXAMPLE, *streams, "--endpoint", commands) as decoder:
        yield decoder


def task(*arguments):
    return process("-m", "eprop_rt_services", "task", *arguments)


@pytest.fixture
def bench(tmp_path):
    """A name, an endpoint for commands, one for screens, a file for figures."""
    name = f"bench-{uuid.uuid4().hex[:12]}"
    return name, f"ipc://{tmp_path}/commands", f"ipc://{tmp_path}/screens", tmp_path / "out.json"


def figures_of(bench, *arguments, trials=TRIALS):
    """What the bench says of the decoder of the example; and what it printed."""
    name, commands, screens, out = bench
    wired = "--name", name, "--commands", commands, "--screens", screens, "--json", out
    with foreign(name, commands), task(*wired, "--trials", trials, *arguments) as running:
        said, complaints = running.communicate(timeout=PATIENCE_S)
    assert (running.returncode, complaints) == (0, "")
    return json.loads(out.read_text()), said


def test_a_decoder_that_is_not_ours_learns_on_the_bench_and_its_trials_are_told(bench):
    figures, said = figures_of(bench)
    name = bench[0]
    assert figures["trials"] >= TRIALS
    assert figures["success_rate"] >= 0.75
    assert 0.4 < figures["time_to_target_s"] < 2.5
    assert figures["commands"] > 100
    assert figures["wire"] == {
        "sent": figures["wire"]["sent"],
        "late": 0,
        "lost": 0,
        "restarts": 0,
        "lost_in_restarts": 0,
    }
    for stream in ("spikes", "labels", "screen", "markers"):
        assert f"{stream} {name}-{stream}" in said
    assert f"{100 * figures['newest']['success_rate']:.0f} % won" in said.splitlines()[-1]
    assert "restarts" not in said


def test_another_population_and_task_of_the_rooms_is_learned_over_the_wire_too(bench):
    figures, _ = figures_of(bench, "preset:bench-gain-field", trials=12)
    assert figures["trials"] >= 12
    # The first are lost to learning.
    assert figures["success_rate"] >= 0.4


@pytest.mark.parametrize(
    ("fault", "count"),
    [
        (("--jitter-ms", 40), "late"),
        (("--loss", 0.1), "lost"),
        (("--restart-every", 10), "restarts"),
    ],
    ids=["jitter", "loss", "restarts"],
)
def test_the_loop_survives_a_bad_wire_and_success_stays(bench, fault, count):
    # The first trials are lost to learning, and to more of it where the wire is bad.
    trials = TRIALS if count == "restarts" else 2 * TRIALS
    figures, said = figures_of(bench, *fault, trials=trials)
    wire = figures["wire"]
    times = wire.pop(count)
    assert times >= 2
    expected = {"late", "lost", "restarts", "lost_in_restarts"} - {count}
    if count == "restarts":
        assert wire["lost_in_restarts"] >= 2 * 40
        expected -= {"lost_in_restarts"}
    assert all(wire[name] == 0 for name in expected)
    assert "restarts" in said.splitlines()[-1]
    # A source that is gone loses the trial of that moment, and no other.
    most_failures = 1 + times if count == "restarts" else trials // 4
    failures = round(figures["trials"] * (1 - figures["success_rate"]))
    assert failures <= most_failures
    assert figures["time_to_target_s"] < 2.5


def taken(socket, running):
    """The next message of a subscriber; where who sends it has ended, its last words."""
    end_s = time.monotonic() + PATIENCE_S
    while not socket.poll(1e3):
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < end_s
    return socket.recv_multipart()


def test_screens_and_markers_tell_of_the_trials_as_they_go(bench):
    name, commands, screens, _ = bench
    with (
        foreign(name, commands),
        task("--name", name, "--commands", commands, "--screens", screens) as running,
        zmq.Context() as context,
        context.socket(zmq.SUB) as reader,
    ):
        reader.connect(screens)
        reader.subscribe(SCREEN_TOPIC)
        found = pylsl.resolve_byprop("source_id", f"{name}-markers", timeout=PATIENCE_S)
        markers = pylsl.StreamInlet(found[0], recover=False)
        markers.open_stream(PATIENCE_S)
        screen, seen = decode_screen(taken(reader, running)), set()
        while screen.successes < 2:
            newer = decode_screen(taken(reader, running))
            assert newer.sequence > screen.sequence
            assert newer.stamp_s > screen.stamp_s
            assert all(target.state == "aim" for target in newer.targets)
            screen = newer
            seen.add(screen.phase)
        texts = [text for (text,) in markers.pull_chunk(timeout=1.0)[0]]
        markers.close_stream()
        running.terminate()
        running.communicate(timeout=PATIENCE_S)
        assert running.returncode == 0
    assert (screen.name, screen.task) == (name, "centre_out")
    assert seen == {"centre", "reach", "pause"}
    assert screen.trial == screen.successes + screen.failures == len(screen.recent)
    assert screen.newest_time_s == [t for t in screen.recent if t.success][-1].time_to_target_s
    assert texts.count("success") == screen.successes
    assert texts.count("failure") == screen.failures
    assert texts.index("target_on") < texts.index("success")


def test_the_bench_waits_for_a_decoder_and_an_order_to_stop_ends_it_in_one_line(bench):
    name, commands, screens, _ = bench
    with task("--name", name, "--commands", commands, "--screens", screens) as running:
        for line in running.stdout:
            if line.startswith("waiting for a decoder"):
                break
        running.terminate()
        complaints = running.communicate(timeout=PATIENCE_S)[1]
    assert complaints == "eprop-rt: stopped\n"
    assert running.returncode == 130


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--commands", "tcp://127.0.0.1:1", "--decoder", "rls"), "one of ours"),
        (("--decoder", "kalman"), "kalman"),
        (("--mouse", "--trials", "3"), "runs until Ctrl-C"),
        (("absent.yaml",), "absent.yaml"),
        (("preset:literature",), "cursor.adds"),
        (("-o", "task.kind=finger_pair", "-o", "task.axes=1"), "axes 1"),
        (("-o", "population.kind=gain_field", "-o", "population.unit=3"), "units"),
        (("--json", "absent/out.json"), "absent"),
    ],
)
def test_a_mistake_is_told_in_one_line_before_anything_starts(arguments, told):
    done = CliRunner().invoke(assembled(), ["task", *arguments])
    assert isinstance(done.exception, EpropError)
    assert told in str(done.exception)
    assert "\n" not in str(done.exception)


def test_an_unknown_key_of_the_loop_is_told_with_those_that_are_known(tmp_path):
    file = tmp_path / "loop.yaml"
    file.write_text("populations: {units: 20}\n")
    done = CliRunner().invoke(assembled(), ["task", str(file)])
    assert isinstance(done.exception, ConfigError)
    assert "populations" in str(done.exception)
    assert "population" in str(done.exception)
