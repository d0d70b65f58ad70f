"""`eprop-rt` as who types it runs it: a process, to its end or in the background."""

import os
import subprocess
import sys
from contextlib import contextmanager

PROGRAM = (sys.executable, "-m", "eprop_rt_services")


def program(*arguments, timeout_s=600, **environment):
    """Run it to its end, on a terminal so wide that no line of a table is broken."""
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env={**os.environ, "COLUMNS": "200", **environment},
        check=False,
    )


@contextmanager
def background(*before):
    """What starts a command, with `before` before its arguments; all are killed in the end."""
    running = []

    def start(*arguments, **options):
        command = [*before, *map(str, arguments)]
        running.append(subprocess.Popen(command, text=True, **options))
        return running[-1]

    try:
        yield start
    finally:
        for process in running:
            process.kill()
            process.wait()
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()
