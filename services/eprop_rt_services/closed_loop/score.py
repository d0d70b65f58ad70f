"""A series of trials in numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from eprop_rt_services.closed_loop.messages import Report, TrialReport


@dataclass(frozen=True, slots=True)
class Score:
    """A series of trials; the time is the mean over successes, None where there is none."""

    trials: int
    success_rate: float
    time_to_target_s: float | None


def score(trials: Sequence[TrialReport]) -> Score:
    """Reduce a series of trials; none at all is no success."""
    times = [t.time_to_target_s for t in trials if t.time_to_target_s is not None]
    return Score(
        trials=len(trials),
        success_rate=len(times) / len(trials) if trials else 0.0,
        time_to_target_s=fmean(times) if times else None,
    )


def score_of_all(report: Report) -> Score:
    """Of all trials that ended, kept in the report or not."""
    return Score(
        trials=report.ended,
        success_rate=report.successes / report.ended if report.ended else 0.0,
        time_to_target_s=report.mean_time_s,
    )
