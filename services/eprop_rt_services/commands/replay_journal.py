"""`eprop-rt replay JOURNAL`: the session again, to the bit."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from eprop_rt.errors import RecordingError
from eprop_rt_services.journal.folder import JournalFolder
from eprop_rt_services.journal.reader import is_journal
from eprop_rt_services.journal.reproduce import Reproduced, Reproduction


def segments_of(given: Sequence[Path]) -> list[Path] | None:
    """The segments that are meant, folders opened; None where something else is among them."""
    found: list[Path] = []
    for path in given:
        segments = JournalFolder(path).segments() if path.is_dir() else [path]
        if not segments:
            raise RecordingError(f"{path} holds no journal: give the folder of one, or a recording")
        found += segments
    return found if all(is_journal(path) for path in found) else None


def reproduce(segments: Sequence[Path]) -> dict[str, Any]:
    """Run it again and show how it came out; returns the figures of `--json`."""
    console, figures = Console(), []
    table = Table(
        "segment", "from", "bins", "compared", "differ", "digest", "to the bit",
        box=box.SIMPLE, pad_edge=False,
    )  # fmt: skip
    began_s, stretch_s = time.perf_counter(), 0.0
    for result in Reproduction(segments).run():
        figures.append(figures_of(result))
        stretch_s += result.stretch_s
        table.add_row(
            result.segment.name,
            begins(result),
            str(result.bins),
            str(result.commands),
            str(result.different),
            result.digest[:8],
            verdict(result),
        )
    seconds = time.perf_counter() - began_s
    console.print(table)
    console.print(f"{stretch_s:.0f} s of stream in {seconds:.1f} s", highlight=False)
    return {
        "recording": str(segments[-1]),
        "bins": sum(one["bins"] for one in figures),
        "realtime_factor": stretch_s / seconds,
        "digest": figures[-1]["digest"],
        "identical": all(one["identical"] for one in figures),
        "segments": figures,
    }


def begins(result: Reproduced) -> str:
    """What a segment begins with."""
    return {"zero": "zero", "checkpoint": "checkpoint", "before": "the one before"}[result.origin]


def verdict(result: Reproduced) -> str:
    """Whether it came out as it was, in words."""
    if not result.identical:
        where = "" if result.first_different is None else f" from bin {result.first_different} on"
        return f"no: it differs{where}"
    return "yes" if result.live_digest is not None else "yes, up to a crash"


def figures_of(result: Reproduced) -> dict[str, Any]:
    """One segment's part of `--json`."""
    return {
        "segment": str(result.segment),
        "origin": result.origin,
        "bins": result.bins,
        "commands": result.commands,
        "different": result.different,
        "checkpoints": result.checkpoints,
        "checkpoints_different": result.checkpoints_different,
        "live_digest": result.live_digest,
        "digest": result.digest,
        "identical": result.identical,
    }
