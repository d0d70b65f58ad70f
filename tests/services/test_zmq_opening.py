"""A signal in the midst of opening a socket: it is heard, and nothing waits for ever."""

import subprocess
import sys
from pathlib import Path

import pytest

import interrupted

pytestmark = pytest.mark.live

PATIENCE_S = 60.0


@pytest.mark.parametrize("what", interrupted.OPENED)
def test_a_signal_while_a_socket_is_opened_is_raised_once_it_is_there(what, tmp_path):
    script = Path(interrupted.__file__)
    ended = subprocess.run(
        [sys.executable, str(script), what, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    assert ended.stdout == "interrupted\n"
    assert ended.stderr == ""
