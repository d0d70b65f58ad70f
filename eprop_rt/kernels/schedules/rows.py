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
    Part,
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
def write_part(out: Floats, traces: Traces, source: Source, part: Part) -> None:
    """Bring ebar up to date, and add what became of weights to `out`: without adaptation.

    out += gain (ON_EBAR ebar + UNIT_W zb)
    ebar <- keep ebar + UNIT_EBAR zb
    """
    ebar, past, units, z, keep, gain = (
        traces.ebar,
        source.past,
        source.units,
        part.zb,
        part.keep,
        part.gain,
    )
    tiny, nothing, s, n = traces.tiny, traces.tiny - traces.tiny, part.slot, part.size
    at, j, o = part.synapse, part.neuron, part.to
    for k in range(n):
        old = ebar[at + k]
        out[o + k] += gain * (past[ON_EBAR, s, j + k] * old + z * units[UNIT_W, s, j + k])
        new = keep * old + z * units[UNIT_EBAR, s, j + k]
        ebar[at + k] = new if abs(new) > tiny else nothing


@inlined
def write_adaptive_part(out: Floats, traces: Traces, source: Source, part: Part) -> None:
    """The same with adaptation.

    out += gain (ON_EBAR ebar + ON_EPS_A eps_a + UNIT_W zb)
    ebar <- keep ebar + EPS_A_TO_EBAR eps_a + UNIT_EBAR zb
    eps_a <- KEEP_EPS_A eps_a + UNIT_EPS_A zb
    """
    ebar, eps_a, past, units = traces.ebar, traces.eps_a, source.past, source.units
    z, keep, gain = part.zb, part.keep, part.gain
    tiny, nothing, s, n = traces.tiny, traces.tiny - traces.tiny, part.slot, part.size
    at, j, o = part.synapse, part.neuron, part.to
    for k in range(n):
        on = past[ON_EBAR, s, j + k] * ebar[at + k] + past[ON_EPS_A, s, j + k] * eps_a[at + k]
        out[o + k] += gain * (on + z * units[UNIT_W, s, j + k])
    for k in range(n):
        new = keep * ebar[at + k] + past[EPS_A_TO_EBAR, s, j + k] * eps_a[at + k]
        new += z * units[UNIT_EBAR, s, j + k]
        ebar[at + k] = new if abs(new) > tiny else nothing
    for k in range(n):
        new = past[KEEP_EPS_A, s, j + k] * eps_a[at + k] + z * units[UNIT_EPS_A, s, j + k]
        eps_a[at + k] = new if abs(new) > tiny else nothing


@inlined
def write_event(out: Floats, traces: Traces, units: Floats, part: Part) -> None:
    """Add what became of `part.zb` units that entered a row's presynaptic trace."""
    ebar, eps_a, size, gain, s = traces.ebar, traces.eps_a, part.zb, part.gain, part.slot
    at, j, o = part.synapse, part.neuron, part.to
    for k in range(part.size):
        out[o + k] += gain * size * units[UNIT_W, s, j + k]
        ebar[at + k] += size * units[UNIT_EBAR, s, j + k]
    if len(eps_a) > 0:
        for k in range(part.size):
            eps_a[at + k] += size * units[UNIT_EPS_A, s, j + k]


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
