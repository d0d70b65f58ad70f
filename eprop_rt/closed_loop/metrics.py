"""What a series of trials says about a decoder."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eprop_rt.closed_loop.task import Trial
from eprop_rt.errors import DataError


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The figures of a series of trials; means over no trials are NaN.

    `time_to_target_s`, `dial_in_s` and `path_efficiency` are means over the successes alone, and so
    flatter a decoder that succeeds only where it is easy; `penalised_time_s` counts every failure
    as the time limit. Times end with the entry that the successful hold began with, or with the
    hold where the task says so.

    `angular_error_deg` is over all trials. `throughput_bits_s` is that of Fitts: the mean over the
    successes of log2(D / W + 1) / time, D the distance from the start and W the target's width.
    `bitrate_bits_s` is that of a grid of N cells, log2(N - 1) max(0, right - wrong) / time, pauses
    included (Nuyujukian et al. 2015, IEEE Trans. Biomed. Eng. 62:1811); NaN without a grid.
    """

    trials: int
    successes: int
    success_rate: float
    time_to_target_s: float
    penalised_time_s: float
    dial_in_s: float
    path_efficiency: float
    angular_error_deg: float = math.nan
    throughput_bits_s: float = math.nan
    bitrate_bits_s: float = math.nan
    time_limit_s: float = math.nan


def summarise(trials: Sequence[Trial]) -> ProbeResult:
    """Reduce a series of trials to its figures; raises DataError where there is none."""
    if not trials:
        raise DataError("there are no trials to summarise; expected at least one: run some first")
    won = [trial for trial in trials if trial.success]
    penalised = [t.time_to_target_s if t.success else t.time_limit_s for t in trials]
    return ProbeResult(
        trials=len(trials),
        successes=len(won),
        success_rate=len(won) / len(trials),
        time_to_target_s=_mean([trial.time_to_target_s for trial in won]),
        penalised_time_s=_mean(penalised),
        dial_in_s=_mean([trial.dial_in_s for trial in won]),
        path_efficiency=_mean([trial.path_efficiency for trial in won]),
        angular_error_deg=_mean(_finite([trial.angular_error_deg for trial in trials])),
        throughput_bits_s=_mean(_finite([throughput_bits_s(trial) for trial in won])),
        bitrate_bits_s=bitrate_bits_s(trials),
        time_limit_s=_mean([trial.time_limit_s for trial in trials]),
    )


def throughput_bits_s(trial: Trial) -> float:
    """Fitts, of one success: log2(D / W + 1) over the time to the target."""
    if trial.time_to_target_s <= 0:
        return math.nan
    return math.log2(trial.distance_cm / trial.width_cm + 1) / trial.time_to_target_s


def bitrate_bits_s(trials: Sequence[Trial]) -> float:
    """Achieved, of selections among N: log2(N - 1) max(0, right - wrong) / time."""
    choices = trials[0].choices
    if choices < 2:
        return math.nan
    right = sum(trial.success for trial in trials)
    wrong = sum(trial.mistake for trial in trials)
    spent_s = sum(trial.lasted_s for trial in trials)
    return math.log2(choices - 1) * max(0, right - wrong) / spent_s


def plateau_time_s(used_s: Sequence[float], probes: Sequence[ProbeResult]) -> float:
    """Seconds of use until 90 % of the plateau, which is the mean of the last two probes.

    What rises is the inverse of the penalised time, above its value at the time limit: 0 where
    nothing succeeds. Linear between probes; NaN where the plateau itself is nothing.
    """
    speed = [1 / p.penalised_time_s - 1 / p.time_limit_s for p in probes]
    goal = 0.9 * (speed[-1] + speed[-2]) / 2 if len(speed) > 1 else math.nan
    if not goal > 0:
        return math.nan
    before = 0.0, 0.0
    for at_s, now in zip(used_s, speed, strict=True):
        if now >= goal:
            share = (goal - before[1]) / (now - before[1]) if now > before[1] else 1.0
            return before[0] + share * (at_s - before[0])
        before = at_s, now
    return math.nan


def _finite(values: Sequence[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
