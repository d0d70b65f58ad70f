"""One presynaptic row: the loops over synapses.

`past[KIND, slot]` and `units[KIND, slot]` are vectors over postsynaptic neurons (see `window`).
Where connectivity is sparse, `gather` first picks those that the row has, so that every loop runs
over contiguous memory. Indices are unsigned: a signed one may be negative, and the test for that
hinders vectors.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit

from eprop_rt.kernels import FAST, compiled
from eprop_rt.kernels.schedules.structs import (
    EPS_A_TO_EBAR,
    KEEP_EPS_A,
    ON_EBAR,
    ON_EPS_A,
    UNIT_EBAR,
    UNIT_EPS_A,
    UNIT_W,
    Events,
    Part,
    Source,
    Synapses,
    Traces,
)
from eprop_rt.structs import Floats, Ints, Scalar

F = TypeVar("F", bound=Callable[..., Any])


def inlined(function: F) -> F:
    """Compile a loop into its callers: called for each row, it must cost no call."""
    return njit(inline="always", fastmath=FAST, error_model="numpy")(function)


@compiled
def gather(ring: Floats, slot: int, target: Ints, low: int, high: int, out: Floats) -> None:
    """out[KIND, 0, n] = ring[KIND, slot, target[low + n]]."""
    s = np.uint64(slot)
    for kind in range(ring.shape[0]):
        for n in range(high - low):
            out[kind, 0, n] = ring[kind, s, np.uint64(target[low + n])]


@compiled
def begin_row(
    past: Floats, units: Floats, events: Events, own: Source, synapses: Synapses, i: int, slot: int
) -> None:
    """Add up what became of all that entered row i; lay out its start if it is sparse."""
    entered, target = own.entered, synapses.target
    low, high = synapses.first[i, 0], synapses.first[i, synapses.first.shape[1] - 1]
    newest, sparse = units.shape[0] - 1, len(target) > 0
    for kind in range(entered.shape[0]):
        for n in range(entered.shape[1]):
            entered[kind, n] = 0
    for e in range(events.number[i]):
        s, size = np.uint64(events.slot[i, e]), events.size[i, e]
        for kind in range(entered.shape[0]):
            if sparse:
                for n in range(high - low):
                    entered[kind, n] += size * units[newest, kind, s, np.uint64(target[low + n])]
            else:
                for n in range(high - low):
                    entered[kind, n] += size * units[newest, kind, s, n]
    if sparse:
        gather(past, slot, target, low, high, own.past)
        gather(units[0], slot, target, low, high, own.units)


@inlined
def write_part(out: Floats, to: int, traces: Traces, source: Source, part: Part) -> None:
    """Bring ebar up to date, and add what became of weights to out[to ..]: without adaptation.

    out += gain (ON_EBAR ebar + UNIT_W zb)
    ebar <- keep ebar + UNIT_EBAR zb
    """
    ebar, tiny, nothing = traces.ebar, traces.tiny, traces.tiny - traces.tiny
    past, units, entered = source.past, source.units, source.entered
    z, keep, gain, s = part.zb, part.keep, part.gain, np.uint64(part.slot)
    n, at = np.uint64(part.high - part.low), np.uint64(part.low)
    j, o = np.uint64(part.low - part.row), np.uint64(to)
    for k in range(n):
        old = ebar[at + k]
        on = past[ON_EBAR, s, j + k] * old + entered[UNIT_W, j + k]
        out[o + k] += gain * (on + z * units[UNIT_W, s, j + k])
        new = keep * old + z * units[UNIT_EBAR, s, j + k] + entered[UNIT_EBAR, j + k]
        ebar[at + k] = new if abs(new) > tiny else nothing


@inlined
def write_adaptive_part(out: Floats, to: int, traces: Traces, source: Source, part: Part) -> None:
    """The same with adaptation.

    out += gain (ON_EBAR ebar + ON_EPS_A eps_a + UNIT_W zb)
    ebar <- keep ebar + EPS_A_TO_EBAR eps_a + UNIT_EBAR zb
    eps_a <- KEEP_EPS_A eps_a + UNIT_EPS_A zb
    """
    ebar, eps_a, tiny, nothing = traces.ebar, traces.eps_a, traces.tiny, traces.tiny - traces.tiny
    past, units, entered = source.past, source.units, source.entered
    z, keep, gain, s = part.zb, part.keep, part.gain, np.uint64(part.slot)
    n, at = np.uint64(part.high - part.low), np.uint64(part.low)
    j, o = np.uint64(part.low - part.row), np.uint64(to)
    for k in range(n):
        on = past[ON_EBAR, s, j + k] * ebar[at + k] + past[ON_EPS_A, s, j + k] * eps_a[at + k]
        out[o + k] += gain * (on + z * units[UNIT_W, s, j + k] + entered[UNIT_W, j + k])
    for k in range(n):
        new = keep * ebar[at + k] + past[EPS_A_TO_EBAR, s, j + k] * eps_a[at + k]
        new += z * units[UNIT_EBAR, s, j + k] + entered[UNIT_EBAR, j + k]
        ebar[at + k] = new if abs(new) > tiny else nothing
    for k in range(n):
        new = past[KEEP_EPS_A, s, j + k] * eps_a[at + k] + entered[UNIT_EPS_A, j + k]
        new += z * units[UNIT_EPS_A, s, j + k]
        eps_a[at + k] = new if abs(new) > tiny else nothing


@compiled
def write_any_part(out: Floats, to: int, traces: Traces, source: Source, part: Part) -> None:
    """With or without adaptation."""
    if len(traces.eps_a) > 0:
        write_adaptive_part(out, to, traces, source, part)
    else:
        write_part(out, to, traces, source, part)


@compiled
def shrink(w: Floats, low: int, high: int, keep: Scalar | float) -> None:
    """Every W of synapses low .. high times `keep`: weight decay."""
    for k in range(np.uint64(low), np.uint64(high)):
        w[k] *= keep


@compiled
def clip(w: Floats, low: int, high: int, clamp: Scalar | float) -> None:
    """No W of synapses low .. high beyond -clamp .. clamp; a NaN stays."""
    for k in range(np.uint64(low), np.uint64(high)):
        bounded = clamp if w[k] > clamp else w[k]
        w[k] = -clamp if bounded < -clamp else bounded


@compiled
def add_rows(w: Floats, synapses: Synapses, pre: Floats, drive: Floats) -> None:
    """drive_j += sum_i s_i W_ij, reading only the rows whose s_i is not zero."""
    first, target = synapses.first, synapses.target
    end = first.shape[1] - 1
    for i in range(pre.shape[0]):
        s = pre[i]
        if s != 0:
            low, high = np.uint64(first[i, 0]), np.uint64(first[i, end])
            if target.shape[0] == 0:
                for k in range(low, high):
                    drive[k - low] += s * w[k]
            else:
                for k in range(low, high):
                    drive[np.uint64(target[k])] += s * w[k]
