"""The cursor: commands in, a position within walls out."""

import math
from typing import NamedTuple

from eprop_rt.kernels import as_written
from eprop_rt.structs import Floats


class CursorParams(NamedTuple):
    """What it obeys; `adds` says that a command is a change of velocity and not a velocity."""

    half_width_cm: float
    max_speed_cm_s: float
    follows: float  # share of the distance to the commanded velocity that a tick covers
    adds: bool
    dt_s: float


class CursorState(NamedTuple):
    """Where it is; all (A,)."""

    position: Floats
    velocity: Floats
    command: Floats


@as_written
def move(params: CursorParams, state: CursorState) -> None:
    """One tick: the bounded command through a first-order filter; a wall stops what meets it."""
    axes = state.position.shape[0]
    square = 0.0
    for a in range(axes):
        wanted = state.command[a] + (state.velocity[a] if params.adds else 0.0)
        square += wanted * wanted
    scale = min(1.0, params.max_speed_cm_s / max(math.sqrt(square), 1e-12))
    for a in range(axes):
        wanted = scale * (state.command[a] + (state.velocity[a] if params.adds else 0.0))
        velocity = state.velocity[a] + params.follows * (wanted - state.velocity[a])
        moved = state.position[a] + velocity * params.dt_s
        stopped = min(max(moved, -params.half_width_cm), params.half_width_cm)
        state.velocity[a] = (
            velocity if stopped == moved else (stopped - state.position[a]) / params.dt_s
        )
        state.position[a] = stopped


@as_written
def put(state: CursorState, at: float) -> None:
    """Set it down at rest, every axis at the same value."""
    for a in range(state.position.shape[0]):
        state.position[a] = at
        state.velocity[a] = 0.0
