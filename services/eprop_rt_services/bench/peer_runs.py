"""Runs the peers that are installed, one after the other, each in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from eprop_rt.errors import ConfigError
from eprop_rt_services.bench.peers.workload import Figures, Work

CHECKOUT = Path(__file__).parents[3]
PACKAGES = Path(__file__).parents[2]  # the folder that holds eprop_rt_services
PEERS_PACKAGE = "eprop_rt_services.bench.peers."
HOW_TO_INSTALL = "make peers"

# Our folder comes last, so that a peer's environment keeps its own libraries where both have them.
START = (
    "import runpy, sys; folder, module = sys.argv[1:3]; sys.path.append(folder); "
    "del sys.argv[1:3]; runpy.run_module(module, run_name='__main__', alter_sys=True)"
)
FIND = (
    "import importlib.util, json, sys; "
    "print(json.dumps([m for m in sys.argv[1:] if importlib.util.find_spec(m) is not None]))"
)


@dataclass(frozen=True, slots=True)
class Peer:
    """A program of `peers`."""

    name: str
    module: str  # of `peers`
    needs: tuple[str, ...]  # modules to import
    arguments: tuple[str, ...] = ()


PEERS = (
    Peer("PyTorch", "pytorch", ("torch",)),
    Peer("braintrace", "braintrace", ("braintrace", "brainstate", "jax")),
    Peer(
        "braintrace, step by step",
        "braintrace",
        ("braintrace", "brainstate", "jax"),
        ("--step-by-step",),
    ),
    Peer(
        "braintrace (membrane as a state)",
        "braintrace",
        ("braintrace", "brainstate", "jax"),
        ("--model", "membrane"),
    ),
    Peer("snnTorch", "snntorch", ("snntorch", "torch")),
    Peer("NEST", "nest", ("nest",)),
)


@dataclass(frozen=True, slots=True)
class PeerSkipped:
    """Why a peer has no figures, in one line."""

    name: str
    reason: str


def peers_python(checkout: Path = CHECKOUT) -> Path:
    """The interpreter of the peers' environment where there is one, or else this one."""
    own = checkout / ".venv-peers" / "bin" / "python"
    return own if own.exists() else Path(sys.executable)


def installed_modules(python: Path) -> frozenset[str]:
    """Those modules that peers need which `python` finds; raises ConfigError if it does not run."""
    modules = sorted({module for peer in PEERS for module in peer.needs})
    try:
        answer = subprocess.run(
            [python, "-P", "-c", FIND, *modules],
            capture_output=True,
            text=True,
            timeout=60.0,
            check=True,
        )
        return frozenset(json.loads(answer.stdout))
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise ConfigError(
            f"{python} does not run as Python 3.11 or newer: give the interpreter of the "
            f"environment that holds the peers ({HOW_TO_INSTALL} sets one up)"
        ) from error


def run_peers(
    work: Work,
    python: Path | None = None,
    limit_s: float = 300.0,
    peers: Sequence[Peer] = PEERS,
) -> list[Figures | PeerSkipped]:
    """The figures of each peer that `python` has, or why there are none.

    Each may take `limit_s`, its start and compilation included. Without `python`: peers_python().
    Raises ConfigError where the interpreter does not run.
    """
    interpreter = python or peers_python()
    installed = installed_modules(interpreter)
    results: list[Figures | PeerSkipped] = []
    for peer in peers:
        missing = [module for module in peer.needs if module not in installed]
        if missing:
            reason = f"{missing[0]} is not installed: {HOW_TO_INSTALL}"
            results.append(PeerSkipped(peer.name, reason))
        else:
            results.append(run_peer(peer, work, interpreter, limit_s))
    return results


def run_peer(peer: Peer, work: Work, python: Path, limit_s: float) -> Figures | PeerSkipped:
    """One peer in a process of its own, which keeps to one core."""
    program = [str(python), "-P", "-c", START, str(PACKAGES), PEERS_PACKAGE + peer.module]
    asked = [f"--{name}={value}" for name, value in asdict(work).items()]
    try:
        done = subprocess.run(
            [*program, *asked, *peer.arguments],
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return PeerSkipped(peer.name, f"took longer than {limit_s:g} s")
    if done.returncode != 0:
        return PeerSkipped(peer.name, f"failed: {_last_line(done.stderr) or done.returncode}")
    try:
        return Figures(**json.loads(_last_line(done.stdout)))
    except (ValueError, TypeError):
        return PeerSkipped(peer.name, f"printed no figures but {_last_line(done.stdout)!r}")


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""
