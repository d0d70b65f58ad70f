"""Deferred: a row is written once every R steps; exact for gradient descent at every step.

One of R groups of rows is written a step, so that no step pays for all. Sparse rows are written
whenever they are read, too.
"""

import numpy as np

from eprop_rt.kernels import compiled
from eprop_rt.kernels.schedules.rows import add_rows
from eprop_rt.kernels.schedules.structs import ON_EBAR, ON_EPS_A, UNIT_W, Deferred, Pending
from eprop_rt.kernels.schedules.window import (
    advance,
    choose_open,
    choose_read,
    close_rows,
    note_events,
)
from eprop_rt.structs import Floats, Params


@compiled
def add_drive(w: Floats, p: Deferred, pre: Floats, drive: Floats) -> None:
    """drive_j += sum_i s_i W_ij, pending terms included."""
    pending = p.pending
    if pending.synapses.target.shape[0] > 0:
        close_rows(w, 0, pending, choose_read(pending, pre))
        add_rows(w, pending.synapses, pre, drive)
        return
    pending.window.coefficient[:] = 0
    _add_pending_rows(w, pending, pre, drive)
    _subtract_pending_autapses(pending, pre, drive)
    _add_events(pending, drive)


@compiled
def _add_pending_rows(w: Floats, p: Pending, pre: Floats, drive: Floats) -> None:
    """Rows that are read, with what their eligibility leads to; collects traces and events."""
    window, ebar, eps_a, first = p.window, p.traces.ebar, p.traces.eps_a, p.synapses.first
    ring, start, events = window.ring, window.start, window.events
    coefficient, event_slot, event_size = window.coefficient, window.event_slot, window.event_size
    n, now, groups = np.uint64(ring.shape[2]), p.clock[0], window.trace.shape[0]
    for i in range(pre.shape[0]):
        s = pre[i]
        if s == 0:
            continue
        low = np.uint64(first[i, 0])
        if start[i] == now:
            for j in range(n):
                drive[j] += s * w[low + j]
            continue
        at = np.uint64(start[i] % ring.shape[1])
        for j in range(n):
            drive[j] += s * (w[low + j] + ring[ON_EBAR, at, j] * ebar[low + j])
        if eps_a.shape[0] > 0:
            for j in range(n):
                drive[j] += s * ring[ON_EPS_A, at, j] * eps_a[low + j]
        for g in range(groups):
            coefficient[at, g] += s * window.trace[g, i]
        for e in range(events[i]):
            coefficient[event_slot[i, e], groups] += s * event_size[i, e]


@compiled
def _add_events(p: Pending, drive: Floats) -> None:
    """drive_j += sum over slots of (coefficient of j's group + that of all) unit_w_j."""
    ring, coefficient, first = p.window.ring, p.window.coefficient, p.synapses.first
    groups = p.window.trace.shape[0]
    for slot in range(ring.shape[1]):
        for g in range(groups):
            size = coefficient[slot, g] + coefficient[slot, groups]
            if size != 0:
                for j in range(np.uint64(first[0, g]), np.uint64(first[0, g + 1])):
                    drive[j] += size * ring[UNIT_W, slot, j]


@compiled
def _subtract_pending_autapses(p: Pending, pre: Floats, drive: Floats) -> None:
    """Take back what neurons that spiked would add to themselves."""
    window, ebar, eps_a, first = p.window, p.traces.ebar, p.traces.eps_a, p.synapses.first
    ring, start, events = window.ring, window.start, window.events
    now, g = p.clock[0], 0
    for j in range(drive.shape[0]):
        while first[0, g + 1] <= j:
            g += 1
        i = p.synapses.inputs + j
        if pre[i] != 0 and start[i] < now:
            at, k = start[i] % ring.shape[1], first[i, 0] + j
            total = ring[ON_EBAR, at, j] * ebar[k] + ring[UNIT_W, at, j] * window.trace[g, i]
            if eps_a.shape[0] > 0:
                total += ring[ON_EPS_A, at, j] * eps_a[k]
            for e in range(events[i]):
                total += ring[UNIT_W, window.event_slot[i, e], j] * window.event_size[i, e]
            drive[j] -= pre[i] * total


@compiled
def learn(
    w: Floats,
    p: Deferred,
    params: Params,
    entering: Floats,
    zb: Floats,
    psi: Floats,
    column: Floats,
) -> None:
    """One step of eligibility and gradient descent; writes the rows that are due."""
    pending = p.pending
    window, now = pending.window, pending.clock[0]
    note_events(window, now, entering, zb)
    advance(window, params, now, psi, column)
    pending.clock[0] = now + 1
    slot = now % window.ring.shape[1]
    count = choose_open(pending, window.due[slot], window.due[slot + 1])
    close_rows(w, 0, pending, count)


@compiled
def sync(w: Floats, p: Deferred, params: Params) -> None:
    """Write every row."""
    close_rows(w, 0, p.pending, choose_open(p.pending, 0, p.pending.chosen.shape[0]))
