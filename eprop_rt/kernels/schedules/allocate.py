"""Arrays of a schedule before its first step."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eprop_rt.kernels.schedules.structs import (
    ADAM,
    KEEP_EPS_A,
    MOMENTUM,
    RMS,
    UNIT_EBAR,
    Accumulated,
    Deferred,
    Dense,
    Event,
    Frames,
    Optimiser,
    Pending,
    Synapses,
    Traces,
    UpdateRule,
    Window,
)
from eprop_rt.structs import Floats, Ints, Params, Scalar

Mask = NDArray[np.bool_]
Real = np.dtype[np.floating[Any]]

LINE = 64  # bytes
BLOCK = 16384  # synapses whose gradient goes to the optimiser at once: they stay in the cache


def dense(params: Params, inputs: int, connected: Mask | None = None) -> Dense:
    """Every synapse, every step; `connected` (P, N), without autapses: only those."""
    synapses = _synapses(params, inputs, connected)
    real = params.alpha.dtype
    return Dense(
        synapses,
        _traces(params, synapses),
        aligned_zeros((5, 2, len(params.alpha)), real),
        _tiny(params),
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
    n = len(params.alpha)
    block = aligned_zeros(max(1, BLOCK // n) * n, params.alpha.dtype)
    return Accumulated(pending, _optimiser(params, synapses, rule, steps), block)


def event(
    params: Params, inputs: int, steps: int | None = None, connected: Mask | None = None
) -> Event:
    """A row when it is read, in frames of `steps` steps (None: as many as rounding allows).

    Raises ValueError where a neuron adapts.
    """
    if params.beta.any():
        raise ValueError(
            "the event-driven schedule came with adaptive neurons, whose eligibility has no "
            "prefix sum: use the deferred schedule"
        )
    synapses = _synapses(params, inputs, connected)
    frames = _frames(params, len(synapses.first), steps or longest_frame(params))
    clock = np.zeros(1, np.int64)
    chosen = np.zeros(len(synapses.first), np.int64)
    return Event(clock, synapses, _traces(params, synapses), frames, chosen, _tiny(params))


def longest_frame(params: Params) -> int:
    """Steps after which rounding has grown, by the smallest decay, to what a result may lack."""
    growth = 1e6 if params.alpha.dtype == np.float32 else 1e2
    decay = min(float(params.kappa), float(params.group_alpha.min()))
    return max(1, int(math.log(growth) / -math.log(decay)))


def aligned_zeros(shape: int | tuple[int, ...], real: Real) -> Floats:
    """Zeros that begin at a cache line: a vector then never lies across two of them."""
    size = int(np.prod(shape))
    memory = np.zeros(size + LINE // real.itemsize, real)
    first = -memory.ctypes.data % LINE // real.itemsize
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
    return Traces(aligned_zeros(size, real), aligned_zeros(size if params.beta.any() else 0, real))


def _tiny(params: Params) -> Scalar:
    tiny: Scalar = params.alpha.dtype.type(1e-30 if params.alpha.dtype == np.float32 else 1e-200)
    return tiny


def _pending(params: Params, synapses: Synapses, due: Ints) -> Pending:
    n, real = len(params.alpha), params.alpha.dtype
    return Pending(
        clock=np.zeros(1, np.int64),
        synapses=synapses,
        traces=_traces(params, synapses),
        window=_window(params, synapses, due),
        scratch=aligned_zeros((KEEP_EPS_A + 1, 1, n), real),
        chosen=np.zeros(len(synapses.first), np.int64),
        tiny=_tiny(params),
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
    kinds = KEEP_EPS_A + 1 if params.beta.any() else UNIT_EBAR + 1
    ages = np.arange(steps + 1)
    decay = aligned_zeros((steps, n), real)
    decay[:] = np.power(params.alpha.astype(np.float64), ages[:-1, None])
    return Window(
        ring=aligned_zeros((kinds, steps, n), real),
        decay=decay,
        power=np.power(float(params.kappa), ages).astype(real),
        vectors=aligned_zeros((4, n), real),
        due=due,
        start=np.zeros(rows, np.int64),
        trace=np.zeros((groups, rows), real),
        fresh=np.arange(rows),
        fresh_rows=np.array([rows]),
        events=np.zeros(rows, np.int64),
        event_slot=np.zeros((rows, steps), np.int16),
        event_size=np.zeros((rows, steps), real),
    )


def _frames(params: Params, rows: int, steps: int) -> Frames:
    n, groups, double = len(params.alpha), len(params.group_alpha), np.dtype(np.float64)
    return Frames(
        now=aligned_zeros((2, 3, n), double),
        history=aligned_zeros((2, steps, 3, n), double),
        ratio=aligned_zeros((2, n), double),
        change=aligned_zeros((3, n), double),
        alpha=params.group_alpha.astype(np.float64),
        kappa=float(params.kappa),
        start=np.zeros(rows, np.int64),
        trace=np.zeros((groups, rows)),
    )


def _optimiser(params: Params, synapses: Synapses, rule: UpdateRule, steps: int) -> Optimiser:
    real = params.alpha.dtype
    size = int(synapses.first[-1, -1])
    return Optimiser(
        rule=UpdateRule(rule.kind, rule.every, *(real.type(number) for number in rule[2:])),
        m=aligned_zeros(size if rule.kind in (MOMENTUM, ADAM) else 0, real),
        v=aligned_zeros(size if rule.kind in (RMS, ADAM) else 0, real),
        gradient=aligned_zeros(size, real),
        carried=np.zeros(steps, np.int64),
    )
