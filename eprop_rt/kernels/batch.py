"""Many segments: forward, adjoint and sums, in parts that threads may do side by side.

A sequence is one part's from its first step to its last, and a row of the gradient one part's over
all sequences, in their order: the sums are the same, to the bit, whoever does which part when.
Products skip what is zero, which many inputs and nearly all spikes are.
"""

from typing import Final, NamedTuple

from eprop_rt.kernels import compiled
from eprop_rt.kernels.objective import judge
from eprop_rt.kernels.rows import add_rows
from eprop_rt.kernels.segment import (
    Segment,
    adjoint_segment,
    forward_segment,
    rest_adjoint,
    to_spikes,
    to_voltage,
)
from eprop_rt.structs import Floats, Ints, Membrane, Objective, Params

FOUR: Final = 4  # sequences whose adjoints go side by side
ROWS: Final = 32  # of the gradient: they stay in the cache while the sequences pass by


class Batch(NamedTuple):
    """B sequences of up to T steps, of which the first used[0] count."""

    segments: Segment  # every array with an axis B before its own
    steps: Ints  # (B,) how many of the T steps each sequence has
    used: Ints  # (1,) how many
    loss: Floats  # (B,) float64
    penalty: Floats  # (B,) float64
    labelled: Ints  # (B,)


class Turned(NamedTuple):
    """Weights and feedback with the axes that sums run along last."""

    w: Floats  # (P, N)
    w_out: Floats  # (M, F)
    back: Floats  # (M, N) what carries errors back


@compiled
def segment_of(batch: Batch, b: int) -> Segment:
    """Sequence b as a segment: views, nothing is copied."""
    s, steps = batch.segments, batch.steps[b]
    m = s.membrane
    return Segment(
        s.x[b][:steps],
        s.target[b][:steps],
        s.drive[b][:steps],
        s.z[b][:steps],
        s.z_before[b][:steps],
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
    w = turned.w
    for b in range(start, stop):
        s = segment_of(batch, b)
        k, n = s.x.shape[1], s.z.shape[1]
        for t in range(s.x.shape[0]):
            drive, bias = s.drive[t], w[k + n]
            for j in range(n):
                drive[j] = bias[j]
            add_rows(s.x[t], w[:k], s.found, drive)
        forward_segment(params, w[k : k + n], s)
        _read_out(turned.w_out, s)
        batch.loss[b], batch.penalty[b], batch.labelled[b] = judge(objective, s)


@compiled
def _read_out(w_out: Floats, s: Segment) -> None:
    """y = features W_out, of which the transpose (M, F) is given."""
    for t in range(s.y.shape[0]):
        features = s.features[t]
        for k in range(w_out.shape[0]):
            row, total = w_out[k], features[0] * 0
            for f in range(row.shape[0]):
                total += row[f] * features[f]
            s.y[t, k] = total


@compiled
def pull_back_sequences(
    params: Params, turned: Turned, batch: Batch, objective: Objective, start: int, stop: int
) -> None:
    """Run the adjoint over sequences start .. stop, at best FOUR: writes signal, dE/d(drive).

    Drive and membrane are scratch.
    """
    k, n = batch.segments.x.shape[2], batch.segments.z.shape[2]
    w_rec = turned.w[k : k + n]
    for b in range(start, stop):
        s = segment_of(batch, b)
        for t in range(s.signal.shape[0]):
            s.signal[t] = 0
            add_rows(s.error[t], turned.back, s.found, s.signal[t])
    if objective.through_recurrence and _alike(batch, start, stop):
        _pull_back_four(params, w_rec, batch, start, objective.through_reset)
        return
    for b in range(start, stop):
        adjoint_segment(params, w_rec, segment_of(batch, b), objective)


@compiled
def _alike(batch: Batch, start: int, stop: int) -> bool:
    """Whether these are FOUR sequences of one length."""
    alike = stop - start == FOUR
    for b in range(start, stop):
        alike = alike and batch.steps[b] == batch.steps[start]
    return alike


@compiled
def _pull_back_four(
    params: Params, w_rec: Floats, batch: Batch, start: int, through_reset: bool
) -> None:
    """The adjoint through the recurrence of four sequences, side by side.

    The weights do not fit the nearest cache: each is read once for all four.
    """
    a, b = segment_of(batch, start), segment_of(batch, start + 1)
    c, d = segment_of(batch, start + 2), segment_of(batch, start + 3)
    rest_adjoint(a)
    rest_adjoint(b)
    rest_adjoint(c)
    rest_adjoint(d)
    steps = a.signal.shape[0]
    for t in range(steps - 1, -1, -1):
        to_spikes(params, a, t, False, through_reset)
        to_spikes(params, b, t, False, through_reset)
        to_spikes(params, c, t, False, through_reset)
        to_spikes(params, d, t, False, through_reset)
        if t + 1 < steps:
            _add_products(w_rec, a.signal, b.signal, c.signal, d.signal, t)
        to_voltage(params, a, t)
        to_voltage(params, b, t)
        to_voltage(params, c, t)
        to_voltage(params, d, t)


@compiled
def _add_products(w: Floats, a: Floats, b: Floats, c: Floats, d: Floats, t: int) -> None:
    """signal_j(t) += sum_i W_ji signal_i(t+1), of four signals and two rows at a time."""
    n = w.shape[0]
    a1, b1, c1, d1 = a[t + 1], b[t + 1], c[t + 1], d[t + 1]
    for j in range(0, n - 1, 2):
        row, other = w[j], w[j + 1]
        ra, rb, rc, rd = a[t, j], b[t, j], c[t, j], d[t, j]
        oa, ob, oc, od = a[t, j + 1], b[t, j + 1], c[t, j + 1], d[t, j + 1]
        for i in range(n):
            ra += row[i] * a1[i]
            rb += row[i] * b1[i]
            rc += row[i] * c1[i]
            rd += row[i] * d1[i]
            oa += other[i] * a1[i]
            ob += other[i] * b1[i]
            oc += other[i] * c1[i]
            od += other[i] * d1[i]
        a[t, j], b[t, j], c[t, j], d[t, j] = ra, rb, rc, rd
        a[t, j + 1], b[t, j + 1], c[t, j + 1], d[t, j + 1] = oa, ob, oc, od
    if n % 2 == 1:
        j = n - 1
        for i in range(n):
            a[t, j] += w[j, i] * a1[i]
            b[t, j] += w[j, i] * b1[i]
            c[t, j] += w[j, i] * c1[i]
            d[t, j] += w[j, i] * d1[i]


@compiled
def sum_rows(batch: Batch, of_w: Floats, found: Ints, start: int, stop: int) -> None:
    """Rows start .. stop of dE/dW_ij = sum_t s_i(t) dE/d(drive_j(t)), over all sequences.

    `found` (T + 1,) is scratch, as parts may run side by side.
    """
    k, n = batch.segments.x.shape[2], batch.segments.z.shape[2]
    of_w[start:stop] = 0
    for b in range(batch.used[0]):
        s = segment_of(batch, b)
        for i in range(start, stop):
            if i < k:
                add_rows(s.x[:, i], s.signal, found, of_w[i])
            elif i < k + n:
                add_rows(s.z_before[:, i - k], s.signal, found, of_w[i])
            else:
                for t in range(s.signal.shape[0]):
                    for j in range(n):
                        of_w[i, j] += s.signal[t, j]


@compiled
def sum_readout(batch: Batch, of_w_out: Floats, found: Ints) -> None:
    """dE/dW_out_fk = sum_t features_f error_k, over all sequences; written turned, (M, F)."""
    of_w_out[:] = 0
    for b in range(batch.used[0]):
        s = segment_of(batch, b)
        for k in range(of_w_out.shape[0]):
            add_rows(s.error[:, k], s.features, found, of_w_out[k])
