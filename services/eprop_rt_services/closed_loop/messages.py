"""What passes between the processes of the bench, beside the public protocol."""

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from eprop_rt.closed_loop.task import Phase, TaskState
from eprop_rt.config import NonNegative, Share
from eprop_rt.series import F32, F64, StreamInfo

PHASES = tuple(Phase)
MESSAGE = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
WISH_TOPIC = "wish"


class Order(BaseModel):
    """To a task: what is given is obeyed; a report is the answer."""

    model_config = MESSAGE

    restart_seed: int | None = Field(None, description="of a new series of trials")
    listen_to: int | None = Field(None, ge=0, description="place among the task's endpoints")
    labels: bool | None = Field(None, description="whether labels are known from now on")


class TrialReport(BaseModel):
    """How a trial went; `ended_s` counts from the start of its series."""

    model_config = MESSAGE

    success: bool
    time_to_target_s: float | None
    ended_s: float


class Report(BaseModel):
    """From a task: what it shows, the trials of its series, and the commands that came.

    `trials` are the newest; `ended`, `successes` and their mean time to target are of all. `bins`
    counts the commands that were sent since the first series began, `missed` those of them that did
    not come before their deadline. `screens` is the endpoint at which it publishes what it shows.
    """

    model_config = MESSAGE

    cursor: tuple[float, float]
    target: tuple[float, float] | None
    radius_cm: float
    phase: Phase
    trials: tuple[TrialReport, ...]
    ended: int
    successes: int
    mean_time_s: float | None
    latency_ms: dict[str, float]
    bins: int
    missed: int
    screens: str = ""


class WireReport(BaseModel):
    """From a simulator: samples sent, `late` of them late, and others lost."""

    model_config = MESSAGE

    sent: int = 0
    late: int = 0
    lost: int = 0
    restarts: int = 0
    lost_in_restarts: int = 0


class Wish(BaseModel):
    """To a simulator: where a person wants to go, None for nowhere, and how well they are heard.

    `heard` is the share of the units that still fire; `noise_hz` is added to the rate of each.
    """

    model_config = MESSAGE

    pointer: tuple[float, float] | None = None
    heard: Share = 1.0
    noise_hz: NonNegative = 0.0


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
