"""One daemon a folder: real processes, and a kill."""

import os
import subprocess
import sys

import pytest

from eprop_rt.errors import ConfigError
from eprop_rt_services.journal import lock
from eprop_rt_services.journal.lock import held

HOLDS = """
import os, sys
from pathlib import Path
from eprop_rt_services.journal.lock import held

with held(Path(sys.argv[1]), "ipc://first"):
    if os.fork():
        print(os.getpid(), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as started:
        yield started
        started.kill()


def test_who_comes_second_is_told_in_a_line_who_came_first(tmp_path, holder, monkeypatch):
    parent = int(holder.stdout.readline())
    monkeypatch.setattr(lock, "PATIENCE_S", 0.1)
    with pytest.raises(ConfigError) as refused, held(tmp_path, "ipc://second"):
        pass
    said = str(refused.value)
    assert f"another daemon (process {parent} on " in said
    assert f"control at ipc://first) writes into the journal's folder {tmp_path}" in said
    assert "\n" not in said
    os.kill(parent, 9)  # what was forked holds it on
    with pytest.raises(ConfigError), held(tmp_path, "ipc://second"):
        pass
    holder.stdin.close()  # and is gone as soon as it reads that
    monkeypatch.setattr(lock, "PATIENCE_S", 20.0)
    with held(tmp_path, "ipc://second"):
        assert f"process {os.getpid()} on" in (tmp_path / "daemon.lock").read_text()


def test_a_folder_that_was_let_go_of_can_be_had_again(tmp_path):
    for _ in range(2):
        with held(tmp_path, "ipc://here"):
            pass
