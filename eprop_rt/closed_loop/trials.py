"""The tasks of the bench: one trial machine, whose kinds are rows of a table.

Lengths in cm; a finger pair has two flexions in cm from the middle of their range, and both must be
within the radius of theirs. Targets of `anywhere` and of a grid keep off the walls, so that who is
stuck there succeeds at nothing; in a task without a centre to be earned the dead-array control says
what a drift is worth.
"""

import math
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from eprop_rt.bins.grid import steps_covering
from eprop_rt.closed_loop.drift import refuse_drift, refuse_short_limit
from eprop_rt.closed_loop.task import Trial
from eprop_rt.config import NonNegative, Positive, Settings, Share
from eprop_rt.errors import ConfigError
from eprop_rt.kernels.closed_loop import trial as machine
from eprop_rt.kernels.closed_loop.draws import Draws
from eprop_rt.kernels.closed_loop.trial import COLUMNS, Screen, TrialParams, TrialState
from eprop_rt.series import F64
from eprop_rt.structs import Ints

TaskKind = Literal[
    "centre_out", "random_target", "target_jump", "grid", "one_dimension", "finger_pair",
    "literature",
]  # fmt: skip
SOURCES = {"table": machine.TABLE, "angle": machine.ANGLE, "anywhere": machine.ANYWHERE}
PUTS_BACK = {"never": machine.NEVER, "failure": machine.ON_FAILURE, "always": machine.ALWAYS}
KEPT_RESULTS = 8  # as many trials as may end in one bin, and more

_PINBALL = {"homes": False, "source": "anywhere", "puts_back": "never", "radius_cm": 2.0}
KINDS: dict[str, dict[str, Any]] = {
    "centre_out": {},
    "random_target": {**_PINBALL, "distance_cm": 5.0, "timeout_s": 4.0},
    "target_jump": {"jump_share": 0.5, "timeout_s": 4.0, "centre_radius_cm": 1.2},
    "grid": {
        "homes": False, "source": "anywhere", "puts_back": "never", "cells": 6, "box": True,
        "distance_cm": 3.0, "hold_s": 0.5, "timeout_s": 6.0,
    },
    "one_dimension": {"axes": 1, "targets": 2},
    "finger_pair": {**_PINBALL, "box": True, "distance_cm": 4.0, "timeout_s": 4.0},
    "literature": {
        "homes": False, "source": "angle", "puts_back": "always", "distance_cm": 8.0,
        "radius_cm": 2.5, "hold_s": 0.49, "timeout_s": 3.0, "pause_s": 0.0, "time_ends": "hold",
    },
}  # fmt: skip


class TrialSettings(Settings):
    """A task; what is not given has the value that belongs to its kind.

    `homes` says that the cursor must be brought back to the centre and held there before each
    target. `puts_back` is when the end of a trial puts the cursor there. Time to target ends with
    the entry that the successful hold began with, or with that hold.
    """

    kind: TaskKind = "centre_out"
    axes: Annotated[int, Field(ge=1, le=8)] = 2
    source: Literal["table", "angle", "anywhere"] = Field(
        "table", description="of targets: on a circle, each once before any again; or drawn"
    )
    targets: Annotated[int, Field(ge=1, le=4096)] = Field(8, description="on the circle")
    distance_cm: Positive = Field(9.0, description="of a target; of `anywhere`, the least")
    reach_cm: Positive = Field(9.0, description="of `anywhere` and grids: half their width")
    radius_cm: Positive = 2.0
    box: bool = Field(False, description="within the radius on every axis, not in distance")
    hold_s: NonNegative = 0.4
    homes: bool = True
    centre_radius_cm: Positive = 1.5
    centre_hold_s: NonNegative = 0.5
    timeout_s: Positive = 3.0
    pause_s: NonNegative = 0.3
    puts_back: Literal["never", "failure", "always"] = "failure"
    jump_share: Share = Field(0.0, description="of the trials in which the target jumps")
    jump_after_s: NonNegative = 0.4
    cells: Annotated[int, Field(ge=0, le=64)] = Field(
        0, description="along an axis of a grid, where staying in any cell selects it; 0: no grid"
    )
    time_ends: Literal["entry", "hold"] = "entry"

    @model_validator(mode="before")
    @classmethod
    def _as_its_kind(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {**KINDS.get(str(given.get("kind", "centre_out")), {}), **given}

    @model_validator(mode="after")
    def _no_drift_succeeds(self) -> Self:
        refuse_short_limit(self)
        if self.cells == 1:
            raise ConfigError("cells is 1; expected 0 for no grid, or at least 2 along an axis")
        if self.homes:
            refuse_drift(self)
        return self

    @property
    def choices(self) -> int:
        """N of the achieved bitrate: how many cells there are; 0 where nothing is selected."""
        return int(self.cells**self.axes) if self.cells else 0

    @property
    def width_cm(self) -> float:
        """How wide a target is."""
        return 2 * (self.reach_cm / self.cells if self.cells else self.radius_cm)


def circle(settings: TrialSettings) -> F64:
    """The table of targets (T, axes), on a circle; in one dimension at either end."""
    angle = 2 * np.pi * np.arange(settings.targets) / settings.targets
    table = np.zeros((settings.targets, max(2, settings.axes)))
    table[:, 0], table[:, 1] = np.cos(angle), np.sin(angle)
    # An axis that a target does not use is 0, not the rounding of pi.
    return np.ascontiguousarray(np.round(settings.distance_cm * table, 9)[:, : settings.axes])


def trial_params(settings: TrialSettings, tick_s: float) -> TrialParams:
    """The numbers of the machine."""

    def ticks(seconds: float) -> int:
        return steps_covering(seconds, tick_s)

    return TrialParams(
        homes=settings.homes,
        box=settings.box,
        puts_back=PUTS_BACK[settings.puts_back],
        source=machine.CELL if settings.cells else SOURCES[settings.source],
        table=circle(settings),
        distance_cm=settings.distance_cm,
        reach_cm=settings.reach_cm,
        radius_cm=settings.width_cm / 2,
        home_radius_cm=settings.centre_radius_cm,
        hold=ticks(settings.hold_s),
        home_hold=ticks(settings.centre_hold_s),
        timeout=ticks(settings.timeout_s),
        pause=ticks(settings.pause_s),
        jump_share=settings.jump_share,
        jump=ticks(settings.jump_after_s),
        cells=settings.cells,
        dt_s=tick_s,
    )


def trial_state(settings: TrialSettings, draws: Draws) -> TrialState:
    """Room for one trial; `trial.begin_trial` sets it going."""
    axes = settings.axes

    def count() -> Ints:
        return np.zeros(1, np.int64)

    return TrialState(
        screen=Screen(np.full(axes, np.nan), np.zeros(1)),
        phase=count(),
        clock=count(),
        shown=count(),
        ticks=count(),
        entered=count(),
        first_entered=count(),
        jumps=count(),
        cell=count(),
        order=np.zeros(settings.targets, np.int64),
        left=count(),
        target=np.zeros(axes),
        start=np.zeros(axes),
        last=np.zeros(axes),
        travelled=np.zeros(2),
        straight=np.zeros(1),
        angle=np.zeros(2),
        event=count(),
        noted=count(),
        selected=np.full(axes, np.nan),
        ended=count(),
        results=np.zeros((KEPT_RESULTS, COLUMNS + axes)),
        draws=draws,
    )


def trials_since(
    settings: TrialSettings, state: TrialState, tick_s: float, first: int
) -> list[Trial]:
    """Those that ended from number `first` on; IndexError where so many are not kept."""
    ended = int(state.ended[0])
    if ended - first > KEPT_RESULTS:
        raise IndexError(f"{ended - first} trials were asked for, {KEPT_RESULTS} are kept")
    rows = (state.results[number % KEPT_RESULTS] for number in range(first, ended))
    return [_trial(settings, tick_s, row) for row in rows]


def _trial(settings: TrialSettings, tick_s: float, row: F64) -> Trial:
    won = bool(row[machine.WON])
    entry = row[machine.ENTRY_TICK]
    ends = row[machine.HELD_TICK] if settings.time_ends == "hold" else entry
    travelled = row[machine.TRAVELLED]
    straight = float(row[machine.STRAIGHT])
    angles = row[machine.ANGLE_COUNT]
    return Trial(
        target=tuple(float(x) for x in row[machine.COLUMNS :]),
        success=won,
        time_to_target_s=float(ends) * tick_s if won else math.nan,
        dial_in_s=float(entry - row[machine.FIRST_ENTRY_TICK]) * tick_s if won else math.nan,
        path_efficiency=_ratio(straight, float(travelled)) if won else math.nan,
        time_limit_s=settings.timeout_s,
        mistake=bool(row[machine.WRONG]),
        angular_error_deg=math.degrees(float(row[machine.ANGLE_SUM] / angles))
        if angles
        else math.nan,
        lasted_s=float(row[machine.TICKS]) * tick_s,
        distance_cm=float(row[machine.DISTANCE]),
        width_cm=settings.width_cm,
        choices=settings.choices,
    )


def _ratio(straight: float, travelled: float) -> float:
    return straight / travelled if travelled > 0 else 1.0
