"""Arrays of a schedule before its first step."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eprop_rt.kernels.schedules.structs import (
    ADAM,
    KEEP_EPS_A,
    MOMENTUM,
    ON_EBAR,
    UNIT_EPS_A,
    Accumulated,
    Deferred,
    Dense,
    Event,
    Events,
    Frames,
    Optimiser,
    Outer,
    Pending,
    Source,
    Synapses,
    Traces,
    UpdateRule,
    Window,
)
from eprop_rt.structs import Floats, Ints, Params

Mask = NDArray[np.bool_]
Real = np.dtype[np.floating[Any]]

PAGE, LANES = 4096, 8  # bytes
LARGEST_MIX = 50.0  # of rounding in the event-driven schedule with a synaptic current


def dense(
    params: Params,
    inputs: int,
    connected: Mask | None = None,
    keep: float = 1.0,
    clamp: float = math.inf,
) -> Dense:
    """Every synapse, every step; `connected` (P, N), without autapses: only those.

    A step makes W clip(keep W + update, -clamp, clamp).
    """
    synapses = _synapses(params, inputs, connected)
    real = params.alpha.dtype
    scratch = aligned_zeros((7, 2, len(params.alpha)), real)
    scratch[-1] = 1  # the presynaptic trace, spread over a row
    return Dense(
        synapses,
        _traces(params, synapses),
        scratch,
        real.type(keep),
        real.type(clamp),
    )


def deferred(params: Params, inputs: int, steps: int, connected: Mask | None = None) -> Deferred:
    """Every row once in `steps` steps, a share of them at each."""
    synapses = _synapses(params, inputs, connected)
    return Deferred(_pending(params, synapses, _in_turn(synapses, steps)))


def accumulated(
    params: Params,
    inputs: int,
    steps: int,
    rule: UpdateRule,
    staggered: bool = True,
    connected: Mask | None = None,
) -> Accumulated:
    """Gradients of `steps` steps, `rule.every` of them an update; rows in turn or all at once."""
    synapses = _synapses(params, inputs, connected)
    due = _in_turn(synapses, steps)
    if not staggered:
        due[:-1] = 0
    pending = _pending(params, synapses, due)
    block = aligned_zeros(len(params.alpha), params.alpha.dtype)
    return Accumulated(pending, _optimiser(params, synapses, rule, steps), block)


def event(
    params: Params, inputs: int, steps: int | None = None, connected: Mask | None = None
) -> Event:
    """A row when it is read, in frames of `steps` steps (None: as many as rounding allows).

    Raises ValueError where prefix sums do not exist: neurons that adapt, a filter without memory,
    a synaptic current that decays about as fast as a membrane.
    """
    if params.beta.any():
        raise ValueError(
            "the event-driven schedule came with adaptive neurons, whose eligibility has no "
            "prefix sum: use the deferred schedule"
        )
    if params.kappa_e == 0:
        raise ValueError(
            "the event-driven schedule came with an eligibility trace without a filter "
            "(kappa_e 0), and divides by that decay: use the deferred schedule"
        )
    if _mix(params) > LARGEST_MIX:
        raise ValueError(
            f"the event-driven schedule came with a synaptic current whose decay a step, "
            f"{params.alpha_s:.4g}, is too close to a membrane's ({params.group_alpha}): it "
            "subtracts the two exponentials. Use the deferred schedule"
        )
    synapses = _synapses(params, inputs, connected)
    frames = _frames(params, len(synapses.first), steps or longest_frame(params))
    clock = np.zeros(1, np.int64)
    chosen = np.zeros(len(synapses.first), np.int64)
    return Event(clock, synapses, _traces(params, synapses), frames, chosen)


def outer(params: Params, inputs: int, connected: Mask | None = None) -> Outer:
    """Every synapse, every step, for rules that need no eligibility trace."""
    return Outer(_synapses(params, inputs, connected))


def longest_frame(params: Params) -> int:
    """Steps after which rounding has grown, by the smallest decay, to what a result may lack."""
    growth = (1e6 if params.alpha.dtype == np.float32 else 1e2) / max(1.0, _mix(params))
    decay = min(float(params.kappa_e), float(_exponentials(params)[0].min()))
    return max(1, int(math.log(growth) / -math.log(decay)))


def _exponentials(params: Params) -> tuple[Floats, Floats]:
    """Decays (D, G) of which zb is a sum, and how much of zs is in each.

    zb and zs become, after n steps: alpha^n zb + f (alpha^n - alpha_s^n) zs,
    f = alpha_s / (alpha - alpha_s).
    """
    alpha, alpha_s = params.group_alpha.astype(np.float64), float(params.alpha_s)
    if alpha_s == 0:
        return alpha[None], np.zeros((1, len(alpha)))
    with np.errstate(divide="ignore"):
        f = alpha_s / (alpha - alpha_s)
    return np.array([alpha, np.full(len(alpha), alpha_s)]), np.array([f, -f])


def _mix(params: Params) -> float:
    """What the difference of two exponentials magnifies rounding by."""
    return float(abs(_exponentials(params)[1]).max())


def aligned_zeros(shape: int | tuple[int, ...], real: Real, lane: int = 0) -> Floats:
    """Zeros that begin at a cache line: a vector then never lies across two of them.

    Arrays that are swept together go in lanes of their own, 0 (the weights) to 7: a load waits for
    a store to the same place of another page.
    """
    size = int(np.prod(shape))
    memory = np.zeros(size + PAGE // real.itemsize, real)
    first = (lane * PAGE // LANES - memory.ctypes.data) % PAGE // real.itemsize
    return memory[first : first + size].reshape(shape)


def _synapses(params: Params, inputs: int, connected: Mask | None) -> Synapses:
    n = len(params.alpha)
    starts = np.arange(inputs + n + 1)[:, None] * n + params.group_start
    if connected is None:
        return Synapses(starts, np.zeros(0, np.int64), inputs)
    row, target = np.nonzero(connected)
    return Synapses(np.searchsorted(row * n + target, starts), target, inputs)


def _traces(params: Params, synapses: Synapses) -> Traces:
    size, real = int(synapses.first[-1, -1]), params.alpha.dtype
    tiny = real.type(1e-30 if real == np.float32 else 1e-200)
    eps_a = aligned_zeros(size if params.beta.any() else 0, real, 2)
    return Traces(aligned_zeros(size, real, 1), eps_a, tiny)


def _pending(params: Params, synapses: Synapses, due: Ints) -> Pending:
    n, real, window = len(params.alpha), params.alpha.dtype, _window(params, synapses, due)
    return Pending(
        clock=np.zeros(1, np.int64),
        synapses=synapses,
        traces=_traces(params, synapses),
        window=window,
        own=Source(
            past=aligned_zeros((window.past.shape[0], 1, n), real),
            units=aligned_zeros((window.units.shape[1], 1, n), real),
            spread=aligned_zeros(n, real, 7) + real.type(1),
        ),
        chosen=np.zeros(len(synapses.first), np.int64),
    )


def _in_turn(synapses: Synapses, steps: int) -> Ints:
    """Edges of `steps` groups of rows with about as many synapses each."""
    last = synapses.first[:, -1]
    due: Ints = np.searchsorted(last, last[-1] * np.arange(steps + 1) // steps, side="right")
    due[-1] = len(last)
    return due


def _window(params: Params, synapses: Synapses, due: Ints) -> Window:
    steps, rows = len(due) - 1, len(synapses.first)
    n, groups, real = len(params.alpha), len(params.group_alpha), params.alpha.dtype
    adaptive, decay = bool(params.beta.any()), _unit_decay(params, steps)
    return Window(
        past=aligned_zeros((KEEP_EPS_A + 1 if adaptive else ON_EBAR + 1, steps, n), real, 5),
        units=aligned_zeros((len(decay), UNIT_EPS_A + adaptive, steps, n), real, 6),
        decay=decay,
        power=np.power(float(params.kappa_e), np.arange(steps + 1)).astype(real),
        vectors=aligned_zeros((4, n), real),
        due=due,
        start=np.zeros(rows, np.int64),
        trace=np.zeros((groups, rows), real),
        fresh=np.arange(rows),
        fresh_rows=np.array([rows]),
        events=Events(
            number=np.zeros(rows, np.int64),
            slot=np.zeros((rows, steps), np.int16),
            size=np.zeros((rows, steps), real),
        ),
    )


def _unit_decay(params: Params, steps: int) -> Floats:
    """(1 or 2, R, N): zb n steps after it was 1; and after 1 entered zs, where there is a zs."""
    alpha, alpha_s = params.alpha.astype(np.float64), float(params.alpha_s)
    decay = aligned_zeros((1 if alpha_s == 0 else 2, steps, len(alpha)), params.alpha.dtype)
    zb, zs = np.ones((2, len(alpha)))
    decay[0] = alpha ** np.arange(steps)[:, None]
    for n in range(steps):
        decay[-1, n] = zb
        zs = alpha_s * zs
        zb = alpha * zb + zs
    return decay


def _frames(params: Params, rows: int, steps: int) -> Frames:
    n, double = len(params.alpha), np.dtype(np.float64)
    decay, mix = _exponentials(params)
    sums = 1 + 2 * len(decay)
    return Frames(
        now=aligned_zeros((2, sums, n), double),
        history=aligned_zeros((2, steps, sums, n), double),
        ratio=aligned_zeros((2, len(decay), n), double),
        change=aligned_zeros((sums, n), double),
        decay=decay,
        mix=mix,
        kappa=float(params.kappa_e),
        start=np.zeros(rows, np.int64),
        trace=np.zeros((*decay.shape, rows)),
    )


def _optimiser(params: Params, synapses: Synapses, rule: UpdateRule, steps: int) -> Optimiser:
    real = params.alpha.dtype
    size = int(synapses.first[-1, -1])
    return Optimiser(
        rule=UpdateRule(rule.kind, rule.every, *(real.type(number) for number in rule[2:])),
        m=aligned_zeros(size if rule.kind in (MOMENTUM, ADAM) else 0, real, 3),
        v=aligned_zeros(size if rule.kind == ADAM else 0, real, 4),
        gradient=aligned_zeros(size, real, 2),
        carried=np.zeros(steps, np.int64),
    )
