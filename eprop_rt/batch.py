"""The gradient of many segments at once: what offline training is made of."""

from collections.abc import Callable

import numpy as np

from eprop_rt.aligned import aligned
from eprop_rt.gradient import turn
from eprop_rt.kernels.batch import (
    FOUR,
    ROWS,
    Batch,
    pull_back_sequences,
    run_sequences,
    sum_readout,
    sum_rows,
)
from eprop_rt.kernels.segment import Segment
from eprop_rt.objective import Score
from eprop_rt.structs import Floats, Membrane, Objective, Params, Weights

# Calls part(0), part(1), ... part(count - 1), in any order, side by side where it has threads, and
# returns when all are done. Kernels let go of the interpreter's lock; the bits do not depend on it.
Each = Callable[[Callable[[int], None], int], None]


def in_turn(part: Callable[[int], None], count: int) -> None:
    """One part after the other."""
    for index in range(count):
        part(index)


def build_batch(params: Params, shape: tuple[int, int], inputs: int, w_out: Floats) -> Batch:
    """Room for `shape` = (sequences, steps); w_out (F, M) says how much is read out."""
    sequences, length = shape
    features, outputs = w_out.shape
    dtype, n = params.alpha.dtype, len(params.alpha)

    def room(*sizes: int) -> Floats:
        return aligned((sequences, *sizes), dtype)

    segments = Segment(
        x=room(length, inputs),
        target=room(length, outputs),
        drive=aligned((-(-sequences // FOUR), length, n), dtype),
        z=room(length, n),
        psi=room(length, n),
        v=room(length, n),
        features=room(length, features),
        y=room(length, outputs),
        signal=room(length, n),
        error=room(length, outputs),
        rate=room(n),
        membrane=Membrane(room(n), room(n), room(n), np.zeros((sequences, n), np.int64)),
        draw=np.zeros((sequences, 1), np.int64),
        found=np.zeros((sequences, max(length, inputs, n, outputs) + 1), np.int64),
    )
    return Batch(
        segments=segments,
        steps=np.full(sequences, length, np.int64),
        used=np.full(1, sequences, np.int64),
        loss=np.zeros(sequences),
        penalty=np.zeros(sequences),
        labelled=np.zeros(sequences, np.int64),
        across=aligned((n, n), dtype),
    )


def judge_batch(
    params: Params, weights: Weights, batch: Batch, objective: Objective, each: Each = in_turn
) -> Score:
    """Run and judge all sequences of a batch; the sum over them.

    Reads batch.segments.x, target and draw, batch.steps and used; overwrites the rest.
    """
    count = int(batch.used[0])
    turned = turn(weights, weights.w_out[:0])

    def run(group: int) -> None:
        start, stop = group * FOUR, min((group + 1) * FOUR, count)
        run_sequences(params, turned, batch, objective, start, stop)

    each(run, -(-count // FOUR))
    return Score(
        float(batch.loss[:count].sum()),
        float(batch.penalty[:count].sum()),
        int(batch.labelled[:count].sum()),
    )


def pull_back_batch(
    params: Params,
    weights: Weights,
    feedback: Floats,
    batch: Batch,
    objective: Objective,
    each: Each = in_turn,
) -> Weights:
    """dE/dw and dE/dw_out, summed over the sequences of a batch that `judge_batch` has run.

    feedback (N, M) carries errors back: w_out[:N], or for e-prop another. The sum is that of
    `add_segment_gradient` over one sequence after the other.
    """
    count, rows = int(batch.used[0]), len(weights.w)
    groups, blocks = -(-count // FOUR), -(-rows // ROWS)
    turned = turn(weights, feedback)
    steps, k, n = *batch.segments.x.shape[1:], len(feedback)
    if objective.through_recurrence:
        batch.across[:] = weights.w[k : k + n].T
        turned = turned._replace(across=batch.across)
    of_w, of_w_out = aligned(turned.w.shape, turned.w.dtype), np.empty_like(turned.w_out)

    def pull_back(group: int) -> None:
        start, stop = group * FOUR, min((group + 1) * FOUR, count)
        pull_back_sequences(params, turned, batch, objective, start, stop)

    def add_up(block: int) -> None:
        found = np.empty(steps + 1, np.int64)
        if block == blocks:
            sum_readout(batch, of_w_out, found)
        else:
            sum_rows(batch, of_w, found, block * ROWS, min((block + 1) * ROWS, rows))

    each(pull_back, groups)
    each(add_up, blocks + 1)
    return Weights(of_w, np.ascontiguousarray(of_w_out.T))
