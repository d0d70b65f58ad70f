"""Interpreter and libraries."""

import os
import platform
import subprocess
import sys
from pathlib import Path

from eprop_rt_services.doctor.check import Check, Patient, text_of, verdict
from eprop_rt_services.lsl_config import CONFIG_VARIABLE

GLIBC_OF_THE_WHEEL = (2, 35)
LOCAL_OUTLETS_FOUND = 118
# In a process of its own: a library of another kind may end it.
PROBE = "import pylsl; print(pylsl.library_version(), pylsl.lib.lib._name)"
LSL_FILES = (
    Path("lsl_api.cfg"),
    Path.home() / "lsl_api/lsl_api.cfg",
    Path("/etc/lsl_api/lsl_api.cfg"),
)


def python(_: Patient) -> Check:
    """The interpreter, and whether it has its lock: kernels are compiled for one that has."""
    locked: bool = getattr(sys, "_is_gil_enabled", lambda: True)()
    found = f"{platform.python_implementation()} {platform.python_version()}"
    return verdict(
        "python",
        f"{found}, {'with' if locked else 'without'} the GIL",
        ok=locked and sys.version_info >= (3, 11),
        advice="take an ordinary CPython 3.11 or newer, not a free-threaded one",
    )


def glibc(_: Patient) -> Check:
    """Whether the liblsl that comes with pylsl can load."""
    library, version = platform.libc_ver()
    known = library == "glibc" and tuple(map(int, version.split("."))) >= GLIBC_OF_THE_WHEEL
    return verdict(
        "glibc",
        f"{library or 'no glibc'} {version}".strip(),
        ok=known,
        advice="the liblsl in pylsl's wheel needs glibc 2.35 (Ubuntu 22.04, Debian 12): install "
        "liblsl with conda and point PYLSL_LIB to it, or take the container",
    )


def liblsl(_: Patient) -> Check:
    """Which liblsl is loaded, and from where."""
    asked = os.environ.get("PYLSL_LIB")
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=60, check=False
        )
    except subprocess.TimeoutExpired:
        return Check("liblsl", False, "does not answer", "reinstall it: pip install pylsl")
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        advice = "pip install pylsl (x86-64), or conda install -c conda-forge liblsl and PYLSL_LIB"
        return Check("liblsl", False, reason, advice)
    number, path = done.stdout.strip().splitlines()[-1].split(maxsplit=1)
    found = f"{int(number) // 100}.{int(number) % 100} at {path}"
    if asked and Path(asked).resolve() != Path(path).resolve():
        advice = "PYLSL_LIB names no library that loads: mend or unset it"
        return Check("liblsl", False, f"{found}, not PYLSL_LIB ({asked})", advice)
    return verdict(
        "liblsl",
        found,
        ok=int(number) >= LOCAL_OUTLETS_FOUND,
        advice="before 1.18 it may miss outlets on this machine: pip install --upgrade pylsl",
    )


def lsl_scope(_: Patient) -> Check:
    """How far streams are looked for, by liblsl's configuration file."""
    named = os.environ.get(CONFIG_VARIABLE)
    files = (Path(named),) if named else LSL_FILES
    for file in files:
        if (text := text_of(file)) is not None:
            return Check("lsl_scope", True, f"{scope_in(text)} ({file})")
    advice = f"{CONFIG_VARIABLE} names a file that cannot be read: mend or unset it"
    found = f"{named} is not there" if named else "site, liblsl's default (no lsl_api.cfg)"
    return verdict("lsl_scope", found, ok=not named, advice=advice)


def scope_in(text: str) -> str:
    """What a configuration says of the scope."""
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if key.strip().lower() == "resolvescope":
            return value.strip()
    return "site"
