"""What a series of trials says about a decoder."""

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
    as the time limit. Times end with the entry that the successful hold began with.
    """

    trials: int
    successes: int
    success_rate: float
    time_to_target_s: float
    penalised_time_s: float
    dial_in_s: float
    path_efficiency: float


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
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
