"""What a demonstration has shown, in numbers."""

from dataclasses import dataclass
from typing import Any

from eprop_rt_services.closed_loop.messages import Report, TrialReport
from eprop_rt_services.closed_loop.score import Score


@dataclass(frozen=True, slots=True)
class Figures:
    """Of the learned decoder: its learning, its transport; and the frozen scores of all by name.

    `ending` is the last report of the learned decoder's screen.
    """

    learning_seconds: float
    learning: tuple[TrialReport, ...]
    frozen: dict[str, Score]
    ending: Report

    def to_json(self) -> dict[str, Any]:
        """The contract of `--json`; `trials` are those of the learning."""
        latency_ms = self.ending.latency_ms
        return {
            "trials": len(self.learning),
            "learning_seconds": self.learning_seconds,
            "frozen": {
                name: {
                    "success_rate": frozen.success_rate,
                    "time_to_target_s": frozen.time_to_target_s,
                }
                for name, frozen in self.frozen.items()
            },
            "latency_ms": {name: latency_ms.get(name) for name in ("p50", "p99", "max")},
            "bins": self.ending.bins,
            "missed_bins": self.ending.missed,
            "transport": {"in": "lsl", "out": "zmq"},
        }
