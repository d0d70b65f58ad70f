"""Lines as a reader gets them, over real pipes."""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import numpy as np
import pytest

from daemon_rig import Rig
from eprop_rt_services.logs import LogSettings, is_journal, logging_to
from eprop_rt_services.lsl_link import local_clock

log = logging.getLogger("eprop_rt.test")


@pytest.fixture
def pipe():
    """A pipe's two ends as text files."""
    reading, writing = os.pipe()
    with open(reading, encoding="utf-8") as reader, open(writing, "w", encoding="utf-8") as writer:
        yield reader, writer


def lines_of(pipe, settings, say):
    reader, writer = pipe
    with logging_to(settings, writer):
        say()
    writer.close()
    return reader.read().splitlines()


def test_a_json_line_has_time_level_event_message_and_fields(pipe):
    before = datetime.now(UTC).replace(microsecond=0)
    (line,) = lines_of(
        pipe,
        LogSettings(format="json"),
        lambda: log.warning(
            "the source is gone\nfor %g s", 2.5, extra={"event": "source_lost", "silent_s": 2.5}
        ),
    )
    told = json.loads(line)
    assert before <= datetime.fromisoformat(told.pop("time")) <= datetime.now(UTC)
    assert told == {
        "level": "warning",
        "event": "source_lost",
        "message": "the source is gone\nfor 2.5 s",
        "silent_s": 2.5,
    }


def test_what_json_has_no_form_for_is_written_as_text(pipe):
    fields = {"at": {3}, "loss": float("nan"), "nested": {"x": float("inf")}, "level": "mine"}
    (line,) = lines_of(pipe, LogSettings(format="json"), lambda: log.info("odd", extra=fields))
    told = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert (told["at"], told["loss"], told["nested"]) == ("{3}", "nan", "{'x': inf}")
    assert (told["level"], told["event"]) == ("info", "log")


def test_text_lines_are_for_people(pipe):
    (line,) = lines_of(pipe, LogSettings(), lambda: log.info("ready: %d", 3))
    assert line.endswith(" INFO ready: 3")


def test_the_level_leaves_out_what_is_below_it_and_is_put_back(pipe):
    before = logging.getLogger().level
    lines = lines_of(pipe, LogSettings(level="warning"), lambda: (log.info("no"), log.error("yes")))
    assert [line.split()[-2:] for line in lines] == [["ERROR", "yes"]]
    assert logging.getLogger().level == before


def test_the_systemd_journal_gets_priorities_on_every_line_and_no_time(pipe, monkeypatch):
    status = os.fstat(pipe[1].fileno())
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
    lines = lines_of(
        pipe, LogSettings(), lambda: (log.info("ready"), log.error("one\ntwo"), log.debug("no"))
    )
    assert lines == ["<6>ready", "<3>one", "<3>two"]


def test_a_stream_that_is_not_the_journal_is_told_from_it(pipe, tmp_path):
    _, writer = pipe
    status = os.fstat(writer.fileno())
    journal = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
    assert is_journal(writer, journal)
    assert not is_journal(writer, {})
    with (tmp_path / "log").open("w") as file:
        assert not is_journal(file, journal)
    assert not is_journal(file, journal)  # closed by now


def test_a_reader_that_does_not_read_holds_up_nobody_who_logs(pipe):
    reader, writer = pipe
    said = threading.Event()
    got = []

    def read_late():
        said.wait(60)
        got.extend(reader)

    reading = threading.Thread(target=read_late)
    reading.start()
    with logging_to(LogSettings(format="json"), writer):
        for number in range(2000):  # some hundred kilobytes: more than a pipe holds
            log.info("line %d of many that nobody reads as yet", number)
        said.set()
    writer.close()
    reading.join(60)
    assert [json.loads(line)["message"].split()[1] for line in got] == [
        str(number) for number in range(2000)
    ]


def test_lines_longer_than_a_pipe_holds_come_whole(pipe):
    reader, writer = pipe
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(reader.read)
        with logging_to(LogSettings(), writer):
            log.info("x" * 300_000)
        writer.close()
        assert read.result(60).endswith(" INFO " + "x" * 300_000 + "\n")


def test_a_reader_that_is_gone_ends_nobody_who_logs(pipe):
    reader, writer = pipe
    reader.close()
    with logging_to(LogSettings(), writer):
        log.info("nobody is there")


@pytest.mark.live
def test_a_process_whose_log_nobody_reads_ends_all_the_same():
    code = (
        "import logging\n"
        "from eprop_rt_services import logs\n"
        "logs.LEAVE_S = 0.2\n"
        "with logs.logging_to(logs.LogSettings()):\n"
        "    for number in range(5000):\n"
        "        logging.getLogger('eprop_rt').info('line %d that nobody reads', number)\n"
        "    raise SystemExit(3)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    try:
        assert process.wait(60) == 3
        assert "line 0 that nobody reads" in process.stderr.readline()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.mark.live
def test_a_process_logs_everything_before_it_ends():
    code = (
        "import logging\n"
        "from eprop_rt_services.logs import LogSettings, logging_to\n"
        "with logging_to(LogSettings(format='json')):\n"
        "    logging.getLogger('eprop_rt').info('the end', extra={'event': 'stopped', 'bins': 7})\n"
        "    raise SystemExit(3)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert json.loads(done.stderr)["bins"] == 7


@pytest.mark.live
def test_a_daemon_says_in_json_what_happened_to_it_by_name_and_with_values(tmp_path):
    folder = tmp_path / "s"
    settings = {"journal.folder": folder, "log.format": "json", "log.level": "debug"}
    live = Rig(tmp_path, overrides=settings)
    try:
        live.wait_until_ready()
        live.feed(0.5)
        live.spikes.push(np.full(1, local_clock()), np.full((1, 8), np.nan, np.float32))
        live.feed(1.5)
        live.spikes.close()
        until(lambda: live.ask("status").status.events.get("stream_lost"))
        live.spikes = live.another(live.source_id)
        until(lambda: live.feed(0.1) or live.ask("status").status.events.get("stream_back"))
        live.kill()
        live.wait_until_ready()
        live.first_command_s()
        live.ask("stop")
        assert live.process.wait(timeout=20) == 0
        said = live.told() + live.process.stderr.read()
    finally:
        live.close()

    told = [json.loads(line) for line in said.splitlines() if not from_liblsl(line)]
    named = {}
    for line in told:
        assert line["event"] != "log", line
        named.setdefault(line["event"], []).append(line)
    ready = {key: named["ready"][0][key] for key in ("commands", "control", "level")}
    assert ready == {"commands": live.commands, "control": live.control, "level": "info"}
    found = {"stream": "spikes", "channels": 8, "sample_rate_hz": 100.0, "labels": "velocity"}
    assert found.items() <= named["streams_found"][0].items()
    (lost,) = named["stream_lost"]
    fields = {"stream": "spikes", "role": "stream", "count": 1, "level": "warning"}
    assert fields.items() <= lost.items()
    assert lost["message"] == "stream 'spikes' was lost: its sender is gone"
    assert named["stream_back"][0]["away_s"] > 0
    assert {"value_not_finite": 1} in [
        {name: n for name, n in line["counts"].items() if name == "value_not_finite"}
        for line in named["counted"]
    ]
    assert [line["status"] for line in named["daemon_died"]] == [-9]
    assert len(named["ready"]) == 2
    assert named["stopped"][0]["bins"] > 0
    assert len(named["digest"][0]["digest"]) == 64
    assert named["learned_kept"][0]["file"].startswith(str(folder))


def from_liblsl(line):
    """It has a log of its own, on the same stream."""
    return not line.startswith("{") and "|" in line


def until(condition):
    end_s = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.01)
