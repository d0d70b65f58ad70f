"""Accumulated: the gradient of R steps at once, and an optimiser while it is written.

G_ij = sum over R steps of L_j ebar_ij, from the window's vectors; P x N memory is touched once a
window. Weights stay as they are in between, so nothing is pending in the drive.
"""

import numpy as np

from eprop_rt.kernels import compiled
from eprop_rt.kernels.schedules.optimisers import update_weights
from eprop_rt.kernels.schedules.rows import add_rows, clip, shrink
from eprop_rt.kernels.schedules.structs import Accumulated
from eprop_rt.kernels.schedules.window import advance, choose_open, close_rows, note_events
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
    pending, optimiser, block = p.pending, p.optimiser, p.block
    gradient, carried, edges = optimiser.gradient, optimiser.carried, pending.synapses.first
    first, last = pending.window.due[slot], pending.window.due[slot + 1]
    some = block.shape[0] // pending.window.past.shape[2]
    for i in range(first, last, some):
        until = min(i + some, last)
        low, high = edges[i, 0], edges[until - 1, edges.shape[1] - 1]
        base = np.uint64(low)
        for k in range(np.uint64(high - low)):
            block[k] = 0
        close_rows(block, low, pending, choose_open(pending, i, until))
        if carried[slot] != 0:
            for k in range(np.uint64(high - low)):
                block[k] += gradient[base + k]
        if update > 0:
            shrink(w, low, high, optimiser.rule.keep)
            update_weights(w, block, low, high, optimiser, update)
            clip(w, low, high, optimiser.rule.clamp)
        else:
            for k in range(np.uint64(high - low)):
                gradient[base + k] = block[k]
    carried[slot] = 0 if update > 0 else 1


@compiled
def sync(w: Floats, p: Accumulated, params: Params) -> None:
    """Bring every trace up to date and keep the gradient so far; weights are never pending."""
    for slot in range(p.pending.window.due.shape[0] - 1):
        _close_group(w, p, slot, 0)
