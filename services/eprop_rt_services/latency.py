"""How long commands take: the newest of them, summarised."""

import numpy as np

PERCENTILES = {"p50": 50.0, "p95": 95.0, "p99": 99.0, "p999": 99.9, "max": 100.0}


class LatencyLog:
    """Keeps the newest `capacity` durations in seconds, in an array made at the start."""

    def __init__(self, capacity: int = 100_000) -> None:
        self._seconds = np.zeros(capacity)
        self._count = 0

    def add(self, seconds: float) -> None:
        """Take one duration."""
        self._seconds[self._count % len(self._seconds)] = seconds
        self._count += 1

    def summary_ms(self) -> dict[str, float]:
        """Percentiles in milliseconds; empty before the first."""
        kept = self._seconds[: min(self._count, len(self._seconds))]
        if not len(kept):
            return {}
        values = np.percentile(kept, list(PERCENTILES.values())) * 1e3
        return dict(zip(PERCENTILES, values.tolist(), strict=True))
