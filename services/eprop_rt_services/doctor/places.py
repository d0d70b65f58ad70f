"""Folders that are written to, and ports that are listened at."""

import os
import shutil
import socket
import tempfile
from pathlib import Path

import eprop_rt
from eprop_rt_services.doctor.check import Check, Patient, verdict

# Samples of 96 channels at 1 kHz, 4 bytes each, and their stamps.
A_DAY_BYTES = (96 * 4 + 8) * 1000 * 86_400


def free_disk(patient: Patient) -> Check:
    """Whether a day's journal has a place."""
    folder = patient.folder.absolute()
    there = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(there).free
    return verdict(
        "free_disk",
        f"{free / 1e9:.0f} GB at {there}",
        ok=free >= A_DAY_BYTES,
        advice=f"a day of 96 channels at 1 kHz takes {A_DAY_BYTES / 1e9:.0f} GB: make room, or "
        "write elsewhere",
    )


def kernel_cache(_: Patient) -> Check:
    """Whether compiled kernels are kept between two starts, where numba looks for a place."""
    beside = Path(eprop_rt.__file__).parent / "kernels/__pycache__"
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "numba"
    named = os.environ.get("NUMBA_CACHE_DIR")
    places = (Path(named),) if named else (beside, home)
    kept = next((place for place in places if writable(place)), None)
    return verdict(
        "kernel_cache",
        f"{places[0]} cannot be written to" if kept is None else str(kept),
        ok=kept is not None,
        advice="point NUMBA_CACHE_DIR to a folder that can be: every start compiles anew otherwise",
    )


def writable(folder: Path) -> bool:
    """Whether a file can be made there, with the folder where that is missing; nothing is left."""
    place = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            return True
    except OSError:
        return False


def ports(patient: Patient) -> Check:
    """Whether the daemon's endpoints are free."""
    config = patient.config
    named = {
        "publish.endpoint": config.publish.endpoint,
        "publish.visual_endpoint": config.publish.visual_endpoint or "",
        "control.endpoint": config.control.endpoint,
        "metrics.endpoint": f"tcp://{config.metrics.endpoint}" if config.metrics.endpoint else "",
    }
    network = {key: place for key, place in named.items() if place.startswith("tcp://")}
    taken = {key: place for key, place in network.items() if not is_free(place)}
    shown = taken or network
    found = ", ".join(f"{key} {place}" for key, place in shown.items()) or "no port is used"
    return verdict(
        "ports",
        f"{'not to be had' if taken else 'free'}: {found}" if shown else found,
        ok=not taken,
        advice="is a daemon running already (eprop-rt ctl status)? Or name others with -o",
    )


def is_free(endpoint: str) -> bool:
    """Whether somebody could listen at tcp://HOST:PORT now; * is every host."""
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    number = int(port) if port.isdigit() else 0  # * : any port
    try:
        with socket.create_server(("" if host == "*" else host, number), family=family):
            return True
    except OSError:
        return False
