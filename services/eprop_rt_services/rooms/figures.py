"""Figures over simulations: means with 95 % intervals, by decoder and condition.

`time_to_target_s` counts a failure as the time limit, so that nobody gains by succeeding only where
it is easy; `time_of_successes_s` is of the successes alone. Intervals are Student's t over
simulations.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from eprop_rt.closed_loop.course import Passed
from eprop_rt.closed_loop.intervals import mean_interval
from eprop_rt.closed_loop.metrics import ProbeResult, plateau_time_s, summarise
from eprop_rt.series import F64
from eprop_rt_services.rooms.config import RoomConfig
from eprop_rt_services.rooms.running import Ran

# Of a probe, under the name that the figures have.
MEASURES = {
    "time_to_target_s": "penalised_time_s",
    "success_rate": "success_rate",
    "time_of_successes_s": "time_to_target_s",
    "dial_in_s": "dial_in_s",
    "path_efficiency": "path_efficiency",
    "angular_error_deg": "angular_error_deg",
    "throughput_bits_s": "throughput_bits_s",
    "bitrate_bits_s": "bitrate_bits_s",
}

THROUGHPUT = "mean over successes of log2(D / W + 1) / time"
PLATEAU = (
    "seconds of use until 1 / time, above that of the time limit, is at 90 % of the mean of the "
    "last two probes; mean over the simulations that reached it"
)
# Minutes to proficiency elsewhere, the least and the most; of people, from calibration to a
# plateau. Shanechi et al. 2016, PLoS Comput. Biol. 12:e1004730; Orsborn et al. 2012, IEEE Trans.
# Neural Syst. Rehabil. Eng. 20:468; Brandman et al. 2018, J. Neural Eng. 15:026007.
ANCHORS = {
    "point-process filter": (6.5, 6.5),
    "SmoothBatch": (13.0, 19.0),
    "people": (0.0, 3.0),
}


def figures_of(config: RoomConfig, ran: Sequence[Ran]) -> dict[str, Any]:
    """What `--json` writes; `decoders` are those under the first condition."""
    conditions = [
        {
            "name": each.name,
            "kind": each.kind,
            "share": each.share,
            "decoders": {name: _decoder(of(ran, name), at) for name in config.decoders},
            "slower_than_first": _slower(config, ran, at),
        }
        for at, each in enumerate(config.perturbations)
    ]
    return {
        "simulations": config.simulations,
        "seed": config.seed,
        "population": config.room.population.kind,
        "task": config.room.task.kind,
        "interval": "95 %, Student's t over simulations",
        "time_to_target": "failures count as the time limit",
        "throughput": THROUGHPUT,
        "bitrate": bitrate(config.room.task.choices),
        "plateau": PLATEAU,
        "anchors_min": ANCHORS,
        "decoders": conditions[0]["decoders"],
        "conditions": conditions,
    }


def bitrate(choices: int) -> str | None:
    """The formula of the achieved bitrate with its N; none without a grid of cells."""
    if choices < 2:
        return None
    return f"log2(N - 1) max(0, right - wrong) / time, N = {choices} cells"


def of(ran: Sequence[Ran], name: str) -> list[Ran]:
    """Those of one decoder."""
    return [each for each in ran if each.decoder == name]


def _decoder(ran: Sequence[Ran], at: int) -> dict[str, Any]:
    """One decoder under one condition."""
    passed = [each.result.passed[at] for each in ran]
    k = [probe.k for probe in passed[0].probes]
    plateau = [
        plateau_time_s([p.used_s for p in each.probes], [p.result for p in each.probes])
        for each in passed
    ]
    figures: dict[str, Any] = {"probe": {"k": k, **_probes(passed)}}
    figures["dead_array"] = dead = dead_array(ran, at)
    figures["dead_array_success_rate"] = worst_dead(dead)
    figures["learned"] = _learned(passed)
    figures["frozen_before"] = _trials([each.result.frozen for each in ran])
    figures["plateau_90_s"] = _of_those_that_reached(plateau)
    figures["trials_per_minute"] = per_minute([(each.trials, each.processor_s) for each in ran])
    figures["learning_trials_per_minute"] = per_minute(
        [(each.learned, each.learning_s) for each in ran]
    )
    return figures


def dead_array(ran: Sequence[Ran], at: int) -> dict[str, float]:
    """Success with nothing heard, one control beside the other; `trials` are frozen, of each.

    `most_in_a_simulation` is the worst case: what decodes nothing says a constant, and a constant
    succeeds where targets happen to lie in its way.
    """
    silenced = [each.result.passed[at].silenced for each in ran]
    dead = [each.result.dead for each in ran]
    return {
        "silenced_after_learning": float(np.mean([one.success_rate for one in silenced])),
        "learned_while_dead": float(np.mean([one.success_rate for one in dead])),
        "while_learning": _leak(ran),
        "most_in_a_simulation": max(one.success_rate for one in (*silenced, *dead)),
        "trials": sum(one.trials for one in silenced),
    }


def worst_dead(dead: dict[str, float]) -> float:
    """The larger of the two: one that fails must not hide the other."""
    return max(dead["silenced_after_learning"], dead["learned_while_dead"])


def _slower(config: RoomConfig, ran: Sequence[Ran], at: int) -> dict[str, Any]:
    """By how many seconds the others take longer than the first decoder, simulation by simulation.

    All decoders meet the same people and targets, which differ more than decoders do: the interval
    of the differences says more than two intervals side by side.
    """
    first, *others = (_times(of(ran, name), at) for name in config.decoders)
    told: dict[str, Any] = {}
    for name, times in zip(list(config.decoders)[1:], others, strict=True):
        pairs = [mean_interval(each) for each in (times - first).T]
        told[name] = {
            "difference_s": [mean for mean, _ in pairs],
            "difference_s_interval": [interval for _, interval in pairs],
        }
    return told


def _times(ran: Sequence[Ran], at: int) -> F64:
    """Times to target (simulations, probes), failures as the time limit."""
    by_simulation = sorted(ran, key=lambda each: each.simulation)
    return np.array(
        [[p.result.penalised_time_s for p in r.result.passed[at].probes] for r in by_simulation]
    )


def per_minute(taken: Sequence[tuple[int, float]]) -> float:
    """Trials of one processor by what they took; the median, as the first of a process compiles."""
    told = [60 * trials / seconds for trials, seconds in taken if seconds > 0]
    return float(np.median(told)) if told else math.nan


def _probes(passed: Sequence[Passed]) -> dict[str, Any]:
    """Every measure by k, with its interval."""
    told: dict[str, Any] = {"used_s": []}
    for at in range(len(passed[0].probes)):
        told["used_s"].append(float(np.mean([each.probes[at].used_s for each in passed])))
        results = [each.probes[at].result for each in passed]
        for name, source in MEASURES.items():
            mean, interval = mean_interval([float(getattr(r, source)) for r in results])
            told.setdefault(name, []).append(mean)
            told.setdefault(f"{name}_interval", []).append(interval)
    return told


def _learned(passed: Sequence[Passed]) -> dict[str, Any]:
    """Of the trials learned from: the published protocol's figure, which leaks."""
    return _trials([each.learned for each in passed])


def _trials(each: Sequence[Sequence[Any]]) -> dict[str, Any]:
    results: list[ProbeResult] = [summarise(trials) for trials in each if trials]
    if not results:
        return {}
    told: dict[str, Any] = {"trials": results[0].trials}
    for name in ("time_to_target_s", "success_rate"):
        told |= _named(name, [float(getattr(r, MEASURES[name])) for r in results])
    return told


def _leak(ran: Sequence[Ran]) -> float:
    rates = [each.result.leak.success_rate for each in ran if each.result.leak is not None]
    return float(np.mean(rates)) if rates else math.nan


def _named(name: str, values: Sequence[float]) -> dict[str, Any]:
    mean, interval = mean_interval(values)
    return {name: mean, f"{name}_interval": interval}


def _of_those_that_reached(values: Sequence[float]) -> dict[str, Any]:
    mean, interval = mean_interval(values)
    reached = sum(1 for value in values if math.isfinite(value))
    return {
        "mean": mean,
        "interval": interval,
        "reached": reached,
        "simulations": len(values),
        "each": list(values),
    }
