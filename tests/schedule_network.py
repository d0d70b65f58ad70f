"""Small recurrent networks that learn in a closed loop, with the synapse pass to be tested."""

import os
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from eprop_rt.build import build_params
from eprop_rt.config import NetworkSettings
from eprop_rt.kernels.schedules.dispatch import add_drive, learn, sync
from eprop_rt.structs import Params

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
    gain: float = 0.7
    dtype: type = np.float64

    def params(self) -> Params:
        real = self.dtype
        start = np.arange(self.groups + 1) * NEURONS // self.groups
        group_alpha = np.linspace(0.8, 0.9, self.groups).astype(real)
        beta = 0.3 * self.adaptive * (np.arange(NEURONS) % 2)
        built = build_params(NetworkSettings(neurons=NEURONS, tau_groups=1), 0.05, np.dtype(real))
        return built._replace(
            alpha=np.repeat(group_alpha, np.diff(start)),
            rho=np.linspace(0.93, 0.98, NEURONS).astype(real),
            beta=beta.astype(real),
            group_start=start,
            group_alpha=group_alpha,
            kappa=real(0.85),
            kappa_in=real(0.15),
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
    "current-based": Kind(synaptic_decay=0.7, gain=0.16),
    "sparse LIF": Kind(sparse=True, gain=1.8),
    "sparse ALIF with two time constants": Kind(adaptive=True, groups=2, sparse=True, gain=1.8),
}


class Run(NamedTuple):
    """What came of it; arrays over time first."""

    v: np.ndarray
    spikes: np.ndarray
    psi: np.ndarray
    entering: np.ndarray
    zb: np.ndarray
    signal: np.ndarray
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
    v, a, z = np.zeros((3, NEURONS))
    current = np.zeros(ROWS)
    zb = np.zeros((kind.groups, ROWS), real)
    seen = []
    for t in range(steps):
        pre = np.concatenate([x[t], z, [1.0]]).astype(real)
        current = kind.synaptic_decay * current + pre
        entering = current.astype(real)
        zb = (params.group_alpha[:, None] * zb + entering).astype(real)
        drive = np.zeros(NEURONS, real)
        add_drive(w, state, pre, drive)
        v = params.alpha * v + drive - z
        a = params.rho * a + z
        u = v - 1 - params.beta * a
        z = (u > 0) * 1.0
        psi = (0.3 * np.maximum(0, 1 - abs(u))).astype(real)
        signal = (feedback * np.sin(0.07 * t + phase)).astype(real)
        learn(w, state, params, entering, zb, psi, (factor * signal).astype(real))
        seen.append((v, z, psi, entering, zb, signal))
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
    """(T, P, N): every step's own gradient L_j ebar_ij by the rule as the paper has it."""
    params = kind.params()
    group = np.searchsorted(params.group_start, np.arange(NEURONS), side="right") - 1
    ebar, eps_a, steps = np.zeros((ROWS, NEURONS)), np.zeros((ROWS, NEURONS)), []
    mask = np.ones((ROWS, NEURONS)) if kind.connected() is None else kind.connected()
    mask = mask * 1.0
    np.fill_diagonal(mask[INPUTS : INPUTS + NEURONS], 0)
    for psi, zb, signal in zip(outcome.psi, outcome.zb, outcome.signal, strict=True):
        e = psi * (zb[group].T - params.beta * eps_a)
        eps_a = params.rho * eps_a + e
        ebar = params.kappa * ebar + params.kappa_in * e
        steps.append(signal * ebar * mask)
    return np.array(steps)
