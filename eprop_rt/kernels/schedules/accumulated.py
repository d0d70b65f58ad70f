"""Accumulated: the gradient of R steps at once, and an optimiser while it is written.

G_ij = sum over R steps of L_j ebar_ij, from the window's vectors; P x N memory is touched once a
window. Weights stay as they are in between, so nothing is pending in the drive.
"""

import numpy as np

from eprop_rt.kernels import compiled
from eprop_rt.kernels.schedules.optimisers import adapt_part, prepare_step, update_weights
from eprop_rt.kernels.schedules.rows import add_rows, begin_row, clip, shrink, write_any_part
from eprop_rt.kernels.schedules.structs import ADAM, SGD, Accumulated, Part, Step
from eprop_rt.kernels.schedules.window import (
    advance,
    choose_open,
    close_rows,
    end_rows,
    lay_out,
    note_events,
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
        _optimise_rows(w, p, count, prepare_step(w, o.rule, update), carried)
        end_rows(w, q, count)
    if update > 0 and o.rule.clamp < np.inf:
        clip(w, low, high, o.rule.clamp)
    o.carried[slot] = 0 if update > 0 else 1


@compiled
def _optimise_rows(w: Floats, p: Accumulated, count: int, step: Step, carried: bool) -> None:
    """Update the rows p.pending.chosen[:count]; `carried`: part of their gradient is there.

    Adam without adaptation has each synapse's gradient in a register, the rest a row's in a block.
    """
    q, o, gradient, block = p.pending, p.optimiser, p.optimiser.gradient, p.block
    past, units, events, synapses = q.window.past, q.window.units, q.window.events, q.synapses
    first, trace, start, power = q.synapses.first, q.window.trace, q.window.start, q.window.power
    traces, own, source, chosen, now = q.traces, q.own, lay_out(q), q.chosen, q.clock[0]
    sparse, slots, one, stale = len(synapses.target) > 0, len(power) - 1, w.dtype.type(1.0), True
    fused = o.rule.kind == ADAM and not carried and len(traces.eps_a) == 0
    for c in range(count):
        i = chosen[c]
        slot, keep, entered = start[i] % slots, power[now - start[i]], events.number[i] > 0
        if sparse or entered or stale:
            begin_row(past, units, events, own, synapses, i, slot)
        stale = entered
        for g in range(trace.shape[0]):
            low, high, at = first[i, g], first[i, g + 1], 0 if sparse else slot
            part = Part(low, high, first[i, 0], at, trace[g, i], keep, one)
            if fused:
                adapt_part(w, traces, source, part, o, step)
            else:
                for k in range(np.uint64(high - low)):
                    block[k] = gradient[np.uint64(low) + k] if carried else 0
                write_any_part(block, 0, traces, source, part)
                update_weights(w, block, low, high, o, step)


@compiled
def sync(w: Floats, p: Accumulated, params: Params) -> None:
    """Bring every trace up to date and keep the gradient so far; weights are never pending."""
    for slot in range(p.pending.window.due.shape[0] - 1):
        _close_group(w, p, slot, 0)
