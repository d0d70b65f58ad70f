"""The user: what is intended, from what is seen.

The late one follows Willett et al. 2019, Scientific Reports 9:8881: the screen of D ticks ago, led
on to now by the user's own intents since then (internal forward model); a push towards the target
that is piecewise linear in the distance; a damping against the estimated velocity, in proportion to
it or piecewise linear in the speed; autoregressive noise.

The prompt one is that of the common simulator: it reads the true cursor.
    v_int = v + .3 (min(dc sqrt(d), vmax) u - v),  dc = vmax / sqrt(2 target size)
in steps of 10 ms, and as much more or less in bins of another length. What units hear as its change
of velocity is that of 10 ms in any.
"""

import math
from typing import NamedTuple

from eprop_rt.kernels import as_written
from eprop_rt.kernels.closed_loop.cursor import CursorState
from eprop_rt.kernels.closed_loop.draws import Draws, normal
from eprop_rt.kernels.closed_loop.trial import Screen
from eprop_rt.structs import Floats, Ints


class UserParams(NamedTuple):
    """How they see and push; times in ticks."""

    prompt: bool
    delay: int
    window: int  # oldest frame that tells the velocity, before now
    reaction: int  # from a target being shown to its being pursued
    follows: float  # share of an intent that they believe the cursor to take up in a tick
    rest_fraction: float
    damping: float
    noise_cm_s: float
    noise_keep: float
    distances_cm: Floats  # (K,)
    pushes_cm_s: Floats  # (K,)
    speeds_cm_s: Floats  # (J,) of damping; none: in proportion
    dampings_cm_s: Floats  # (J,)
    vmax_cm_s: float
    dc: float
    share: float  # .3 of the prompt user, in 10 ms
    share_of_bin: float
    dt_s: float


class UserState(NamedTuple):
    """What they remember."""

    tick: Ints  # (1,)
    seen: Floats  # (R, A)
    seen_target: Floats  # (R, A)
    seen_radius: Floats  # (R,)
    wanted: Floats  # (R, A) own intents, before noise
    next_target: Floats  # (A,) noticed
    next_radius: Floats  # (1,)
    next_tick: Ints  # (1,) when it was shown
    target: Floats  # (A,) pursued
    radius: Floats  # (1,)
    noise: Floats  # (A,)
    velocity: Floats  # (A,) intended
    change: Floats  # (A,) intended less estimated velocity
    position: Floats  # (A,) estimated
    estimated: Floats  # (A,) velocity
    draws: Draws


@as_written
def see_and_intend(
    params: UserParams, state: UserState, screen: Screen, cursor: CursorState
) -> None:
    """One tick."""
    if params.prompt:
        intend_at_once(params, state, screen, cursor)
    else:
        see(state, cursor.position, screen.target, screen.radius[0])
        intend(params, state)


@as_written
def intend_at_once(
    params: UserParams, state: UserState, screen: Screen, cursor: CursorState
) -> None:
    """The prompt user; towards rest where there is no target."""
    axes = cursor.position.shape[0]
    square = 0.0
    for a in range(axes):
        way = screen.target[a] - cursor.position[a]
        square += way * way
    d = math.sqrt(square)
    pace = 0.0
    if d > 0.0:  # false where there is no target: NaN
        pace = min(params.dc * math.sqrt(d), params.vmax_cm_s) / d
    for a in range(axes):
        v = cursor.velocity[a]
        wanted = pace * (screen.target[a] - cursor.position[a]) if pace > 0.0 else 0.0
        state.change[a] = params.share * (wanted - v)
        state.velocity[a] = v + params.share_of_bin * (wanted - v)
        state.position[a] = cursor.position[a]
        state.estimated[a] = v


@as_written
def see(state: UserState, position: Floats, target: Floats, radius_cm: float) -> None:
    """Keep the screen of this tick, to be seen later."""
    slot = state.tick[0] % state.seen.shape[0]
    for a in range(position.shape[0]):
        state.seen[slot, a] = position[a]
        state.seen_target[slot, a] = target[a]
    state.seen_radius[slot] = radius_cm


@as_written
def intend(params: UserParams, state: UserState) -> None:
    """Estimate, push, and add noise; before the first frame has arrived, nothing is wanted."""
    axes, frames = state.velocity.shape[0], state.seen.shape[0]
    tick = state.tick[0]
    slot = tick % frames
    for a in range(axes):
        state.wanted[slot, a] = 0.0
    if tick >= params.delay:
        notice(params, state)
        estimate(params, state)
        push(params, state)
    fresh = params.noise_cm_s * math.sqrt(1.0 - params.noise_keep * params.noise_keep)
    for a in range(axes):
        state.noise[a] = params.noise_keep * state.noise[a] + fresh * normal(state.draws)
        state.velocity[a] = state.wanted[slot, a] + state.noise[a]
        state.change[a] = state.velocity[a] - state.estimated[a]
    state.tick[0] += 1


@as_written
def notice(params: UserParams, state: UserState) -> None:
    """Take up a new target once the reaction time has passed since it was shown."""
    seen_at = state.tick[0] - params.delay
    slot = seen_at % state.seen.shape[0]
    axes, same = state.target.shape[0], True
    for a in range(axes):
        shown, known = state.seen_target[slot, a], state.next_target[a]
        same = same and (shown == known or (math.isnan(shown) and math.isnan(known)))
    if not same:
        for a in range(axes):
            state.next_target[a] = state.seen_target[slot, a]
        state.next_radius[0] = state.seen_radius[slot]
        state.next_tick[0] = seen_at
    if state.tick[0] >= state.next_tick[0] + params.reaction:
        for a in range(axes):
            state.target[a] = state.next_target[a]
        state.radius[0] = state.next_radius[0]


@as_written
def estimate(params: UserParams, state: UserState) -> None:
    """Position and velocity now: the seen cursor, led on by the intents since."""
    tick, frames = state.tick[0], state.seen.shape[0]
    seen_at = tick - params.delay
    oldest = max(0, tick - params.window)
    for a in range(state.position.shape[0]):
        x = state.seen[seen_at % frames, a]
        v = 0.0
        if seen_at > oldest:
            span_s = (seen_at - oldest) * params.dt_s
            v = (x - state.seen[oldest % frames, a]) / span_s
        for since in range(seen_at, tick):
            v += params.follows * (state.wanted[since % frames, a] - v)
            x += v * params.dt_s
        state.position[a] = x
        state.estimated[a] = v


@as_written
def push(params: UserParams, state: UserState) -> None:
    """Towards the target, less the damping; only damp where there is none."""
    axes, slot = state.position.shape[0], state.tick[0] % state.seen.shape[0]
    square = 0.0
    for a in range(axes):
        way = state.target[a] - state.position[a]
        square += way * way
    d = math.sqrt(square)
    beyond = d - params.rest_fraction * state.radius[0]
    pace = 0.0
    if beyond > 0.0:  # false where there is no target: NaN
        pace = between(params.distances_cm, params.pushes_cm_s, beyond) / d
    damping = damped(params, state)
    for a in range(axes):
        towards = pace * (state.target[a] - state.position[a]) if pace != 0.0 else 0.0
        state.wanted[slot, a] = towards - damping * state.estimated[a]


@as_written
def damped(params: UserParams, state: UserState) -> float:
    """How many times the estimated velocity is taken from the push."""
    if params.speeds_cm_s.shape[0] == 0:
        return float(params.damping)
    square = 0.0
    for a in range(state.estimated.shape[0]):
        square += state.estimated[a] * state.estimated[a]
    speed = math.sqrt(square)
    if speed == 0.0:
        return 0.0
    return float(between(params.speeds_cm_s, params.dampings_cm_s, speed) / speed)


@as_written
def between(x: Floats, y: Floats, at: float) -> float:
    """Piecewise linear, constant beyond both ends."""
    last = x.shape[0] - 1
    if at <= x[0]:
        return float(y[0])
    for n in range(last):
        if at < x[n + 1]:
            return float(y[n] + (y[n + 1] - y[n]) * (at - x[n]) / (x[n + 1] - x[n]))
    return float(y[last])
