"""The same simulations again with labels that come late: learned from exactly, or not at all so.

`handled` labels come with their age, and every decoder waits long enough to learn from them as they
are meant. Otherwise a late label is taken for one of the bin of now.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eprop_rt.closed_loop.intervals import mean_interval
from eprop_rt.closed_loop.labels.settings import LATEST_S
from eprop_rt.errors import ConfigError
from eprop_rt_services.rooms.config import RoomConfig
from eprop_rt_services.rooms.figures import dead_array, of, worst_dead
from eprop_rt_services.rooms.running import Ran

K = 20  # learning trials, where there is such a probe


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late, and whether anybody looks at it."""

    delay_s: float
    handled: bool = True

    def within(self, config: RoomConfig) -> RoomConfig:
        """The configuration with labels that are so late; ConfigError where there are none."""
        if config.labels is None:
            raise ConfigError("--label-delay came without labels: set labels.kind")
        changes = {"delay_s": self.delay_s, "delay_handled": self.handled}
        labels = config.labels.model_copy(update=changes)
        return config.model_copy(update={"labels": labels})


def latenesses(text: str) -> tuple[Lateness, ...]:
    """No delay first, then each one handled, then each one not; ConfigError in one line."""
    try:
        delays = sorted({float(each) for each in text.split(",")} - {0.0})
    except ValueError:
        delays = [math.nan]
    if not all(0 < delay <= LATEST_S for delay in delays):
        raise ConfigError(
            f"--label-delay {text}: expected seconds from 0 to {LATEST_S:g}, as in 0,0.2,0.5,1"
        )
    handled = tuple(Lateness(delay) for delay in (0.0, *delays))
    return (*handled, *(Lateness(delay, handled=False) for delay in delays))


def probe_k(config: RoomConfig) -> int:
    """After how many learning trials decoders are compared: 20, or as many as there are."""
    return K if K in config.course.probe_at else max(config.course.probe_at)


def delay_figures(
    config: RoomConfig, lanes: Sequence[tuple[Lateness, list[Ran]]]
) -> list[dict[str, Any]]:
    """Time to target at that probe, each beside no delay in the same simulations.

    `ratio` is that of the means; its interval is of the paired differences.
    """
    first = lanes[0][1]
    told = []
    for at, condition in enumerate(config.perturbations):
        for name in config.decoders:
            on_time = _times(config, of(first, name), at)
            for lateness, ran in lanes:
                lane = of(ran, name)
                told.append(
                    {
                        "condition": condition.name,
                        "decoder": name,
                        "delay_s": lateness.delay_s,
                        "handled": lateness.handled,
                        "k": probe_k(config),
                        **_beside(on_time, _times(config, lane, at)),
                        **_success(config, lane, at),
                        "dead_array_success_rate": worst_dead(dead_array(lane, at)),
                    }
                )
    return told


def _beside(on_time: list[float], late: list[float]) -> dict[str, Any]:
    mean, interval = mean_interval(late)
    usual = mean_interval(on_time)[0]
    more, (low, high) = mean_interval([b - a for a, b in zip(on_time, late, strict=True)])
    return {
        "time_to_target_s": mean,
        "time_to_target_s_interval": interval,
        "ratio": 1 + more / usual,
        "ratio_interval": (1 + low / usual, 1 + high / usual),
    }


def _times(config: RoomConfig, ran: Sequence[Ran], at: int) -> list[float]:
    return [probe.result.penalised_time_s for probe in _probes(config, ran, at)]


def _success(config: RoomConfig, ran: Sequence[Ran], at: int) -> dict[str, Any]:
    rates = [probe.result.success_rate for probe in _probes(config, ran, at)]
    mean, interval = mean_interval(rates)
    return {"success_rate": mean, "success_rate_interval": interval}


def _probes(config: RoomConfig, ran: Sequence[Ran], at: int) -> list[Any]:
    k = probe_k(config)
    return [next(p for p in each.result.passed[at].probes if p.k == k) for each in ran]
