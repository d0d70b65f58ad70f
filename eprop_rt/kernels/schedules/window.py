"""The window: steps that are learned but not written, and what they amount to.

The dense rule is linear in a row's state, with coefficients that depend on j only. So it is not
applied to every row but to units, once a step: slot s holds what it has made, from step s to now,
of one unit of each kind that was there before step s (`past`) or came with it (`units`):

    of ebar_ij     kappa^n, and on_ebar in W
    of eps_a_ij    eps_a_to_ebar, keep_eps_a, and on_eps_a in W
    of zb_i        unit_ebar, unit_eps_a, and unit_w in W
    of zs_i        the same three, in networks with a synaptic current only

A row that was last written before step s is the sum of these, times the state that it had then.
Whatever enters zs_i later (zb_i without a synaptic current) is one more unit of it. So a row costs
one term for its start and one for each event, not one for each step.
"""

import numpy as np

from eprop_rt.kernels import compiled
from eprop_rt.kernels.schedules.rows import (
    gather,
    inlined,
    spread,
    write_adaptive,
    write_event,
    write_plain,
)
from eprop_rt.kernels.schedules.structs import (
    EPS_A_TO_EBAR,
    KEEP_EPS_A,
    ON_EBAR,
    ON_EPS_A,
    UNIT_EBAR,
    UNIT_EPS_A,
    UNIT_W,
    Pending,
    Row,
    Source,
    Window,
)
from eprop_rt.structs import Floats, Params, Scalar, Term


@compiled
def note_events(p: Pending, now: int, term: Term) -> None:
    """Keep what entered each presynaptic trace at step `now`, or the trace where a row begins."""
    s, zs, zb, tiny = term.s, term.zs, term.zb, p.traces.tiny
    start, trace, fresh, events = p.window.start, p.window.trace, p.window.fresh, p.window.events
    slot, current = now % p.window.past.shape[1], p.window.units.shape[0] > 1
    for k in range(p.window.fresh_rows[0]):
        i = fresh[k]
        for g in range(zb.shape[0]):
            trace[g, i] = zb[g, i] - zs[i] if current else zb[g, i]
        if current and abs(zs[i]) > tiny:
            events.slot[i, 0], events.size[i, 0], events.number[i] = slot, zs[i], 1
    p.window.fresh_rows[0] = 0
    for i in range(s.shape[0]):
        if s[i] != 0 and start[i] < now:
            e = events.number[i]
            events.slot[i, e], events.size[i, e], events.number[i] = slot, s[i], e + 1


@compiled
def advance(window: Window, params: Params, now: int, term: Term) -> None:
    """Apply the rule of step `now` to the units of every slot; those of this step begin."""
    past, units, slot = window.past, window.units, now % window.past.shape[1]
    past[:, slot, :] = 0
    units[:, :, slot, :] = 0
    if past.shape[0] > KEEP_EPS_A:
        past[KEEP_EPS_A, slot, :] = 1
        _advance_adaptive(window, params, now, term)
    else:
        _advance(window, params, now, term)
    if term.direct.shape[0] > 0:
        _advance_direct(window, now, term.direct)


# Rows of Window.vectors.
P, C, PULL, KEEP = range(4)


@compiled
def _advance(window: Window, params: Params, now: int, term: Term) -> None:
    """ebar <- kappa ebar + kappa_in psi zb;  w += column ebar."""
    past, units, decay, power, vectors = (
        window.past,
        window.units,
        window.decay,
        window.power,
        window.vectors,
    )
    kappa, kin, steps, n = params.kappa_e, params.kappa_e_in, decay.shape[1], decay.shape[2]
    for j in range(n):
        vectors[P, j] = kin * term.psi[j]
        vectors[C, j] = term.column[j]
    for age in range(min(now + 1, steps)):
        s, a, passed = np.uint64((now - age) % steps), np.uint64(age), power[age + 1]
        for u in range(units.shape[0]):
            for j in range(n):
                new = kappa * units[u, UNIT_EBAR, s, j] + vectors[P, j] * decay[u, a, j]
                units[u, UNIT_EBAR, s, j] = new
                units[u, UNIT_W, s, j] += vectors[C, j] * new
        for j in range(n):
            past[ON_EBAR, s, j] += passed * vectors[C, j]


@compiled
def _advance_adaptive(window: Window, params: Params, now: int, term: Term) -> None:
    """e = psi (zb - beta eps_a);  eps_a <- rho eps_a + e;  ebar <- kappa ebar + kappa_in e."""
    past, units, decay, power, vectors = (
        window.past,
        window.units,
        window.decay,
        window.power,
        window.vectors,
    )
    kappa, kin, steps, n = params.kappa_e, params.kappa_e_in, decay.shape[1], decay.shape[2]
    psi = term.psi
    for j in range(n):
        vectors[P, j] = kin * psi[j]
        vectors[C, j] = term.column[j]
        vectors[PULL, j] = kin * psi[j] * params.beta[j]
        vectors[KEEP, j] = params.rho[j] - psi[j] * params.beta[j]
    for age in range(min(now + 1, steps)):
        s, a, passed = np.uint64((now - age) % steps), np.uint64(age), power[age + 1]
        for u in range(units.shape[0]):
            for j in range(n):
                units[u, UNIT_EBAR, s, j] = (
                    kappa * units[u, UNIT_EBAR, s, j]
                    + vectors[P, j] * decay[u, a, j]
                    - vectors[PULL, j] * units[u, UNIT_EPS_A, s, j]
                )
            for j in range(n):
                units[u, UNIT_W, s, j] += vectors[C, j] * units[u, UNIT_EBAR, s, j]
            for j in range(n):
                units[u, UNIT_EPS_A, s, j] = (
                    vectors[KEEP, j] * units[u, UNIT_EPS_A, s, j] + psi[j] * decay[u, a, j]
                )
        for j in range(n):
            past[ON_EBAR, s, j] += passed * vectors[C, j]
        for j in range(n):
            new = kappa * past[EPS_A_TO_EBAR, s, j] - vectors[PULL, j] * past[KEEP_EPS_A, s, j]
            past[EPS_A_TO_EBAR, s, j] = new
            past[ON_EPS_A, s, j] += vectors[C, j] * new
        for j in range(n):
            past[KEEP_EPS_A, s, j] *= vectors[KEEP, j]


@compiled
def _advance_direct(window: Window, now: int, direct: Floats) -> None:
    """w += direct zb."""
    units, decay, steps = window.units, window.decay, window.decay.shape[1]
    for age in range(min(now + 1, steps)):
        s, a = np.uint64((now - age) % steps), np.uint64(age)
        for u in range(units.shape[0]):
            for j in range(direct.shape[0]):
                units[u, UNIT_W, s, j] += direct[j] * decay[u, a, j]


@inlined
def begin_row(p: Pending, i: int, to: int, gain: Scalar) -> tuple[Source, Row]:
    """What to write row i from, and to where; of a sparse row's own neurons there is a copy."""
    window, first, target = p.window, p.synapses.first, p.synapses.target
    low, high, slot = first[i, 0], first[i, -1], window.start[i] % window.past.shape[1]
    past, units, zb = window.past, window.units[0], spread(window.trace, first, i, p.own.spread)
    keep = window.power[p.clock[0] - window.start[i]]
    if len(target) > 0:
        gather(past, slot, target, low, high, p.own.past)
        gather(units, slot, target, low, high, p.own.units)
        past, units, slot = p.own.past, p.own.units, 0
    row = Row(np.uint64(high - low), np.uint64(low), np.uint64(to), np.uint64(slot), zb, keep, gain)
    return Source(past, units, p.own.spread), row


@inlined
def write_row(out: Floats, to: int, p: Pending, i: int, gain: Scalar) -> None:
    """End the window of row i: write its traces, and add gain times the rest to out[to ..]."""
    source, row = begin_row(p, i, to, gain)
    if len(p.traces.eps_a) == 0:
        write_plain(out, p.traces, source, row)
    else:
        write_adaptive(out, p.traces, source, row)
    events, first, target = p.window.events, p.synapses.first, p.synapses.target
    for e in range(events.number[i]):
        slot, size, units = events.slot[i, e], events.size[i, e], p.window.units[-1]
        if len(target) > 0:
            gather(units, slot, target, first[i, 0], first[i, -1], p.own.units)
            slot, units = 0, p.own.units
        event = Row(row.size, row.synapse, row.to, np.uint64(slot), size, row.keep, gain)
        write_event(out, p.traces, units, event)


@compiled
def end_rows(w: Floats, p: Pending, count: int) -> None:
    """Begin new windows for rows p.chosen[:count]; no neuron connects to itself."""
    window, first, n = p.window, p.synapses.first, p.window.past.shape[2]
    fresh = window.fresh_rows[0]
    for c in range(count):
        i = p.chosen[c]
        window.events.number[i] = 0
        window.start[i] = p.clock[0]
        window.fresh[fresh + c] = i
        j = i - p.synapses.inputs
        if len(p.synapses.target) == 0 and 0 <= j < n:
            w[first[i, 0] + j] = 0
    window.fresh_rows[0] = fresh + count


@compiled
def close_rows(w: Floats, p: Pending, count: int, gain: Scalar) -> None:
    """End the windows of rows p.chosen[:count]: write traces, add gain times the rest to w."""
    for c in range(count):
        i = p.chosen[c]
        write_row(w, p.synapses.first[i, 0], p, i, gain)
    end_rows(w, p, count)


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
