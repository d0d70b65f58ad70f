"""The window: steps that are learned but not written, and what they amount to.

The dense rule is linear in a row's state, with coefficients that depend on j only. So it is not
applied to every row but to units, once a step: slot s of the ring holds what it has made, from
step s to now, of one unit of each kind that was there before step s:

    of zb_i        unit_ebar, unit_eps_a, and unit_w in W
    of ebar_ij     kappa^n, and on_ebar in W
    of eps_a_ij    eps_a_to_ebar, keep_eps_a, and on_eps_a in W

A row that was last written before step s is the sum of these, times the state that it had then.
Whatever enters zb_i later is one more unit of it. So a row costs one term for its start and one
for each event, not one for each step.
"""

import numpy as np

from eprop_rt.kernels import compiled
from eprop_rt.kernels.schedules.rows import add_event, add_start, gather
from eprop_rt.kernels.schedules.structs import (
    EPS_A_TO_EBAR,
    KEEP_EPS_A,
    ON_EBAR,
    ON_EPS_A,
    UNIT_EBAR,
    UNIT_EPS_A,
    UNIT_W,
    Pending,
    Window,
)
from eprop_rt.structs import Floats, Params


@compiled
def note_events(window: Window, now: int, entering: Floats, zb: Floats) -> None:
    """Keep what entered each presynaptic trace at step `now`, or the trace where a row begins."""
    start, trace, events = window.start, window.trace, window.events
    slot = now % window.ring.shape[1]
    for k in range(window.fresh_rows[0]):
        i = window.fresh[k]
        for g in range(trace.shape[0]):
            trace[g, i] = zb[g, i]
    window.fresh_rows[0] = 0
    for i in range(entering.shape[0]):
        if entering[i] != 0 and start[i] < now:
            window.event_slot[i, events[i]] = slot
            window.event_size[i, events[i]] = entering[i]
            events[i] += 1


@compiled
def advance(window: Window, params: Params, now: int, psi: Floats, column: Floats) -> None:
    """Apply the rule of step `now` to the units of every slot; those of this step begin."""
    ring, steps = window.ring, window.ring.shape[1]
    ring[:, now % steps, :] = 0
    if ring.shape[0] > KEEP_EPS_A:
        ring[KEEP_EPS_A, now % steps, :] = 1
        _advance_adaptive(window, params, now, psi, column)
    else:
        _advance(window, params, now, psi, column)


# Rows of Window.vectors.
P, C, PULL, KEEP = range(4)


@compiled
def _advance(window: Window, params: Params, now: int, psi: Floats, column: Floats) -> None:
    """ebar <- kappa ebar + (1 - kappa) psi zb;  w += column ebar."""
    ring, decay, power, vectors = window.ring, window.decay, window.power, window.vectors
    kappa, kin, steps, n = params.kappa, params.kappa_in, decay.shape[0], decay.shape[1]
    for j in range(n):
        vectors[P, j] = kin * psi[j]
        vectors[C, j] = column[j]
    for age in range(min(now + 1, steps)):
        s, a, passed = np.uint64((now - age) % steps), np.uint64(age), power[age + 1]
        for j in range(n):
            new = kappa * ring[UNIT_EBAR, s, j] + vectors[P, j] * decay[a, j]
            ring[UNIT_EBAR, s, j] = new
            ring[UNIT_W, s, j] += vectors[C, j] * new
        for j in range(n):
            ring[ON_EBAR, s, j] += passed * vectors[C, j]


@compiled
def _advance_adaptive(
    window: Window, params: Params, now: int, psi: Floats, column: Floats
) -> None:
    """e = psi (zb - beta eps_a);  eps_a <- rho eps_a + e;  ebar <- kappa ebar + (1 - kappa) e."""
    ring, decay, power, vectors = window.ring, window.decay, window.power, window.vectors
    kappa, kin, steps, n = params.kappa, params.kappa_in, decay.shape[0], decay.shape[1]
    for j in range(n):
        vectors[P, j] = kin * psi[j]
        vectors[C, j] = column[j]
        vectors[PULL, j] = kin * psi[j] * params.beta[j]
        vectors[KEEP, j] = params.rho[j] - psi[j] * params.beta[j]
    for age in range(min(now + 1, steps)):
        s, a, passed = np.uint64((now - age) % steps), np.uint64(age), power[age + 1]
        for j in range(n):
            ring[UNIT_EBAR, s, j] = (
                kappa * ring[UNIT_EBAR, s, j]
                + vectors[P, j] * decay[a, j]
                - vectors[PULL, j] * ring[UNIT_EPS_A, s, j]
            )
        for j in range(n):
            ring[UNIT_W, s, j] += vectors[C, j] * ring[UNIT_EBAR, s, j]
        for j in range(n):
            ring[ON_EBAR, s, j] += passed * vectors[C, j]
        for j in range(n):
            ring[UNIT_EPS_A, s, j] = (
                vectors[KEEP, j] * ring[UNIT_EPS_A, s, j] + psi[j] * decay[a, j]
            )
        for j in range(n):
            new = kappa * ring[EPS_A_TO_EBAR, s, j] - vectors[PULL, j] * ring[KEEP_EPS_A, s, j]
            ring[EPS_A_TO_EBAR, s, j] = new
            ring[ON_EPS_A, s, j] += vectors[C, j] * new
        for j in range(n):
            ring[KEEP_EPS_A, s, j] *= vectors[KEEP, j]


@compiled
def close_rows(out: Floats, shift: int, p: Pending, count: int) -> None:
    """End the windows of rows p.chosen[:count]: write their traces, add their weights to `out`.

    Synapse k's weight is at out[k - shift].
    """
    window, traces, first, target = p.window, p.traces, p.synapses.first, p.synapses.target
    ring, power, start, trace, events = (
        window.ring,
        window.power,
        window.start,
        window.trace,
        window.events,
    )
    now, slots, n = p.clock[0], ring.shape[1], ring.shape[2]
    sparse, end, fresh = target.shape[0] > 0, first.shape[1] - 1, window.fresh_rows[0]
    src = p.scratch if sparse else ring
    for k in range(count):
        i = p.chosen[k]
        low, high = first[i, 0], first[i, end]
        slot = start[i] % slots
        if sparse:
            gather(ring, slot, target, low, high, src)
            slot = 0
        add_start(out, shift, traces, first, i, trace, src, slot, power[now - start[i]], p.tiny)
        for e in range(events[i]):
            slot = int(window.event_slot[i, e])
            if sparse:
                gather(ring, slot, target, low, high, src)
                slot = 0
            add_event(out, shift, traces, low, high, src, slot, window.event_size[i, e])
        events[i] = 0
        start[i] = now
        window.fresh[fresh + k] = i
        j = i - p.synapses.inputs
        if not sparse and 0 <= j < n:
            out[low + j - shift] = 0
    window.fresh_rows[0] = fresh + count


@compiled
def choose_open(p: Pending, first: int, last: int) -> int:
    """Put the rows first .. last whose windows are open into p.chosen; returns how many."""
    count = 0
    for i in range(first, last):
        if p.window.start[i] < p.clock[0]:
            p.chosen[count] = i
            count += 1
    return count


@compiled
def choose_read(p: Pending, pre: Floats) -> int:
    """Put the rows that are read and whose windows are open into p.chosen; returns how many."""
    count = 0
    for i in range(pre.shape[0]):
        if pre[i] != 0 and p.window.start[i] < p.clock[0]:
            p.chosen[count] = i
            count += 1
    return count
