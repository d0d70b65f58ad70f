"""What passes between the processes of the demonstration, beside the public protocol."""

import numpy as np
from pydantic import BaseModel, ConfigDict

from eprop_rt.closed_loop.task import Phase, TaskState
from eprop_rt.series import F32, F64, StreamInfo

PHASES = tuple(Phase)


class Order(BaseModel):
    """To a screen: begin a series of trials from a seed, or, without one, only report."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    restart_seed: int | None = None


class TrialReport(BaseModel):
    """How a trial went; `ended_s` counts from the start of its series."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    success: bool
    time_to_target_s: float | None
    ended_s: float


class Report(BaseModel):
    """From a screen: what it shows, the trials of its series, and the commands that came.

    `bins` counts the commands that were sent since the first series began, `missed` those of them
    that did not come before their deadline.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cursor: tuple[float, float]
    target: tuple[float, float] | None
    radius_cm: float
    phase: Phase
    trials: tuple[TrialReport, ...]
    latency_ms: dict[str, float]
    bins: int
    missed: int


def screen_info(seat: str, rate_hz: float) -> StreamInfo:
    """The stream by which a screen is seen."""
    names = "cursor_x", "cursor_y", "target_x", "target_y", "radius", "phase"
    units = ("cm",) * 5 + ("index",)
    return StreamInfo(f"{seat} screen", len(names), rate_hz, names, units)


def screen_sample(cursor: F64, state: TaskState) -> F32:
    """One sample (1, 6) of that stream; a target of NaN is none."""
    values = [*cursor, *state.target, state.radius_cm, PHASES.index(state.phase)]
    return np.array([values], np.float32)


def point(position: F64) -> tuple[float, float]:
    """A position (2,) as a message holds it."""
    return float(position[0]), float(position[1])
