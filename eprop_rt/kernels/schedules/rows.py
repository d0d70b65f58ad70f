"""One presynaptic row: the loops over synapses.

`past[KIND, slot]` and `units[KIND, slot]` are vectors over postsynaptic neurons (see `window`).
Where connectivity is sparse, `gather` first picks those that the row has, so that every loop runs
over contiguous memory. Indices are unsigned: a signed one may be negative, and the test for that
hinders vectors.
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
    Sink,
    Source,
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
    sink: Sink, traces: Traces, edges: Ints, zb: Floats, source: Source, keep: Scalar
) -> None:
    """What a window makes of a row's state at its start: eligibility and presynaptic trace.

    out += ON_EBAR ebar + ON_EPS_A eps_a + UNIT_W zb
    ebar <- keep ebar + EPS_A_TO_EBAR eps_a + UNIT_EBAR zb
    eps_a <- KEEP_EPS_A eps_a + UNIT_EPS_A zb
    """
    ebar, eps_a, tiny = traces.ebar, traces.eps_a, traces.tiny
    out, past, units = sink.out, source.past, source.units
    s, less, base = np.uint64(source.slot), np.uint64(sink.shift), np.uint64(edges[0])
    nothing = tiny - tiny
    for g in range(zb.shape[0]):
        z = zb[g]
        low, high = np.uint64(edges[g]), np.uint64(edges[g + 1])
        if eps_a.shape[0] == 0:
            for k in range(low, high):
                old = ebar[k]
                out[k - less] += past[ON_EBAR, s, k - base] * old + z * units[UNIT_W, s, k - base]
                new = keep * old + z * units[UNIT_EBAR, s, k - base]
                ebar[k] = new if abs(new) > tiny else nothing
            continue
        for k in range(low, high):
            out[k - less] += (
                past[ON_EBAR, s, k - base] * ebar[k]
                + past[ON_EPS_A, s, k - base] * eps_a[k]
                + z * units[UNIT_W, s, k - base]
            )
        for k in range(low, high):
            new = (
                keep * ebar[k]
                + past[EPS_A_TO_EBAR, s, k - base] * eps_a[k]
                + z * units[UNIT_EBAR, s, k - base]
            )
            ebar[k] = new if abs(new) > tiny else nothing
        for k in range(low, high):
            new = past[KEEP_EPS_A, s, k - base] * eps_a[k] + z * units[UNIT_EPS_A, s, k - base]
            eps_a[k] = new if abs(new) > tiny else nothing


@compiled
def add_event(
    sink: Sink, traces: Traces, low: int, high: int, source: Source, size: Scalar
) -> None:
    """What a window makes of `size` units that entered a row's presynaptic trace."""
    ebar, eps_a, out, units = traces.ebar, traces.eps_a, sink.out, source.units
    s, less, base = np.uint64(source.slot), np.uint64(sink.shift), np.uint64(low)
    for k in range(base, np.uint64(high)):
        out[k - less] += size * units[UNIT_W, s, k - base]
        ebar[k] += size * units[UNIT_EBAR, s, k - base]
    if eps_a.shape[0] > 0:
        for k in range(base, np.uint64(high)):
            eps_a[k] += size * units[UNIT_EPS_A, s, k - base]


@compiled
def shrink(w: Floats, low: int, high: int, keep: Scalar | float) -> None:
    """Every W of synapses low .. high times `keep`: weight decay."""
    if keep != 1:
        for k in range(np.uint64(low), np.uint64(high)):
            w[k] *= keep


@compiled
def clip(w: Floats, low: int, high: int, clamp: Scalar | float) -> None:
    """No W of synapses low .. high beyond -clamp .. clamp; a NaN stays."""
    if clamp < np.inf:
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
