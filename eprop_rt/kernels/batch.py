"""Many segments: forward, adjoint and sums, in parts that threads may do side by side.

A sequence is one part's from its first step to its last, and a row of the gradient one part's over
all sequences, in their order: the sums are the same, to the bit, whoever does which part when.
"""

from typing import Final, NamedTuple

from eprop_rt.kernels import compiled
from eprop_rt.kernels.gradient import (
    Turned,
    add_readout,
    add_rows_of_w,
    carry_errors,
    pull_back,
    run,
)
from eprop_rt.kernels.rows import add_four
from eprop_rt.kernels.segment import Segment, rest_adjoint, to_spikes, to_voltage
from eprop_rt.structs import Floats, Ints, Membrane, Objective, Params

FOUR: Final = 4  # sequences whose adjoints go side by side
ROWS: Final = 64  # of the gradient: they stay in the cache while the sequences pass by


class Batch(NamedTuple):
    """B sequences of up to T steps, of which the first used[0] count."""

    segments: Segment  # every array with an axis B before its own, but drive: one for FOUR
    steps: Ints  # (B,) how many of the T steps each sequence has
    used: Ints  # (1,) how many
    loss: Floats  # (B,) float64
    penalty: Floats  # (B,) float64
    labelled: Ints  # (B,)
    across: Floats  # (N, N) scratch: recurrent weights, transposed


@compiled
def segment_of(batch: Batch, b: int) -> Segment:
    """Sequence b as a segment: views, nothing is copied."""
    s, steps = batch.segments, batch.steps[b]
    m = s.membrane
    return Segment(
        s.x[b][:steps],
        s.target[b][:steps],
        s.drive[b // FOUR][:steps],
        s.z[b][:steps],
        s.psi[b][:steps],
        s.v[b][:steps],
        s.features[b][:steps],
        s.y[b][:steps],
        s.signal[b][:steps],
        s.error[b][:steps],
        s.rate[b],
        Membrane(m.v[b], m.current[b], m.a[b], m.wait[b]),
        s.draw[b],
        s.found[b],
    )


@compiled
def run_sequences(
    params: Params, turned: Turned, batch: Batch, objective: Objective, start: int, stop: int
) -> None:
    """Run the network over sequences start .. stop, each from rest, and judge them.

    Reads x, target, draw and steps; writes loss, penalty, labelled, and all that the adjoint reads.
    """
    for b in range(start, stop):
        s = segment_of(batch, b)
        batch.loss[b], batch.penalty[b], batch.labelled[b] = run(params, turned, s, objective)


@compiled
def pull_back_sequences(
    params: Params, turned: Turned, batch: Batch, objective: Objective, start: int, stop: int
) -> None:
    """Run the adjoint over sequences start .. stop, at best FOUR: writes signal, dE/d(drive).

    Drive and membrane are scratch. turned.across is there if through the recurrence.
    """
    if objective.through_recurrence and _alike(batch, start, stop):
        _pull_back_four(params, turned, batch, objective, start)
        return
    for b in range(start, stop):
        pull_back(params, turned, segment_of(batch, b), objective)


@compiled
def _alike(batch: Batch, start: int, stop: int) -> bool:
    """Whether these are FOUR sequences of one length."""
    alike = stop - start == FOUR
    for b in range(start, stop):
        alike = alike and batch.steps[b] == batch.steps[start]
    return alike


@compiled
def _pull_back_four(
    params: Params, turned: Turned, batch: Batch, objective: Objective, start: int
) -> None:
    """The adjoint through the recurrence of four sequences, side by side.

    The weights do not fit the nearest cache: each is read once for all four.
    """
    a, b = segment_of(batch, start), segment_of(batch, start + 1)
    c, d = segment_of(batch, start + 2), segment_of(batch, start + 3)
    for s in (a, b, c, d):
        carry_errors(turned.back, s)
        rest_adjoint(s)
    steps = a.signal.shape[0]
    for t in range(steps - 1, -1, -1):
        for s in (a, b, c, d):
            to_spikes(params, s, t, objective)
        if t + 1 < steps:
            later = (a.signal[t + 1], b.signal[t + 1], c.signal[t + 1], d.signal[t + 1])
            now = (a.signal[t], b.signal[t], c.signal[t], d.signal[t])
            add_four(later, turned.across, a.found, now)
        for s in (a, b, c, d):
            to_voltage(params, s, t, objective)


@compiled
def sum_rows(batch: Batch, of_w: Floats, found: Ints, start: int, stop: int) -> None:
    """Rows start .. stop of dE/dw, over all sequences.

    `found` (T + 1,) is scratch, as parts may run side by side.
    """
    of_w[start:stop] = 0
    for b in range(batch.used[0]):
        add_rows_of_w(segment_of(batch, b), of_w, found, start, stop)


@compiled
def sum_readout(batch: Batch, of_w_out: Floats, found: Ints) -> None:
    """dE/dw_out over all sequences; written turned, (M, F)."""
    of_w_out[:] = 0
    for b in range(batch.used[0]):
        add_readout(segment_of(batch, b), of_w_out, found)
