"""What `replay --json` writes: a contract that scripts read."""

from dataclasses import asdict
from typing import Any

from eprop_rt.cost import Cost
from eprop_rt_services.commands.class_tables import class_scores
from eprop_rt_services.config import Config
from eprop_rt_services.recordings import Recording
from eprop_rt_services.replay import Replayed
from eprop_rt_services.replay.across_days import Transition
from eprop_rt_services.replay.conditions import Condition
from eprop_rt_services.replay.contestant import Outcome


def recording_figures(
    recording: Recording, settings: Config, outcomes: list[Outcome]
) -> dict[str, Any]:
    """Of one recording; the first outcome is that of the recording as it was made."""
    results = outcomes[0][1]
    main = results[0]
    figures = {
        "recording": recording.name,
        "channels": recording.signal.info.channels,
        "bins": main.bins,
        "labelled_bins": main.labelled,
        "bin_s": settings.bins.bin_s,
        "realtime_factor": main.bins * settings.bins.bin_s / main.seconds,
        "digest": main.digest,
        "decoders": {result.decoder: scores(result) for result in results},
    }
    if settings.classes is not None:
        figures["classes"] = list(settings.classes.labels)
    if len(outcomes) > 1:
        figures["conditions"] = [condition_figures(*outcome) for outcome in outcomes]
    return figures


def condition_figures(condition: Condition, results: list[Replayed]) -> dict[str, Any]:
    """Of one condition."""
    return {
        "name": condition.name,
        **asdict(condition),
        "decoders": {result.decoder: scores(result) for result in results},
    }


def scores(result: Replayed) -> dict[str, Any]:
    """One decoder's figures."""
    return {
        "r2": result.score.r2.tolist(),
        "r": result.score.r.tolist(),
        "r2_last20": result.score.r2_last20.tolist(),
        "r_last20": result.score.r_last20.tolist(),
        "r2_eighths": [eighth.tolist() for eighth in result.score.r2_eighths],
        "seconds": result.seconds,
        "processor_seconds": result.processor_seconds,
        "cached": result.cached,
        "events": dict(result.events),
        "neurobench": neurobench(result.cost),
    } | ({} if result.classes is None else class_scores(result.classes))


def neurobench(cost: Cost) -> dict[str, Any]:
    """The columns by the names that NeuroBench gives them; operations are a bin's, on average."""
    return {
        "footprint_bytes": round(cost.footprint_bytes),
        "connection_sparsity": cost.connection_sparsity,
        "activation_sparsity": cost.activation_sparsity,
        "effective_macs": cost.macs,
        "effective_acs": cost.acs,
        "learning_footprint_bytes": round(cost.learning_footprint_bytes),
        "learning_macs": cost.learning_macs,
        "learning_acs": cost.learning_acs,
    }


def across_figures(night: Transition) -> dict[str, Any]:
    """Of one day after another."""
    return {
        "recording": night.recording,
        "offline_r2": night.offline,
        "decoders": {
            name: {
                "first_minute_r2": day.first_minute,
                "minutes_to_90": day.minutes,
                "day_r2": day.whole,
                "day_r": day.r,
                "after_10min_r2": day.after_refit,
            }
            for name, day in night.days.items()
        },
    }
