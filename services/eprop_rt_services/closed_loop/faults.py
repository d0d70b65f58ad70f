"""What a real wire does to samples, on purpose: late, lost, and a source that restarts."""

from collections import deque
from collections.abc import Callable
from typing import Annotated, Self

import numpy as np
from pydantic import Field

from eprop_rt.config import NonNegative, Positive, Settings
from eprop_rt.series import F32
from eprop_rt_services.closed_loop.messages import WireReport
from eprop_rt_services.lsl_link import LslOutlet

GONE_S = 0.5  # how long a source that restarts is off the network


class FaultSettings(Settings):
    """Drawn afresh for each sample, from a seed; none by default.

    A late sample is late by up to `jitter_s`, evenly spread, and those behind it wait, as on any
    wire that keeps the order. Its stamp says when it was due.
    """

    jitter_s: NonNegative = 0.0
    loss: Annotated[float, Field(ge=0, lt=1)] = 0.0
    restart_every_s: Positive | None = None
    seed: Annotated[int, Field(ge=0)] = 0


class FaultyWire:
    """An outlet whose samples come late, or not at all, and which itself is gone at times."""

    def __init__(self, open_outlet: Callable[[], LslOutlet], faults: FaultSettings) -> None:
        self._open, self._faults = open_outlet, faults
        self._draws = np.random.default_rng(faults.seed)
        self._outlet: LslOutlet | None = open_outlet()
        self._waiting: deque[tuple[float, float, F32]] = deque()
        self._restart_s: float | None = None
        self._back_s = 0.0
        self._counts = dict.fromkeys(WireReport.model_fields, 0)

    @property
    def report(self) -> WireReport:
        """What has become of the samples so far."""
        return WireReport(**self._counts)

    @property
    def due_s(self) -> float | None:
        """When the next sample that is late is to go; None where none waits."""
        return self._waiting[0][0] if self._waiting else None

    def push(self, stamp_s: float, sample: F32) -> None:
        """Send a sample (1, channels) that is due now, or what the faults make of it."""
        self._restart(stamp_s)
        late_s, lost = self._draws.uniform(0.0, self._faults.jitter_s), self._draws.random()
        if self._outlet is None:
            self._counts["lost_in_restarts"] += 1
        elif lost < self._faults.loss:
            self._counts["lost"] += 1
        else:
            before_s = self._waiting[-1][0] if self._waiting else stamp_s
            self._waiting.append((max(before_s, stamp_s + late_s), stamp_s, sample.copy()))
        self.release(stamp_s)

    def release(self, now_s: float) -> None:
        """Send what has waited long enough."""
        while self._waiting and self._waiting[0][0] <= now_s:
            due_s, stamp_s, sample = self._waiting.popleft()
            if self._outlet is not None:
                self._counts["late"] += due_s > stamp_s
                self._outlet.push(np.array([stamp_s]), sample)
                self._counts["sent"] += 1

    def _restart(self, now_s: float) -> None:
        every_s = self._faults.restart_every_s
        if every_s is None:
            return
        if self._restart_s is None:
            self._restart_s = now_s + every_s
        if self._outlet is None:
            if now_s >= self._back_s:
                self._outlet = self._open()
        elif now_s >= self._restart_s:
            self._outlet.close()
            self._outlet = None
            self._counts["restarts"] += 1
            self._counts["lost_in_restarts"] += len(self._waiting)
            self._waiting.clear()
            self._back_s, self._restart_s = now_s + GONE_S, now_s + every_s

    def close(self) -> None:
        """Take the stream off the network."""
        if self._outlet is not None:
            self._outlet.close()
            self._outlet = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
