"""What a report is made of: one chapter a recording, and how it was made."""

import hashlib
import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from eprop_rt.config import BinSettings
from eprop_rt.series import F64
from eprop_rt_services.observing import Seen
from eprop_rt_services.recordings import Recording
from eprop_rt_services.recordings.recording import channel_names
from eprop_rt_services.replay.across_days import Transition
from eprop_rt_services.replay.cache import code_version
from eprop_rt_services.replay.contestant import Outcome, Replayed
from eprop_rt_services.replay.source import outputs_of, true_labels

PACKAGES = ("numpy", "numba", "llvmlite", "bokeh", "torch")


@dataclass(frozen=True, slots=True, eq=False)
class Chapter:
    """One recording; the first outcome is that of the recording as it was made.

    `sha256` is of its file; `gradients` as `GradientWatch.take` gives them.
    """

    recording: Recording
    sha256: str
    bins: BinSettings
    outcomes: list[Outcome]
    seen: Seen | None = None
    gradients: dict[str, Any] | None = None
    night: Transition | None = None

    @property
    def results(self) -> list[Replayed]:
        """Of the recording as it was made, the configured decoder's first."""
        return self.outcomes[0][1]

    @property
    def axes(self) -> list[str]:
        """Names of the outputs."""
        outputs, labels = outputs_of(self.recording), self.recording.labels
        names = () if labels is None else labels.info.channel_names
        numbered = channel_names((), outputs)  # what a reader puts where a file has none
        if len(names) != outputs or names == numbered:
            return [f"axis {k + 1}" for k in range(outputs)]
        return list(names)

    @property
    def true(self) -> F64:
        """The label of each bin decoded (bins, outputs), NaN where there is none."""
        return true_labels(self.recording, self.bins, self.results[0].index.tolist())

    @property
    def minutes(self) -> F64:
        """The end of each bin decoded (bins,)."""
        return np.asarray((self.results[0].index + 1) * (self.bins.bin_s / 60), np.float64)


@dataclass(frozen=True, slots=True)
class Making:
    """How to make a report again: the command, its configuration in full, and with what."""

    command: str
    configuration: str
    versions: tuple[tuple[str, str], ...]
    date: str


def making(command: str, configuration: str) -> Making:
    """Of now, on this machine."""
    versions = [("eprop-rt", f"{version('eprop-rt')}, source {code_version()[:16]}")]
    versions.append(("Python", platform.python_version()))
    versions += [(name, version(name)) for name in PACKAGES]
    versions.append(("processor", f"{processor()}, {os.cpu_count()} cores"))
    versions.append(("system", f"{platform.system()} {platform.machine()}"))
    date = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return Making(command, configuration, tuple(versions), date)


def version(package: str) -> str:
    """As installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def processor() -> str:
    """Its name, as Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def sha256_of(path: Path) -> str:
    """Of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
