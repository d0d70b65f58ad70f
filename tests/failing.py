"""`eprop-rt` with a simulated stream, each of whose lives ends in a way of its own: for tests.

As a program: `python failing.py LIVES ARGUMENTS`, where LIVES is JSON: for each start of the daemon
after how many pulls of its source what happens. The last one is that of all later ones too.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from daemon_rig import SMALL
from eprop_rt.errors import DataError
from eprop_rt.guard import Guard
from eprop_rt_services import cli
from eprop_rt_services.bench.memory import SimulatedSource
from eprop_rt_services.commands import run
from eprop_rt_services.daemon import Daemon
from eprop_rt_services.journal.folder import JournalFolder

CHANNELS, OUTPUTS = 96, 2
FOREVER = 10**6
ROOM_BYTES = 10**6


class Source:
    """A simulated stream, and a fault after some pulls."""

    def __init__(self, config, after, fault):
        self._stream, self._left, self._fault = SimulatedSource(FOREVER, print), after, fault
        self._folder = config.journal.folder

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def pull(self, *arguments):
        self._left -= 1
        if self._left == 0:
            getattr(self, self._fault)()
        return self._stream.pull(*arguments)

    def stop(self):
        signal.raise_signal(signal.SIGTERM)

    def kill(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def fail(self):
        raise DataError("the amplifier sent nonsense")

    def hang(self):
        (self._folder / "hangs").touch()
        time.sleep(1000)

    def fail_in_a_step(self):
        Guard.close = lambda *_: 1 / 0  # between learning from a bin and counting it

    def lose_and_kill(self):
        Path(sys.argv[sys.argv.index("--from") + 1]).unlink()
        self.kill()

    def refuse(self):
        """The disk takes no checkpoint of this process any more."""
        for number in range(20):
            name = f".checkpoint-0001-{number:04}.npz.{os.getpid()}.unfinished"
            (self._folder / name).mkdir()

    def fail_on_a_full_disk(self):
        """Which has room for a journal, but not for what was learned."""
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM_BYTES, resource.RLIM_INFINITY))
        self.fail()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def main():
    lives = json.loads(sys.argv.pop(1))

    def daemon(config, *arguments, **options):
        life = len(JournalFolder(config.journal.folder).segments())
        source = Source(config, *lives[min(life, len(lives) - 1)])
        return Daemon(config, *arguments, source=source, **options)

    run.Daemon = daemon
    cli.main()


class Lives:
    """How it went: `status` and `said`, once it has ended."""

    def __init__(self, process, control):
        self._process, self.control = process, control
        self.said = ""

    def end(self):
        _, self.said = self._process.communicate(timeout=120)
        return self._process.returncode


@contextmanager
def lived(folder, *lives, arguments=(), **settings):
    """A daemon with its journal in `folder / "s"`, and such lives."""
    given = {
        **SMALL,
        "lsl.labels.source_id": "nobody",
        "publish.endpoint": f"ipc://{folder}/commands",
        "control.endpoint": f"ipc://{folder}/control",
        "journal.folder": folder / "s",
        "checkpoint.every_s": 1000,
        **{key.replace("__", "."): value for key, value in settings.items()},
    }
    (folder / "empty.yaml").write_text("")
    pairs = [part for key, value in given.items() for part in ("-o", f"{key}={value}")]
    command = [sys.executable, __file__, json.dumps(lives), "run", str(folder / "empty.yaml")]
    process = subprocess.Popen(
        [*command, *pairs, *map(str, arguments)], stderr=subprocess.PIPE, text=True
    )
    try:
        yield Lives(process, given["control.endpoint"])
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    main()
