"""Centre-out-and-back, with the reaches scored.

A trial has two stages. CENTRE: bring the cursor back to the centre and hold it there. REACH: one
of the targets on the circle lights up; reach it and hold. Then a PAUSE with nothing on the screen.
Each stage has a time limit; who exceeds it has failed the trial and finds the cursor put back at
the centre. Times and paths are those of the REACH.

The centre must be earned, and is small: a cursor that drifts slowly enough to hold it is too slow
to reach a target in time. So no constant velocity ever succeeds, whichever targets come up, and
settings under which one would are refused.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from eprop_rt.closed_loop.drift import refuse_drift, refuse_short_limit
from eprop_rt.closed_loop.population import Seed
from eprop_rt.intention import towards
from eprop_rt.series import F64

_ROUNDING_S = 1e-9  # times are sums of ticks


class TaskSettings(BaseModel):
    """Geometry, times, and the label that the task infers.

    The label points at the target, at `label_speed_cm_s` from `label_slows_cm` on and in
    proportion to the distance nearer by. `label_after_s` is how long after the
    onset of a target there is none, because nobody has reacted yet.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    targets: int = Field(default=8, ge=1)
    distance_cm: float = Field(default=9.0, gt=0)
    radius_cm: float = Field(default=2.0, gt=0)
    hold_s: float = Field(default=0.4, ge=0)
    centre_radius_cm: float = Field(default=1.5, gt=0)
    centre_hold_s: float = Field(default=0.5, ge=0)
    timeout_s: float = Field(default=3.0, gt=0)
    pause_s: float = Field(default=0.3, ge=0)
    label_speed_cm_s: float = Field(default=20.0, gt=0)
    label_slows_cm: float = Field(default=5.0, gt=0)
    label_after_s: float = Field(default=0.25, ge=0)

    @model_validator(mode="after")
    def _no_drift_succeeds(self) -> Self:
        refuse_short_limit(self)
        refuse_drift(self)
        return self


class Phase(StrEnum):
    """What the screen asks for."""

    CENTRE = "centre"
    REACH = "reach"
    PAUSE = "pause"


class Event(StrEnum):
    """What happened in a step."""

    TARGET_ON = "target_on"
    ENTERED = "entered"
    LEFT = "left"
    SUCCESS = "success"
    FAILURE = "failure"
    RECENTRE = "recentre"  # whoever moves the cursor must put it back at the centre


@dataclass(frozen=True, slots=True)
class TaskState:
    """What is on the screen: target (2,) in cm, NaN in a pause; and what the last step brought."""

    target: F64
    radius_cm: float
    phase: Phase
    trial: int
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Trial:
    """One scored trial; times in seconds, NaN where it failed.

    `time_to_target_s` runs from the onset of the target to the entry that the successful hold
    began with. `dial_in_s` is the part of it after the first entry. `path_efficiency` is straight
    line over travelled path, both up to that entry. `angular_error_deg` is the mean angle between
    the way moved and the way to the target before the first entry. `lasted_s` is the whole trial,
    pause included; `distance_cm` is from its onset, `width_cm` that of the target. A `mistake` is a
    wrong one of `choices` cells, 0 where nothing is selected.
    """

    target: tuple[float, ...]
    success: bool
    time_to_target_s: float
    dial_in_s: float
    path_efficiency: float
    time_limit_s: float
    mistake: bool = False
    angular_error_deg: float = math.nan
    lasted_s: float = math.nan
    distance_cm: float = math.nan
    width_cm: float = math.nan
    choices: int = 0


class CentreOut:
    """The task, step by step; targets come in random order, each once before any comes again."""

    def __init__(self, settings: TaskSettings, seed: Seed) -> None:
        self._settings = settings
        angle = 2 * np.pi * np.arange(settings.targets) / settings.targets
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        # An axis that a target does not use is 0, not the rounding of pi.
        self._targets = np.round(settings.distance_cm * circle, 9)
        self.restart(seed)

    def restart(self, seed: Seed) -> None:
        """Begin a new series of trials from a seed; results so far are dropped."""
        self._rng = np.random.default_rng(seed)
        self._order: list[int] = []
        self._target = self._next_target()
        self.trials: list[Trial] = []
        self._begin(Phase.PAUSE)

    @property
    def state(self) -> TaskState:
        """What is on the screen now."""
        return self._state

    def step(self, position: F64, dt_s: float) -> TaskState:
        """Let `dt_s` pass, at whose end the cursor is at `position` (2,); return the new state."""
        self._clock_s += dt_s
        if self._state.phase is Phase.PAUSE:
            if self._clock_s >= self._settings.pause_s - _ROUNDING_S:
                self._begin(Phase.CENTRE, Event.TARGET_ON)
            else:
                self._show(self._state.phase)
            return self._state
        events = self._follow(position)
        if self._held():
            self._finish_stage(*events)
        elif self._clock_s >= self._settings.timeout_s - _ROUNDING_S:
            self._finish_trial(False, *events, Event.FAILURE, Event.RECENTRE)
        else:
            self._show(self._state.phase, *events)
        return self._state

    def label(self, position: F64, target: F64) -> F64:
        """Return the velocity (2,) in cm/s that the task takes to be intended, NaN where unknown.

        Direct to the target (`eprop_rt.intention`), zero inside it, with a speed of its own instead
        of the decoded one. Unknown in a pause and until people react to a new target.
        """
        settings = self._settings
        too_early = self._clock_s < settings.label_after_s - _ROUNDING_S
        if too_early or self._state.phase is Phase.PAUSE:
            return np.full(2, np.nan)
        distance = math.dist(target, position)
        if distance <= self._state.radius_cm:
            return np.zeros(2)
        speed = settings.label_speed_cm_s * min(1.0, distance / settings.label_slows_cm)
        return towards(position, target, speed)

    def _next_target(self) -> F64:
        if not self._order:
            self._order = self._rng.permutation(len(self._targets)).tolist()
        target: F64 = self._targets[self._order.pop()]
        return target

    def _begin(self, phase: Phase, *events: Event) -> None:
        """Start a phase: its clock, and what is followed of the cursor in it."""
        self._clock_s = 0.0
        self._entered_s: float | None = None
        self._first_entered_s: float | None = None
        self._path: list[F64] = []
        self._steps_to_entry = 0
        self._show(phase, *events)

    def _show(self, phase: Phase, *events: Event) -> None:
        settings = self._settings
        target, radius_cm = {
            Phase.CENTRE: (np.zeros(2), settings.centre_radius_cm),
            Phase.REACH: (self._target, settings.radius_cm),
            Phase.PAUSE: (np.full(2, np.nan), 0.0),
        }[phase]
        self._state = TaskState(target.copy(), radius_cm, phase, len(self.trials), events)

    def _follow(self, position: F64) -> tuple[Event, ...]:
        """Note the way up to the last entry, and entries and exits."""
        way = self._state.target - position
        inside = math.hypot(way[0], way[1]) <= self._state.radius_cm
        self._path.append(position.copy())
        if inside and self._entered_s is None:
            self._entered_s = self._clock_s
            self._steps_to_entry = len(self._path)
            if self._first_entered_s is None:
                self._first_entered_s = self._clock_s
            return (Event.ENTERED,)
        if not inside and self._entered_s is not None:
            self._entered_s = None
            return (Event.LEFT,)
        return ()

    def _held(self) -> bool:
        hold_s = self._settings.hold_s
        if self._state.phase is Phase.CENTRE:
            hold_s = self._settings.centre_hold_s
        entered_s = self._entered_s
        return entered_s is not None and self._clock_s - entered_s >= hold_s - _ROUNDING_S

    def _finish_stage(self, *events: Event) -> None:
        if self._state.phase is Phase.CENTRE:
            self._begin(Phase.REACH, *events, Event.TARGET_ON)
        else:
            self._finish_trial(True, *events, Event.SUCCESS)

    def _finish_trial(self, success: bool, *events: Event) -> None:
        """Write the result down and begin the pause, with the next target drawn."""
        self.trials.append(self._result(success))
        self._target = self._next_target()
        self._begin(Phase.PAUSE, *events)

    def _result(self, success: bool) -> Trial:
        target = (float(self._target[0]), float(self._target[1]))
        limit_s = self._settings.timeout_s
        if not success or self._entered_s is None or self._first_entered_s is None:
            return Trial(target, False, math.nan, math.nan, math.nan, limit_s)
        path = np.array(self._path[: self._steps_to_entry])
        travelled = float(np.sum(np.hypot(*np.diff(path, axis=0).T)))
        straight = math.hypot(*(path[-1] - path[0]))
        return Trial(
            target=target,
            success=True,
            time_to_target_s=self._entered_s,
            dial_in_s=self._entered_s - self._first_entered_s,
            path_efficiency=straight / travelled if travelled > 0 else 1.0,
            time_limit_s=limit_s,
        )
