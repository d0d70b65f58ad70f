"""Many segments: forward, adjoint and sums, in parts that threads may do side by side.

A sequence is one part's from its first step to its last, and a row of the gradient one part's over
all sequences, in their order: the sums are the same, to the bit, whoever does which part when.
Products skip what is zero, which many inputs and nearly all spikes are.
"""

from typing import Final, NamedTuple

import numpy as np

from eprop_rt.kernels import compiled
from eprop_rt.kernels.objective import judge
from eprop_rt.kernels.rows import add_rows
from eprop_rt.kernels.segment import Segment, adjoint_segment, forward_segment
from eprop_rt.structs import Floats, Ints, Membrane, Objective, Params, Weights

ROWS: Final = 32  # of the gradient: they stay in the cache while the sequences pass by


class Batch(NamedTuple):
    """B sequences of up to T steps, of which the first used[0] count."""

    segments: Segment  # every array with an axis B before its own
    steps: Ints  # (B,) how many of the T steps each sequence has
    used: Ints  # (1,) how many
    loss: Floats  # (B,) float64
    penalty: Floats  # (B,) float64
    labelled: Ints  # (B,)


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
    )


@compiled
def run_sequences(
    params: Params, weights: Weights, batch: Batch, objective: Objective, start: int, stop: int
) -> None:
    """Run the network over sequences start .. stop, each from rest, and judge them.

    Reads x, target, draw and steps; writes loss, penalty, labelled, and all that the adjoint reads.
    """
    w, w_out = weights.w, np.ascontiguousarray(weights.w_out.T)
    found = np.empty(w.shape[0] + 1, np.int64)
    for b in range(start, stop):
        s = segment_of(batch, b)
        k, n = s.x.shape[1], s.z.shape[1]
        for t in range(s.x.shape[0]):
            s.drive[t] = w[k + n]
            add_rows(s.x[t], w[:k], found, s.drive[t])
        forward_segment(params, w[k : k + n], s)
        _read_out(w_out, s)
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
    params: Params,
    weights: Weights,
    feedback: Floats,
    batch: Batch,
    objective: Objective,
    start: int,
    stop: int,
) -> None:
    """Run the adjoint over sequences start .. stop: writes signal, dE/d(drive).

    feedback (N, M) carries errors back; drive and membrane are scratch.
    """
    back = np.ascontiguousarray(feedback.T)
    found = np.empty(back.shape[0] + 1, np.int64)
    for b in range(start, stop):
        s = segment_of(batch, b)
        k, n = s.x.shape[1], s.z.shape[1]
        for t in range(s.signal.shape[0]):
            s.signal[t] = 0
            add_rows(s.error[t], back, found, s.signal[t])
        adjoint_segment(params, weights.w[k : k + n], s, objective)


@compiled
def sum_rows(batch: Batch, of_w: Floats, start: int, stop: int) -> None:
    """Rows start .. stop of dE/dW_ij = sum_t s_i(t) dE/d(drive_j(t)), over all sequences."""
    k, n = batch.segments.x.shape[2], batch.segments.z.shape[2]
    found = np.empty(batch.segments.x.shape[1] + 1, np.int64)
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
                    of_w[i] += s.signal[t]


@compiled
def sum_readout(batch: Batch, of_w_out: Floats) -> None:
    """dE/dW_out_fk = sum_t features_f error_k, over all sequences."""
    found = np.empty(batch.segments.x.shape[1] + 1, np.int64)
    total = np.zeros((of_w_out.shape[1], of_w_out.shape[0]), of_w_out.dtype)
    for b in range(batch.used[0]):
        s = segment_of(batch, b)
        for k in range(total.shape[0]):
            add_rows(s.error[:, k], s.features, found, total[k])
    of_w_out[:] = total.T
