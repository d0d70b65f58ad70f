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
    Row,
    Source,
    Synapses,
    Traces,
)
from eprop_rt.structs import Floats, Ints, Scalar

F = TypeVar("F", bound=Callable[..., Any])


def inlined(function: F) -> F:
    """Compile a loop into its callers: what is called for each row must cost no call."""
    return njit(inline="always", fastmath=FAST, error_model="numpy")(function)


@compiled
def gather(ring: Floats, slot: int, target: Ints, low: int, high: int, out: Floats) -> None:
    """out[KIND, 0, n] = ring[KIND, slot, target[low + n]]."""
    s = np.uint64(slot)
    for kind in range(ring.shape[0]):
        for n in range(high - low):
            out[kind, 0, n] = ring[kind, s, np.uint64(target[low + n])]


@inlined
def spread(zb: Floats, first: Ints, i: int, out: Floats) -> Scalar:
    """Row i's presynaptic trace is out_n times what this returns: one loop over a row is faster."""
    if zb.shape[0] == 1:
        alone: Scalar = zb[0, i]
        return alone
    row = first[i, 0]
    for g in range(zb.shape[0]):
        z = zb[g, i]
        for n in range(np.uint64(first[i, g] - row), np.uint64(first[i, g + 1] - row)):
            out[n] = z
    one: Scalar = out.dtype.type(1.0)
    return one


@inlined
def write_plain(out: Floats, traces: Traces, source: Source, row: Row) -> None:
    """Bring ebar up to date, and add what became of weights to `out`: without adaptation.

    out += gain (ON_EBAR ebar + UNIT_W zb)
    ebar <- keep ebar + UNIT_EBAR zb
    """
    ebar, past, units, z = traces.ebar, source.past, source.units, source.spread
    tiny, nothing, at, o, s = traces.tiny, traces.tiny - traces.tiny, row.synapse, row.to, row.slot
    for k in range(row.size):
        zb, old = row.zb * z[k], ebar[at + k]
        out[o + k] += row.gain * (past[ON_EBAR, s, k] * old + zb * units[UNIT_W, s, k])
        new = row.keep * old + zb * units[UNIT_EBAR, s, k]
        ebar[at + k] = new if abs(new) > tiny else nothing


@inlined
def write_adaptive(out: Floats, traces: Traces, source: Source, row: Row) -> None:
    """The same with adaptation.

    out += gain (ON_EBAR ebar + ON_EPS_A eps_a + UNIT_W zb)
    ebar <- keep ebar + EPS_A_TO_EBAR eps_a + UNIT_EBAR zb
    eps_a <- KEEP_EPS_A eps_a + UNIT_EPS_A zb
    """
    ebar, eps_a, past, units, z = (
        traces.ebar,
        traces.eps_a,
        source.past,
        source.units,
        source.spread,
    )
    tiny, nothing, at, o, s = traces.tiny, traces.tiny - traces.tiny, row.synapse, row.to, row.slot
    for k in range(row.size):
        on = past[ON_EBAR, s, k] * ebar[at + k] + past[ON_EPS_A, s, k] * eps_a[at + k]
        out[o + k] += row.gain * (on + row.zb * z[k] * units[UNIT_W, s, k])
    for k in range(row.size):
        new = row.keep * ebar[at + k] + past[EPS_A_TO_EBAR, s, k] * eps_a[at + k]
        new += row.zb * z[k] * units[UNIT_EBAR, s, k]
        ebar[at + k] = new if abs(new) > tiny else nothing
        new = past[KEEP_EPS_A, s, k] * eps_a[at + k] + row.zb * z[k] * units[UNIT_EPS_A, s, k]
        eps_a[at + k] = new if abs(new) > tiny else nothing


@inlined
def write_event(out: Floats, traces: Traces, units: Floats, row: Row) -> None:
    """Add what became of `row.zb` units that entered a row's presynaptic trace."""
    ebar, eps_a, at, o, s = traces.ebar, traces.eps_a, row.synapse, row.to, row.slot
    for k in range(row.size):
        out[o + k] += row.gain * row.zb * units[UNIT_W, s, k]
        ebar[at + k] += row.zb * units[UNIT_EBAR, s, k]
    if len(eps_a) > 0:
        for k in range(row.size):
            eps_a[at + k] += row.zb * units[UNIT_EPS_A, s, k]


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
