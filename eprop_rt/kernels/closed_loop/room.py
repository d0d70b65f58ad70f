"""One bin of a closed loop."""

import math
from typing import NamedTuple

from eprop_rt.kernels import as_written
from eprop_rt.kernels.closed_loop.cursor import CursorParams, CursorState, move
from eprop_rt.kernels.closed_loop.population import Firing, Tuning, fire
from eprop_rt.kernels.closed_loop.trial import NONE, TrialParams, TrialState, follow
from eprop_rt.kernels.closed_loop.user import UserParams, UserState, see_and_intend


class RoomParams(NamedTuple):
    """What does not change by itself; `tuning` is written by perturbations."""

    cursor: CursorParams
    trial: TrialParams
    user: UserParams
    tuning: Tuning


class RoomState(NamedTuple):
    """What the next tick goes on from."""

    cursor: CursorState
    trial: TrialState
    user: UserState
    firing: Firing


@as_written
def run_bin(params: RoomParams, state: RoomState, ticks: int) -> None:
    """The ticks of one bin: move, follow, see and intend, fire."""
    begin_bin(state)
    for _ in range(ticks):
        run_tick(params, state)


@as_written
def begin_bin(state: RoomState) -> None:
    """Counts and events begin anew."""
    state.trial.event[0] = NONE
    state.trial.noted[0] = 0
    for a in range(state.trial.selected.shape[0]):
        state.trial.selected[a] = math.nan
    for i in range(state.firing.counts.shape[0]):
        state.firing.counts[i] = 0.0


@as_written
def run_tick(params: RoomParams, state: RoomState) -> None:
    """One tick, in the order of this package's first page."""
    show(params, state)
    respond(params, state)


@as_written
def show(params: RoomParams, state: RoomState) -> None:
    """What the screen does in a tick: move, follow."""
    move(params.cursor, state.cursor)
    follow(params.trial, state.trial, state.cursor)


@as_written
def respond(params: RoomParams, state: RoomState) -> None:
    """What the person in front of it does in a tick: see and intend, fire."""
    see_and_intend(params.user, state.user, state.trial.screen, state.cursor)
    axes = state.cursor.position.shape[0]
    for a in range(axes):
        state.firing.features[a] = state.user.velocity[a]
        state.firing.features[axes + a] = state.user.change[a]
        state.firing.features[2 * axes + a] = state.user.position[a]
    fire(params.tuning, state.firing, params.trial.dt_s)
