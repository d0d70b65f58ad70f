"""Hyper-parameters of the baselines: the same small search, on the same data, for each of them.

    .venv/bin/python bench/tune_baselines.py FOLDER [--decoders rls,nlms] [--minutes M] [--final]

FOLDER holds the development recordings (docs/recordings.md): contdata95 and the first days of
spike_wf, velocity. A value is tried for one setting at a time, the others as chosen so far, and
kept where it is better: by R2 (mean of axes and recordings) over the last 20 % of the first M
minutes of each recording (never beyond its first 80 %), in one causal pass; offline decoders are
fitted on what comes before. Nothing from the last 20 % of a recording is looked at. What is chosen
with the default M is the default in eprop_rt/config/baselines.py.
--final then replays the recordings whole: R2 over their last 20 %, for the first time.
"""

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np

from eprop_rt.config import BinSettings, DecoderSettings, ScaleSettings
from eprop_rt_services.recordings import Recording, Selection, Series, read_recording
from eprop_rt_services.replay import COMPARABLE, Contestant
from eprop_rt_services.replay.cache import ResultCache, cache_folder
from eprop_rt_services.replay.contestant import Setting

# 2012-07-20 is left out: its artefacts would decide everything (docs/recordings.md).
DEVELOPMENT = ("contdata95", *(f"spike_wf/2012-07-{day}" for day in (18, 19, 21)))
RANGES: dict[str, dict[str, tuple[Any, ...]]] = {
    "wiener": {"lags": (5, 10, 15, 20)},
    "nlms": {
        "step": (0.01, 0.02, 0.05, 0.1),
        "lags": (5, 10, 15),
        "inputs": tuple(ScaleSettings(clip=clip) for clip in (5.0, 10.0, 20.0)),
    },
    "kalman": {
        "lead_s": (0.15, 0.3, 0.45, 0.6),
        "past_s": (0.0, 0.2, 0.4, 0.6),
        "ridge": (1e-4, 1e-3, 1e-2),
    },
    "adaptive_kalman": {
        "half_life_s": (300.0, 1200.0, None),
        "lead_s": (0.3, 0.45, 0.6),
        "past_s": (0.2, 0.4, 0.6),
    },
    "lstm": {
        "learning_rate": (3e-3, 1e-2),
        "dropout": (0.0, 0.1, 0.3),
        "sequence_s": (1.5, 2.5, 5.0),
    },
    "rls": {
        "ridge": (30.0, 300.0),
        "forgetting": (0.9998, 0.99995, 1.0),
        "lags": (5, 10, 15),
    },
}


def main() -> None:
    """Search and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--decoders", default=",".join(RANGES))
    parser.add_argument("--minutes", type=float, default=10.0, metavar="M")
    parser.add_argument("--final", action="store_true", help="replay the recordings whole, too")
    parser.add_argument("--also", nargs="*", default=[], help="more recordings for --final")
    given = parser.parse_args()
    whole = {name: read(given.folder, name) for name in (*DEVELOPMENT, *given.also)}
    parts = [first(whole[name], given.minutes * 60) for name in DEVELOPMENT]
    for name in given.decoders.split(","):
        started = time.perf_counter()
        chosen, value = search(name, parts)
        settings = chosen.model_dump(include=set(RANGES[name]))
        seconds = time.perf_counter() - started
        print(f"{name:16} {value:.3f}  {settings}  ({seconds:.0f} s)", flush=True)
        if given.final:
            each = [f"{key} {quality(name, chosen, [one]):.3f}" for key, one in whole.items()]
            print(f"{'':16} last 20 %: {', '.join(each)}", flush=True)


def read(folder: Path, name: str) -> Recording:
    """One recording with its velocity."""
    return read_recording(folder / f"{name}.nwb", Selection(labels="velocity"))


def first(recording: Recording, seconds: float) -> Recording:
    """The beginning of a recording, at most the 80 % that may be looked at."""
    end_s = recording.signal.stamps[0] + min(seconds, 0.8 * recording.duration_s)
    labels = recording.labels
    return replace(
        recording,
        signal=until(recording.signal, end_s),
        labels=None if labels is None else until(labels, end_s),
    )


def until(series: Series, end_s: float) -> Series:
    """What comes before `end_s`."""
    kept = series.stamps < end_s
    return replace(series, stamps=series.stamps[kept], values=series.values[kept])


def search(name: str, parts: list[Recording]) -> tuple[DecoderSettings, float]:
    """The best settings, one after the other, and how good they are."""
    best = COMPARABLE[name]
    value = quality(name, best, parts)
    for settings in tried(name, best):
        changed = best.model_copy(update=settings)
        came = quality(name, changed, parts)
        if came > value:
            best, value = changed, came
    return best, value


def tried(name: str, start: DecoderSettings) -> Iterator[dict[str, Any]]:
    """One changed setting at a time."""
    for key, values in RANGES[name].items():
        yield from ({key: value} for value in values if value != getattr(start, key))


def quality(name: str, settings: DecoderSettings, recordings: list[Recording]) -> float:
    """R2 over the last 20 %, mean of axes and recordings; results are cached."""
    values = []
    for recording in recordings:
        bin_s = 1 / recording.signal.info.sample_rate_hz
        setting = Setting(BinSettings(bin_s=bin_s), cache=ResultCache(cache_folder()))
        came = Contestant(name, settings, setting).replay(recording, lambda _: None)
        values.append(float(came.score.r2_last20.mean()))
    return float(np.mean(values))


if __name__ == "__main__":
    main()
