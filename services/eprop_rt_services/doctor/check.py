"""What every check takes and gives."""

from dataclasses import dataclass, field
from pathlib import Path

from eprop_rt_services.config import Config


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at; `advice` says what to do, and is empty where nothing is to be done."""

    name: str
    ok: bool
    found: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """The machine, by the roots of what the kernel tells, and what is to run on it.

    `folder` is where journals and checkpoints go.
    """

    config: Config = field(default_factory=Config)
    folder: Path = Path()
    proc: Path = Path("/proc")
    sys: Path = Path("/sys")


def verdict(name: str, found: str, *, ok: bool, advice: str) -> Check:
    """A check whose advice is given where it is needed."""
    return Check(name, ok, found, "" if ok else advice)


def text_of(path: Path) -> str | None:
    """What a file of the kernel says; None where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None


def chosen(text: str, marks: str = "[]") -> str | None:
    """The one of several words that is in brackets: never in "always [never]"."""
    for word in text.split():
        if word[0] + word[-1] == marks:
            return word[1:-1]
    return None


def soft_limit(patient: Patient, name: str) -> int | None:
    """One of our resource limits; None: unlimited. Zero where it is not told."""
    for line in (text_of(patient.proc / "self/limits") or "").splitlines():
        if line.startswith(name):
            value = line[len(name) :].split()[0]
            return None if value == "unlimited" else int(value)
    return 0


def may(patient: Patient, capability: int) -> bool:
    """Whether this process has a capability, for which no limit holds."""
    for line in (text_of(patient.proc / "self/status") or "").splitlines():
        key, _, value = line.partition(":")
        if key == "CapEff":
            return bool(int(value, 16) >> capability & 1)
    return False
