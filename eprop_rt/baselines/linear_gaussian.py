"""The model of a Kalman filter: outputs that move by themselves, and bins that depend on them.

s(t+1) = A s(t) + w, w ~ N(0, W)        x(t) = C s(t) + q, q ~ N(0, Q)

The state s holds the outputs from `lead` bins after the newest bin to `past` bins before it, the
latest first, and a constant 1: activity runs ahead of movement, and what was decoded goes on to be
estimated (Wu et al. 2006 found one lag best; here the filter weighs them all). Fitted by maximum
likelihood from sums over bins (Kim et al. 2008, eq. 5 to 8), which may fade (Dangi et al. 2014).
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from eprop_rt.build import steps
from eprop_rt.config import AdaptiveKalmanSettings, KalmanSettings
from eprop_rt.series import F64


@dataclass(frozen=True, slots=True)
class StateShape:
    """How a state is made of outputs."""

    outputs: int
    lead: int  # bins
    past: int

    @classmethod
    def of(
        cls, settings: KalmanSettings | AdaptiveKalmanSettings, outputs: int, bin_s: float
    ) -> Self:
        """From seconds to bins; 0 stays 0."""
        lead, past = (steps(s, bin_s) if s > 0 else 0 for s in (settings.lead_s, settings.past_s))
        return cls(outputs, lead, past)

    @property
    def size(self) -> int:
        """Numbers in a state."""
        return (self.lead + 1 + self.past) * self.outputs + 1

    @property
    def newest(self) -> slice:
        """Where the outputs of the newest bin stand."""
        return slice(self.lead * self.outputs, (self.lead + 1) * self.outputs)

    def states(self, labels: F64) -> F64:
        """From labels (n, outputs) the states (n - lead - past, size) of bins past .. n - lead."""
        count, window = len(labels) - self.lead - self.past, self.lead + 1 + self.past
        latest_first = [labels[window - 1 - k : window - 1 - k + count] for k in range(window)]
        return np.concatenate([*latest_first, np.ones((count, 1))], axis=1)


class Sums(NamedTuple):
    """What the model is fitted to; written in place."""

    state: F64  # (S, S) sum of s s'
    before: F64  # (S, S) sum of s(t-1) s(t-1)', over bins with a predecessor
    moved: F64  # (M, S) sum of the newest outputs in s(t) times s(t-1)'
    arrived: F64  # (M, M) sum of these newest outputs' squares
    seen: F64  # (K, S) sum of x s'
    bins: F64  # (K, K) sum of x x'
    counts: F64  # (2,) bins; bins with a predecessor


class Model(NamedTuple):
    """A filter's constants; written in place."""

    a: F64  # (S, S)
    w: F64  # (S, S)
    c: F64  # (K, S)
    c_over_q: F64  # (S, K) C' Q^-1
    precision: F64  # (S, S) C' Q^-1 C
    start: F64  # (S,) mean of the states
    spread: F64  # (S, S) their covariance


class Estimate(NamedTuple):
    """What a filter knows of the state; written in place."""

    s: F64  # (S,)
    p: F64  # (S, S) covariance


def no_sums(shape: StateShape, inputs: int) -> Sums:
    """Over no bins at all."""
    size, m = shape.size, shape.outputs
    return Sums(
        np.zeros((size, size)),
        np.zeros((size, size)),
        np.zeros((m, size)),
        np.zeros((m, m)),
        np.zeros((inputs, size)),
        np.zeros((inputs, inputs)),
        np.zeros(2),
    )


def no_model(shape: StateShape, inputs: int) -> Model:
    """One that knows nothing and says zero."""
    size = shape.size
    square = [np.zeros((size, size)) for _ in range(4)]
    return Model(
        square[0],
        square[1],
        np.zeros((inputs, size)),
        np.zeros((size, inputs)),
        square[2],
        np.zeros(size),
        square[3],
    )


def add_bins(sums: Sums, x: F64, states: F64, follows: bool) -> None:
    """Add bins x (n, K) with their states (n, S); rows with a NaN state are left out.

    Each is its predecessor's successor; with `follows` the first row is that of the bins before,
    and counts as a predecessor only.
    """
    known = np.asarray(np.isfinite(states).all(axis=1))
    pair = known[1:] & known[:-1]
    before, after = states[:-1][pair], states[1:][pair][:, : sums.moved.shape[0]]
    if follows:
        x, states, known = x[1:], states[1:], known[1:]
    x, states = x[known], states[known]
    sums.state[:] += states.T @ states
    sums.seen[:] += x.T @ states
    sums.bins[:] += x.T @ x
    sums.before[:] += before.T @ before
    sums.moved[:] += after.T @ before
    sums.arrived[:] += after.T @ after
    sums.counts[:] += (len(x), len(before))


def fade(sums: Sums, factor: float) -> None:
    """Let the past count less."""
    for array in sums:
        np.multiply(array, factor, out=array)


def fit_model(sums: Sums, ridge: float, model: Model) -> bool:
    """Write the most likely model; False, and nothing is written, while too little is known.

    Q gets `ridge` times its mean diagonal on its diagonal, as channels may be silent or alike.
    """
    size, m = len(sums.state), len(sums.arrived)
    bins, pairs = sums.counts
    scale = np.diagonal(sums.state).mean()
    if bins < 2 * size or pairs < 2 * size or not scale > 0:
        return False
    little = 1e-9 * scale * np.eye(size)
    c = np.linalg.solve(sums.state + little, sums.seen.T).T
    top = np.linalg.solve(sums.before + little, sums.moved.T).T
    q = (sums.bins - c @ sums.seen.T) / bins
    level = max(float(np.diagonal(q).mean()), 1e-12)
    q = 0.5 * (q + q.T) + ridge * level * np.eye(len(q))
    c_over_q = np.linalg.solve(q, c).T
    w = (sums.arrived - top @ sums.moved.T) / pairs
    start = sums.state[-1] / bins
    if not all(np.isfinite(array).all() for array in (c, top, c_over_q, w)):
        return False
    model.a[:] = np.eye(size, k=-m)  # what was decoded moves one bin into the past
    model.a[:m] = top
    model.a[-1] = 0
    model.a[-1, -1] = 1
    model.w[:m, :m] = 0.5 * (w + w.T)
    model.c[:] = c
    model.c_over_q[:] = c_over_q
    model.precision[:] = c_over_q @ c
    model.start[:] = start
    model.spread[:] = sums.state / bins - np.outer(start, start)
    model.spread[-1] = model.spread[:, -1] = 0
    return True


def begin(model: Model, estimate: Estimate) -> None:
    """Nothing is known but what states are like on average."""
    estimate.s[:] = model.start
    estimate.p[:] = model.spread


def step(model: Model, x: F64, estimate: Estimate) -> bool:
    """One bin x (K,): predict, then correct.

    s <- A s;  P <- A P A' + W;  P <- (P^-1 + C' Q^-1 C)^-1;  s <- s + P C' Q^-1 (x - C s)
    The third is written so that P may be singular: the constant has no variance. False where the
    numbers went wrong, as under a model whose states grow unseen, and the estimate began anew.
    """
    s, p = estimate
    with np.errstate(over="ignore", invalid="ignore"):  # looked at below
        s[:] = model.a @ s
        p[:] = model.a @ p @ model.a.T + model.w
        try:
            p[:] = np.linalg.solve(np.eye(len(s)) + p @ model.precision, p)
        except np.linalg.LinAlgError:
            p[:] = np.nan
        p[:] = 0.5 * (p + p.T)
        s += p @ (model.c_over_q @ (x - model.c @ s))
    if np.isfinite(s).all() and np.isfinite(p).all():
        return True
    begin(model, estimate)
    return False


def bounded(x: F64, mean: F64, deviation: F64, clip: float) -> F64:
    """Bins within `clip` deviations of each mean: artefacts move little."""
    reach = clip * deviation
    return np.asarray(np.clip(x, mean - reach, mean + reach))


def bridged(labels: F64, gap: int) -> F64:
    """Labels (n, outputs) with lines across gaps of at most `gap` bins; NaN where they are longer.

    A row with a NaN on one axis counts as absent.
    """
    known = np.flatnonzero(np.isfinite(labels).all(axis=1))
    filled = np.full(labels.shape, np.nan)
    if len(known) == 0:
        return filled
    rows = np.arange(len(labels))
    after = np.searchsorted(known, rows)
    right = known[np.minimum(after, len(known) - 1)]
    left = np.where(right == rows, right, known[np.maximum(after - 1, 0)])
    near = (left <= rows) & (rows <= right) & (right - left - 1 <= gap)
    for axis in range(labels.shape[1]):
        filled[:, axis] = np.interp(rows, known, labels[known, axis])
    filled[~near] = np.nan
    return filled
