"""One presynaptic row: the loops over synapses.

`src[KIND, slot]` are vectors over postsynaptic neurons (see `window`). Where connectivity is
sparse, `gather` first picks those that the row has, so that every loop runs over contiguous memory.
Indices are unsigned: a signed one may be negative, and the test for that hinders vectors.
"""

import numpy as np

from eprop_rt.kernels import compiled
from eprop_rt.kernels.schedules.structs import (
    EPS_A_TO_EBAR,
    KEEP_EPS_A,
    ON_EBAR,
    ON_EPS_A,
    UNIT_EBAR,
    UNIT_EPS_A,
    UNIT_W,
    Synapses,
    Traces,
)
from eprop_rt.structs import Floats, Ints, Scalar


@compiled
def gather(ring: Floats, slot: int, target: Ints, low: int, high: int, out: Floats) -> None:
    """out[KIND, 0, n] = ring[KIND, slot, target[low + n]]."""
    s = np.uint64(slot)
    for kind in range(ring.shape[0]):
        for n in range(high - low):
            out[kind, 0, n] = ring[kind, s, np.uint64(target[low + n])]


@compiled
def add_start(
    out: Floats,
    shift: int,
    traces: Traces,
    first: Ints,
    i: int,
    trace: Floats,
    src: Floats,
    slot: int,
    keep: Scalar,
    tiny: Scalar,
) -> None:
    """What a window makes of a row's state at its start: eligibility and presynaptic trace.

    out += ON_EBAR ebar + ON_EPS_A eps_a + UNIT_W zb
    ebar <- keep ebar + EPS_A_TO_EBAR eps_a + UNIT_EBAR zb
    eps_a <- KEEP_EPS_A eps_a + UNIT_EPS_A zb
    """
    ebar, eps_a = traces.ebar, traces.eps_a
    s, less, base = np.uint64(slot), np.uint64(shift), np.uint64(first[i, 0])
    nothing = tiny - tiny
    for g in range(trace.shape[0]):
        z = trace[g, i]
        low, high = np.uint64(first[i, g]), np.uint64(first[i, g + 1])
        if eps_a.shape[0] == 0:
            for k in range(low, high):
                old = ebar[k]
                out[k - less] += src[ON_EBAR, s, k - base] * old + z * src[UNIT_W, s, k - base]
                new = keep * old + z * src[UNIT_EBAR, s, k - base]
                ebar[k] = new if abs(new) > tiny else nothing
            continue
        for k in range(low, high):
            out[k - less] += (
                src[ON_EBAR, s, k - base] * ebar[k]
                + src[ON_EPS_A, s, k - base] * eps_a[k]
                + z * src[UNIT_W, s, k - base]
            )
        for k in range(low, high):
            new = (
                keep * ebar[k]
                + src[EPS_A_TO_EBAR, s, k - base] * eps_a[k]
                + z * src[UNIT_EBAR, s, k - base]
            )
            ebar[k] = new if abs(new) > tiny else nothing
        for k in range(low, high):
            new = src[KEEP_EPS_A, s, k - base] * eps_a[k] + z * src[UNIT_EPS_A, s, k - base]
            eps_a[k] = new if abs(new) > tiny else nothing


@compiled
def add_event(
    out: Floats,
    shift: int,
    traces: Traces,
    low: int,
    high: int,
    src: Floats,
    slot: int,
    size: Scalar,
) -> None:
    """What a window makes of `size` entering the row's presynaptic trace at `slot`."""
    ebar, eps_a = traces.ebar, traces.eps_a
    s, less, base = np.uint64(slot), np.uint64(shift), np.uint64(low)
    for k in range(base, np.uint64(high)):
        out[k - less] += size * src[UNIT_W, s, k - base]
        ebar[k] += size * src[UNIT_EBAR, s, k - base]
    if eps_a.shape[0] > 0:
        for k in range(base, np.uint64(high)):
            eps_a[k] += size * src[UNIT_EPS_A, s, k - base]


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
