"""A compiled room: population, user, task and cursor, run by the bin.

It knows no decoder: a command goes in; what the next bin fired, in the form that was asked for, and
a scene come out. Everything that decides its future is in arrays, and in the conditioning behind
its form; `snapshot` copies both.
"""

import math
from copy import deepcopy
from dataclasses import dataclass
from typing import Self, cast

import numpy as np
from pydantic import model_validator

from eprop_rt.closed_loop.cursor import CursorSettings
from eprop_rt.closed_loop.forms import CountsForm, Form, FormSettings, build_form
from eprop_rt.closed_loop.population import Seed
from eprop_rt.closed_loop.scene import Event, Scene, within
from eprop_rt.closed_loop.task import Trial
from eprop_rt.closed_loop.trials import (
    TrialSettings,
    trial_params,
    trial_state,
    trials_since,
)
from eprop_rt.closed_loop.tuning import CosineTuning, TuningSettings, draw_tuning
from eprop_rt.closed_loop.user import UserSettings
from eprop_rt.closed_loop.users import AnyUserSettings, user_params, user_state
from eprop_rt.config import Positive, Settings
from eprop_rt.errors import ConfigError
from eprop_rt.kernels import steady
from eprop_rt.kernels.closed_loop import trial as machine
from eprop_rt.kernels.closed_loop.cursor import CursorParams, CursorState
from eprop_rt.kernels.closed_loop.draws import Draws
from eprop_rt.kernels.closed_loop.population import Firing, Tuning
from eprop_rt.kernels.closed_loop.room import RoomParams, RoomState, run_bin
from eprop_rt.kernels.closed_loop.trial import begin_trial
from eprop_rt.series import F64
from eprop_rt.snapshot import Arrays, copied, named, write_back

EVENTS = tuple(Event)


class RoomCursorSettings(CursorSettings):
    """`adds`: commands are changes of velocity, a tick, and not velocities."""

    adds: bool = False


class RoomSettings(Settings):
    """Everything about a closed loop but the decoder and its labels."""

    population: TuningSettings = CosineTuning()
    user: AnyUserSettings = UserSettings()
    task: TrialSettings = TrialSettings()
    cursor: RoomCursorSettings = RoomCursorSettings()
    tick_s: Positive = 0.01
    bin_s: Positive = 0.02
    form: FormSettings = CountsForm()

    @model_validator(mode="after")
    def _a_bin_is_whole_ticks(self) -> Self:
        ticks = round(self.bin_s / self.tick_s)
        if ticks < 1 or not math.isclose(ticks * self.tick_s, self.bin_s, rel_tol=1e-9):
            raise ConfigError(
                f"bin_s is {self.bin_s} s, which is not a whole number of ticks of {self.tick_s} s:"
                f" set it to {max(1, ticks) * self.tick_s:g}"
            )
        return self


@dataclass(frozen=True, slots=True)
class RoomSnapshot:
    """A room at one moment; arrays, and its form with all of its conditioning."""

    arrays: Arrays
    form: Form | None


class Room:
    """One person in front of one screen; the seed decides the tuning and all draws."""

    def __init__(self, settings: RoomSettings, seed: int, spare_units: int = 0) -> None:
        self.settings = settings
        self.ticks = round(settings.bin_s / settings.tick_s)
        self._params = room_params(settings, seed, spare_units)
        self._state = room_state(settings, self._params)
        self._run_bin, self._begin_trial = steady(run_bin), steady(begin_trial)
        self._form: Form | None = None
        if not isinstance(settings.form, CountsForm):
            timing = settings.tick_s, settings.bin_s
            self._form = build_form(settings.form, self.units, timing, seed)
        self.restart(seed)

    @property
    def units(self) -> int:
        """How many units there are, spare ones included."""
        return len(self._params.tuning.b)

    @property
    def inputs(self) -> int:
        """How many numbers a decoder gets a bin: a count a unit, or what its form makes of them."""
        return self.units if self._form is None else self._form.front.channels

    @property
    def counts(self) -> F64:
        """What the units fired in the newest bin (units,), valid until the next."""
        return cast(F64, self._state.firing.counts)

    @property
    def axes(self) -> int:
        """How many numbers a command has."""
        return self.settings.task.axes

    @property
    def tuning(self) -> Tuning:
        """The arrays of the population, to be written by perturbations."""
        return self._params.tuning

    @property
    def ended(self) -> int:
        """How many trials have ended since the last restart."""
        return int(self._state.trial.ended[0])

    def restart(self, seed: Seed) -> None:
        """Begin anew from a seed, with the same tuning and the cursor at rest at the centre.

        Conditioning runs on: its filters and thresholds know nothing of trials.
        """
        state = self._state
        others = () if self._form is None else self._form.draws
        begin_anew(self.settings, self._params, state, seed, others)
        self._begin_trial(self._params.trial, state.trial, state.cursor)

    def run_bin(self, command: F64) -> F64:
        """One bin under a command (axes,); what a decoder gets (inputs,), valid until the next."""
        state = self._state
        state.cursor.command[:] = command
        if self._form is not None:
            return self._form.run_bin(self._params, state).astype(np.float64)
        self._run_bin(self._params, state, self.ticks)
        return self.counts

    def scene(self, command: F64) -> Scene:
        """What is known at the end of the bin, with what the decoder has just said."""
        return scene_of(self.settings, self._state, command)

    def trials(self, first: int) -> list[Trial]:
        """Those that ended from number `first` on; only the newest few are kept."""
        return trials_since(self.settings.task, self._state.trial, self.settings.tick_s, first)

    def snapshot(self) -> RoomSnapshot:
        """Copies of everything that decides the future, tuning included."""
        return RoomSnapshot(copied(self._arrays()), deepcopy(self._form))

    def restore(self, snapshot: RoomSnapshot) -> None:
        """Go on from a snapshot."""
        write_back(snapshot.arrays, self._arrays())
        self._form = deepcopy(snapshot.form)

    def _arrays(self) -> Arrays:
        return named(self._state, "state") | named(self._params.tuning, "tuning")


def scene_of(settings: RoomSettings, state: RoomState, command: F64) -> Scene:
    """What a room's arrays say, under a command (axes,)."""
    trial = state.trial
    position = state.cursor.position.astype(np.float64)
    target, radius_cm = trial.screen.target.astype(np.float64), float(trial.screen.radius[0])
    box = bool(settings.task.box and trial.phase[0] == machine.REACH)
    selected = trial.selected.astype(np.float64)
    return Scene(
        position=position,
        velocity=state.cursor.velocity.astype(np.float64),
        command=command,
        target=target,
        radius_cm=radius_cm,
        inside=within(position, target, radius_cm, box=box),
        since_onset_s=float(trial.shown[0]) * settings.tick_s,
        event=EVENTS[int(trial.event[0])],
        intent=state.user.velocity.astype(np.float64),
        selected=None if math.isnan(selected[0]) else selected,
        box=box,
    )


def begin_anew(
    settings: RoomSettings,
    params: RoomParams,
    state: RoomState,
    seed: Seed,
    others: tuple[Draws, ...] = (),
) -> None:
    """Put all at rest, and give every stream of draws, `others` too, its part of a seed."""
    write_back(named(room_state(settings, params)), named(state))
    all_draws = (state.trial.draws, state.user.draws, state.firing.draws, *others)
    streams = np.random.SeedSequence(_entropy(seed)).generate_state(len(all_draws), np.uint64)
    for draws, drawn in zip(all_draws, streams, strict=True):
        draws.seed[0], draws.used[0] = int(drawn >> np.uint64(1)), 0


def _entropy(seed: Seed) -> int:
    """A number of any kind of seed."""
    if isinstance(seed, int):
        return seed
    return int(np.random.default_rng(seed).integers(2**63))


def room_params(settings: RoomSettings, seed: int, spare_units: int = 0) -> RoomParams:
    """The numbers of a room, its tuning drawn from a seed."""
    rng, axes = np.random.default_rng(seed), settings.task.axes
    return RoomParams(
        cursor=_cursor_params(settings),
        trial=trial_params(settings.task, settings.tick_s),
        user=user_params(settings.user, settings.tick_s, settings.bin_s),
        tuning=draw_tuning(settings.population, axes, settings.tick_s, rng, spare_units),
    )


def _cursor_params(settings: RoomSettings) -> CursorParams:
    cursor = settings.cursor
    smoothed = cursor.smoothing_s > 0
    return CursorParams(
        half_width_cm=cursor.half_width_cm,
        max_speed_cm_s=cursor.max_speed_cm_s,
        follows=1 - math.exp(-settings.tick_s / cursor.smoothing_s) if smoothed else 1.0,
        adds=cursor.adds,
        dt_s=settings.tick_s,
    )


def room_state(settings: RoomSettings, params: RoomParams) -> RoomState:
    """Everything at rest, no draw taken."""
    axes, units = settings.task.axes, len(params.tuning.b)

    def draws() -> Draws:
        return Draws(np.zeros(1, np.int64), np.zeros(1, np.int64))

    return RoomState(
        cursor=CursorState(np.zeros(axes), np.zeros(axes), np.zeros(axes)),
        trial=trial_state(settings.task, draws()),
        user=user_state(params.user, axes, draws()),
        firing=Firing(
            features=np.zeros(3 * axes),
            z=np.zeros(params.tuning.w.shape[1]),
            past=np.zeros(units),
            xi=np.zeros(len(params.tuning.q)),
            rates_hz=np.zeros(units),
            counts=np.zeros(units),
            draws=draws(),
        ),
    )
