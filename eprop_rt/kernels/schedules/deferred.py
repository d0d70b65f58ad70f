"""Deferred: a row is written when it is read, or else once every R steps.

Exact for gradient descent at every step. One of R groups of rows has its turn at each step, so
that no step pays for all.
"""

from eprop_rt.kernels import compiled
from eprop_rt.kernels.schedules.rows import add_rows
from eprop_rt.kernels.schedules.structs import Deferred
from eprop_rt.kernels.schedules.window import (
    advance,
    choose_open,
    choose_read,
    close_rows,
    note_events,
)
from eprop_rt.structs import Floats, Params, Term


@compiled
def add_drive(w: Floats, p: Deferred, pre: Floats, drive: Floats) -> None:
    """drive_j += sum_i s_i W_ij; writes the rows that it reads."""
    close_rows(w, p.pending, choose_read(p.pending, pre), w.dtype.type(1.0))
    add_rows(w, p.pending.synapses, pre, drive)


@compiled
def learn(w: Floats, p: Deferred, params: Params, term: Term) -> None:
    """One step of eligibility and gradient descent; writes the rows whose turn it is."""
    pending = p.pending
    window, now = pending.window, pending.clock[0]
    note_events(pending, now, term)
    advance(window, params, now, term)
    pending.clock[0] = now + 1
    slot = now % window.past.shape[1]
    count = choose_open(pending, window.due[slot], window.due[slot + 1])
    close_rows(w, pending, count, w.dtype.type(1.0))


@compiled
def sync(w: Floats, p: Deferred, params: Params) -> None:
    """Write every row."""
    count = choose_open(p.pending, 0, p.pending.chosen.shape[0])
    close_rows(w, p.pending, count, w.dtype.type(1.0))
