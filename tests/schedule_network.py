"""Small recurrent networks that learn in a closed loop, with the synapse pass to be tested."""

import os
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from eprop_rt.kernels.schedules.dispatch import add_drive, learn, sync
from eprop_rt.structs import Params, Term

INPUTS, NEURONS = 12, 10
ROWS = INPUTS + NEURONS + 1
STEPS = 150 if os.environ.get("NUMBA_DISABLE_JIT") == "1" else 1000


@dataclass(frozen=True)
class Kind:
    """What sort of network."""

    adaptive: bool = False
    groups: int = 1
    sparse: bool = False
    graded: bool = False
    synaptic_decay: float = 0.0
    filter: tuple[float, float] = (0.85, 0.15)  # decay and gain of the eligibility trace's
    direct: bool = False
    gain: float = 0.7
    teach: float = 0.2  # gentle: rounding must not grow
    dtype: type = np.float64

    def params(self) -> Params:
        real = self.dtype
        start = np.arange(self.groups + 1) * NEURONS // self.groups
        group_alpha = np.linspace(0.8, 0.9, self.groups).astype(real)
        beta = 0.3 * self.adaptive * (np.arange(NEURONS) % 2)
        return Params(
            alpha=np.repeat(group_alpha, np.diff(start)),
            rho=np.linspace(0.93, 0.98, NEURONS).astype(real),
            beta=beta.astype(real),
            group_start=start,
            group_alpha=group_alpha,
            alpha_s=real(self.synaptic_decay),
            reset=np.ones(NEURONS, real),
            v_th=real(1),
            threshold=np.ones(NEURONS, real),
            surrogate=1,
            shape=np.array([0.3, 1], real),
            escape=False,
            seed=0,
            refractory=0,
            kappa=real(0.5),
            kappa_in=real(0.5),
            trace=np.zeros(0, real),
            trace_in=np.zeros(0, real),
            carries=False,
            kappa_e=real(self.filter[0]),
            kappa_e_in=real(self.filter[1]),
        )

    def connected(self):
        if not self.sparse:
            return None
        chosen = np.random.default_rng(5).random((ROWS, NEURONS)) < 0.4
        chosen[INPUTS : INPUTS + NEURONS] &= ~np.eye(NEURONS, dtype=bool)
        chosen[3] = False
        return chosen


KINDS = {
    "LIF": Kind(),
    "ALIF": Kind(adaptive=True, gain=1.0),
    "two time constants": Kind(groups=2, gain=0.55),
    "ALIF with three time constants": Kind(adaptive=True, groups=3, gain=0.7),
    "graded inputs": Kind(graded=True, gain=0.5),
    "current-based LIF": Kind(synaptic_decay=0.6, gain=0.3, teach=0.1),
    "current-based ALIF": Kind(adaptive=True, groups=2, synaptic_decay=0.7, gain=0.2, teach=0.05),
    "sparse current-based ALIF": Kind(adaptive=True, sparse=True, synaptic_decay=0.6, gain=0.75),
    "sparse current-based LIF": Kind(groups=2, sparse=True, synaptic_decay=0.6, gain=0.7),
    "no filter": Kind(groups=2, filter=(0.0, 1.0), gain=0.55),
    "no filter, ALIF": Kind(adaptive=True, filter=(0.0, 1.0), gain=1.0),
    "filter that is not normalised": Kind(adaptive=True, groups=2, filter=(0.7, 1.0)),
    "sparse LIF": Kind(sparse=True, gain=1.8),
    "sparse ALIF with two time constants": Kind(adaptive=True, groups=2, sparse=True, gain=1.8),
}
KINDS |= {f"{name}, and direct terms": replace(kind, direct=True) for name, kind in KINDS.items()}


class Run(NamedTuple):
    """What came of it; arrays over time first."""

    v: np.ndarray
    spikes: np.ndarray
    psi: np.ndarray
    zb: np.ndarray
    signal: np.ndarray
    pull: np.ndarray
    w_before: np.ndarray
    w: np.ndarray


def drawn_weights(kind):
    r = np.random.default_rng(2)
    w = r.normal(0, 0.22, (ROWS, NEURONS))
    w[:INPUTS] += 0.06
    w[INPUTS : INPUTS + NEURONS] *= 0.5
    np.fill_diagonal(w[INPUTS : INPUTS + NEURONS], 0)
    w *= kind.gain
    w[-1] = 0.03
    connected = kind.connected()
    return (w if connected is None else w[connected]).astype(kind.dtype)


def drawn_inputs(kind, steps):
    r = np.random.default_rng(1)
    x = (r.random((steps, INPUTS)) < 0.2) * r.uniform(0.5, 1.5, (steps, INPUTS))
    x[:, 0] = 0  # one input is never heard of, one only at the start
    x[40:, 1] = 0
    return x + 0.1 * r.random((steps, INPUTS)) if kind.graded else x


def run(kind, state, *, steps=STEPS, factor=-1.0, between=None):
    """Run `steps` steps and sync; `between(t, w)` may act after step t, or give another state."""
    params = kind.params()
    real = kind.dtype
    w = drawn_weights(kind)
    w_before = w.copy()
    x = drawn_inputs(kind, steps)
    feedback, phase = np.random.default_rng(3).normal(0, (0.01, 3), (NEURONS, 2)).T
    feedback *= kind.teach
    v, current, a, z = np.zeros((4, NEURONS))
    zs, zb = np.zeros(ROWS, real), np.zeros((kind.groups, ROWS), real)
    seen = []
    for t in range(steps):
        pre = np.concatenate([x[t], z, [1.0]]).astype(real)
        zs = (params.alpha_s * zs + pre).astype(real)
        zb = (params.group_alpha[:, None] * zb + zs).astype(real)
        drive = np.zeros(NEURONS, real)
        add_drive(w, state, pre, drive)
        current = params.alpha_s * current + drive
        v = params.alpha * v + current - z
        a = params.rho * a + z
        u = v - 1 - params.beta * a
        z = (u > 0) * 1.0
        psi = (0.3 * np.maximum(0, 1 - abs(u))).astype(real)
        signal = (feedback * np.sin(0.07 * t + phase)).astype(real)
        pull = (2e-4 * kind.teach * np.cos(0.05 * t - phase) * kind.direct).astype(real)
        direct = factor * pull[: NEURONS * kind.direct]
        column = factor * signal
        learn(w, state, params, Term(pre, zs, zb, psi, column.astype(real), direct.astype(real)))
        seen.append((v, z, psi, zb, signal, pull))
        if between is not None:
            state = between(t, w) or state
    sync(w, state, params)
    return Run(*(np.array(part) for part in zip(*seen, strict=True)), w_before, w)


def assert_alive(outcome, moved=1e-2):
    """A silent network, or one that learns nothing, would pass anything."""
    assert 0.01 < outcome.spikes.mean() < 0.5
    assert (outcome.psi > 0).mean() > 0.05
    assert abs(outcome.w - outcome.w_before).max() > moved


def as_matrix(kind, values):
    """One value a synapse (S,) as (P, N), 0 where there is no synapse."""
    connected = kind.connected()
    if connected is None:
        return values.reshape(ROWS, NEURONS)
    matrix = np.zeros((ROWS, NEURONS), values.dtype)
    matrix[connected] = values
    return matrix


def traces_of(state):
    return state.pending.traces if hasattr(state, "pending") else state.traces


def gradients(kind, outcome):
    """(T, P, N): every step's own gradient L_j ebar_ij, by the rule as the paper has it.

    With what goes past the eligibility trace, pull_j zb_i.
    """
    params = kind.params()
    group = np.searchsorted(params.group_start, np.arange(NEURONS), side="right") - 1
    ebar, eps_a, steps = np.zeros((ROWS, NEURONS)), np.zeros((ROWS, NEURONS)), []
    mask = np.ones((ROWS, NEURONS)) if kind.connected() is None else kind.connected()
    mask = mask * 1.0
    np.fill_diagonal(mask[INPUTS : INPUTS + NEURONS], 0)
    seen = zip(outcome.psi, outcome.zb, outcome.signal, outcome.pull, strict=True)
    for psi, zb, signal, pull in seen:
        e = psi * (zb[group].T - params.beta * eps_a)
        eps_a = params.rho * eps_a + e
        ebar = params.kappa_e * ebar + params.kappa_e_in * e
        steps.append((signal * ebar + pull * zb[group].T) * mask)
    return np.array(steps)
