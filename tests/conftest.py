"""What must be settled before numpy and liblsl load, and what a run without the JIT leaves out."""

import os
import shutil
import tempfile
from pathlib import Path

# One thread sums in one order; and the machine has other things to do.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import pytest

from eprop_rt_services.lsl_config import CONFIG_VARIABLE, write_loopback_config

# Tests never see the lab's streams, nor those of another run on this machine.
_LSL_FOLDER = Path(tempfile.mkdtemp(prefix="eprop-rt-lsl-"))
write_loopback_config(_LSL_FOLDER / "lsl_api.cfg", session_id=_LSL_FOLDER.name)
os.environ[CONFIG_VARIABLE] = str(_LSL_FOLDER / "lsl_api.cfg")

# Nor is anybody's cache read or written.
os.environ["XDG_CACHE_HOME"] = str(_LSL_FOLDER / "cache")

_WITHOUT_JIT = os.environ.get("NUMBA_DISABLE_JIT") == "1"


def pytest_collection_modifyitems(items):
    if not _WITHOUT_JIT:
        return
    for item in items:
        for marker, reason in (
            ("live", "real time cannot be kept"),
            ("process", "what it starts would take too long"),
            ("large", "it would take too long"),
        ):
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=f"NUMBA_DISABLE_JIT=1: {reason}"))


def pytest_unconfigure():
    shutil.rmtree(_LSL_FOLDER, ignore_errors=True)
