"""Accumulated: the gradient of R steps at once, and an optimiser while it is written.

G_ij = sum over R steps of L_j ebar_ij, from the window's vectors; P x N memory is touched once a
window. Weights stay as they are in between, so nothing is pending in the drive.
"""

import numpy as np

from eprop_rt.kernels import compiled
from eprop_rt.kernels.schedules.optimisers import adapt_row, prepare_step, update_weights
from eprop_rt.kernels.schedules.rows import add_rows, clip, shrink
from eprop_rt.kernels.schedules.structs import ADAM, SGD, Accumulated, Step
from eprop_rt.kernels.schedules.window import (
    advance,
    begin_row,
    choose_open,
    close_rows,
    end_rows,
    note_events,
    write_row,
)
from eprop_rt.structs import Floats, Params, Term


@compiled
def add_drive(w: Floats, p: Accumulated, pre: Floats, drive: Floats) -> None:
    """drive_j += sum_i s_i W_ij."""
    add_rows(w, p.pending.synapses, pre, drive)


@compiled
def learn(w: Floats, p: Accumulated, params: Params, term: Term) -> None:
    """One step of eligibility and gradient; rows that are due go to the optimiser.

    Rows due[c] .. due[c + 1] close their window at steps t = c modulo R and are updated every
    `rule.every` windows; `column` is L, and `direct` a gradient likewise.
    """
    window, clock, every = p.pending.window, p.pending.clock, p.optimiser.rule.every
    now, steps = clock[0], window.past.shape[1]
    note_events(p.pending, now, term)
    advance(window, params, now, term)
    clock[0] = now + 1
    slot = now % steps
    if window.due[slot + 1] > window.due[slot]:
        windows = now // steps + 1
        _close_group(w, p, slot, windows // every if windows % every == 0 else 0)


@compiled
def _close_group(w: Floats, p: Accumulated, slot: int, update: int) -> None:
    """Add a group's open windows to its gradient, for update number `update`; 0: keep it."""
    q, o, rows = p.pending, p.optimiser, p.pending.window.due[slot : slot + 2]
    count, carried = choose_open(q, rows[0], rows[1]), o.carried[slot] > 0
    if count == 0:
        return
    low, high = q.synapses.first[rows[0], 0], q.synapses.first[rows[1] - 1, -1]
    if update > 0 and o.rule.keep != 1:
        shrink(w, low, high, o.rule.keep)
    if update == 0:
        if not carried:
            o.gradient[low:high] = 0
        close_rows(o.gradient, q, count, w.dtype.type(1.0))
    elif o.rule.kind == SGD and not carried:
        close_rows(w, q, count, w.dtype.type(-o.rule.rate))
    else:
        fused = o.rule.kind == ADAM and not carried and len(q.traces.eps_a) == 0
        step = prepare_step(w, o.rule, update)
        if fused:
            _adapt_rows(w, p, count, step)
        _update_rows(w, p, count, step, carried, fused)
        end_rows(w, q, count)
    if update > 0 and o.rule.clamp < np.inf:
        clip(w, low, high, o.rule.clamp)
    o.carried[slot] = 0 if update > 0 else 1


@compiled
def _adapt_rows(w: Floats, p: Accumulated, count: int, step: Step) -> None:
    """Adam for those rows p.pending.chosen[:count] that nothing has entered."""
    q, one = p.pending, w.dtype.type(1.0)
    for c in range(count):
        i = q.chosen[c]
        if q.window.events.number[i] == 0:
            source, row = begin_row(q, i, 0, one)
            adapt_row(w, q.traces, source, row, p.optimiser, step)


@compiled
def _update_rows(
    w: Floats, p: Accumulated, count: int, step: Step, carried: bool, entered: bool
) -> None:
    """Update rows p.pending.chosen[:count], or those that something has `entered`, one by one.

    `carried`: part of their gradient is there.
    """
    q, o, gradient, block = p.pending, p.optimiser, p.optimiser.gradient, p.block
    one = w.dtype.type(1.0)
    for c in range(count):
        i = q.chosen[c]
        if not entered or q.window.events.number[i] > 0:
            low, high = q.synapses.first[i, 0], q.synapses.first[i, -1]
            for k in range(np.uint64(high - low)):
                block[k] = gradient[np.uint64(low) + k] if carried else 0
            write_row(block, 0, q, i, one)
            update_weights(w, block, low, high, o, step)


@compiled
def sync(w: Floats, p: Accumulated, params: Params) -> None:
    """Bring every trace up to date and keep the gradient so far; weights are never pending."""
    for slot in range(p.pending.window.due.shape[0] - 1):
        _close_group(w, p, slot, 0)
