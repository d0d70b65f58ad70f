"""What every command with child processes needs: a folder, its streams apart, and an end."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from eprop_rt_services.lsl_config import loopback_environment, write_loopback_config
from eprop_rt_services.processes.children import Children
from eprop_rt_services.stopping import ENDS, handled


@dataclass(frozen=True, slots=True)
class Company:
    """A folder that will be gone at the end, as will the processes."""

    folder: Path
    children: Children


@contextmanager
def company(prefix: str, *, apart: bool = True) -> Iterator[Company]:
    """Processes in a folder of their own; leaving the block ends them, a signal leaves the block.

    `apart`: their streams stay on this machine, out of sight of all others.
    """
    with ending_on_request(), tempfile.TemporaryDirectory(prefix=prefix) as name:
        folder = Path(name)
        environment = dict(os.environ)
        if apart:
            lsl = folder / "lsl_api.cfg"
            write_loopback_config(lsl, session_id=folder.name)
            environment = loopback_environment(lsl)
        # One thread sums in one order, and the cores have other things to do.
        environment["OPENBLAS_NUM_THREADS"] = "1"
        with Children(folder, environment) as children:
            yield Company(folder, children)


@contextmanager
def ending_on_request() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end this block as Ctrl-C does, so that it can clean up.

    SIGINT too, since a shell starts what it puts into the background with SIGINT ignored.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with handled(ENDS, interrupt):
        yield
