"""Dense: every synapse, every step, in one sweep over memory. The reference of the others."""

import numpy as np

from eprop_rt.kernels import compiled
from eprop_rt.kernels.schedules.rows import add_rows, clip, shrink, spread
from eprop_rt.kernels.schedules.structs import Dense
from eprop_rt.structs import Floats, Ints, Params, Scalar, Term


@compiled
def add_drive(w: Floats, p: Dense, pre: Floats, drive: Floats) -> None:
    """drive_j += sum_i s_i W_ij, reading only the rows whose s_i is not zero."""
    add_rows(w, p.synapses, pre, drive)


# First axis of the scratch.
P, C, D, PSI, RHO, BETA, Z = range(7)


@compiled
def learn(w: Floats, p: Dense, params: Params, term: Term) -> None:
    """One step of eligibility and gradient descent (eq. 24, 25, 28).

    e_ij = psi_j (zb_i - beta_j eps_a_ij)      eps_a_ij <- rho_j eps_a_ij + e_ij
    ebar_ij <- kappa ebar_ij + kappa_in e_ij         W_ij += column_j ebar_ij + direct_j zb_i
    """
    _prepare(p.scratch, params, term)
    if p.traces.eps_a.shape[0] == 0:
        _learn_rows(w, p, term, params.kappa_e)
    else:
        _learn_adaptive_rows(w, p, term, params.kappa_e)


@compiled
def _prepare(src: Floats, params: Params, term: Term) -> None:
    """What the rows need of each neuron."""
    kin, direct = params.kappa_e_in, term.direct
    for j in range(direct.shape[0]):
        src[D, 0, j] = direct[j]
    for j in range(term.psi.shape[0]):
        src[P, 0, j] = kin * term.psi[j]
        src[C, 0, j] = term.column[j]
        src[PSI, 0, j] = term.psi[j]
        src[RHO, 0, j] = params.rho[j]
        src[BETA, 0, j] = params.beta[j]


@compiled
def _gather(src: Floats, kinds: int, target: Ints, low: int, high: int) -> None:
    """What one row needs of its own neurons."""
    for kind in range(kinds):
        for k in range(high - low):
            src[kind, 1, k] = src[kind, 0, np.uint64(target[low + k])]


@compiled
def _learn_rows(w: Floats, p: Dense, term: Term, kappa: Scalar) -> None:
    """Without adaptation."""
    first, target, inputs, src = p.synapses.first, p.synapses.target, p.synapses.inputs, p.scratch
    ebar, tiny, zb, direct = p.traces.ebar, p.traces.tiny, term.zb, term.direct.shape[0] > 0
    n, end, nothing = src.shape[2], first.shape[1] - 1, tiny - tiny
    at = np.uint64(min(target.shape[0], 1))
    for i in range(first.shape[0]):
        base = np.uint64(first[i, 0])
        if at > 0:
            _gather(src, D + 1, target, first[i, 0], first[i, end])
        if p.keep != 1:
            shrink(w, first[i, 0], first[i, end], p.keep)
        z = spread(zb, first, i, src[Z, 0])
        for k in range(base, np.uint64(first[i, end])):
            new = kappa * ebar[k] + z * src[Z, 0, k - base] * src[P, at, k - base]
            new = new if abs(new) > tiny else nothing
            ebar[k] = new
            w[k] += src[C, at, k - base] * new
        if direct:
            for k in range(base, np.uint64(first[i, end])):
                w[k] += z * src[Z, 0, k - base] * src[D, at, k - base]
        if at == 0 and inputs <= i < inputs + n:
            w[first[i, 0] + i - inputs] = 0
        if p.clamp < np.inf:
            clip(w, first[i, 0], first[i, end], p.clamp)


@compiled
def _learn_adaptive_rows(w: Floats, p: Dense, term: Term, kappa: Scalar) -> None:
    """With adaptation."""
    first, target, inputs, src = p.synapses.first, p.synapses.target, p.synapses.inputs, p.scratch
    ebar, eps_a, tiny = p.traces.ebar, p.traces.eps_a, p.traces.tiny
    zb, direct = term.zb, term.direct.shape[0] > 0
    n, end, nothing = src.shape[2], first.shape[1] - 1, tiny - tiny
    at = np.uint64(min(target.shape[0], 1))
    for i in range(first.shape[0]):
        base = np.uint64(first[i, 0])
        if at > 0:
            _gather(src, BETA + 1, target, first[i, 0], first[i, end])
        if p.keep != 1:
            shrink(w, first[i, 0], first[i, end], p.keep)
        z = spread(zb, first, i, src[Z, 0])
        high = np.uint64(first[i, end])
        for k in range(base, high):
            adapted = z * src[Z, 0, k - base] - src[BETA, at, k - base] * eps_a[k]
            new = kappa * ebar[k] + src[P, at, k - base] * adapted
            ebar[k] = new if abs(new) > tiny else nothing
            new = src[RHO, at, k - base] * eps_a[k] + src[PSI, at, k - base] * adapted
            eps_a[k] = new if abs(new) > tiny else nothing
        for k in range(base, high):
            w[k] += src[C, at, k - base] * ebar[k]
        if direct:
            for k in range(base, high):
                w[k] += z * src[Z, 0, k - base] * src[D, at, k - base]
        if at == 0 and inputs <= i < inputs + n:
            w[first[i, 0] + i - inputs] = 0
        if p.clamp < np.inf:
            clip(w, first[i, 0], first[i, end], p.clamp)


@compiled
def sync(w: Floats, p: Dense, params: Params) -> None:
    """Nothing is ever pending."""
