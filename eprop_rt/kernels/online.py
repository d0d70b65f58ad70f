"""The O(N) part of a learning step: everything that a rule, a penalty or a bound does.

The synapse pass then gets vectors (`structs.Term`), whatever came together here.
"""

from typing import Any

import numpy as np

from eprop_rt.kernels import compiled
from eprop_rt.kernels.schedules.dispatch import learn as learn_synapses
from eprop_rt.structs import (
    FULL,
    PRESYNAPTIC_FILTER,
    RANK_ONE,
    Floats,
    History,
    OnlineRule,
    OnlineTraces,
    Params,
    State,
    Term,
)


@compiled
def remember(history: History, state: State) -> None:
    """Keep the vectors of the newest step; the oldest make room."""
    slot = history.steps[0] % history.pre.shape[0]
    for i in range(state.pre.shape[0]):
        history.pre[slot, i] = state.pre[i]
    for j in range(state.z.shape[0]):
        history.psi[slot, j] = state.psi[j]
        history.z[slot, j] = state.z[j]
        history.v[slot, j] = state.membrane.v[j]
    for f in range(state.features.shape[0]):
        history.features[slot, f] = state.features[f]
    for k in range(state.y.shape[0]):
        history.y[slot, k] = state.y[k]
    history.steps[0] += 1


@compiled
def learn(
    params: Params,
    w: Floats,
    passes: Any,
    rule: OnlineRule,
    traces: OnlineTraces,
    history: History,
    feedback: Floats,
    error: Floats,
) -> bool:
    """Learn from the oldest step of a full history; False where the signal is not finite.

    feedback (N, M) carries error (M,) back: L = B error; (0, M): error (N,) is L itself.
    A signal that is not finite teaches nothing; traces and penalties go on.
    """
    slot = history.steps[0] % history.pre.shape[0]
    psi, z, v = history.psi[slot], history.z[slot], history.v[slot]
    advance_presynaptic(params, traces, history.pre[slot])
    finite = learning_signal(feedback, error, traces.signal)
    add_penalties(params, rule, traces, z)
    zb = traces.zk if rule.eligibility == PRESYNAPTIC_FILTER else traces.zb
    if rule.per_neuron or rule.cap < np.inf:
        bound_norms(params, traces, zb, psi)
    if rule.per_neuron:
        divide_by_root_mean_square(rule, traces, history.pre.shape[1])
    shape_columns(params, rule, traces, psi, v)
    if rule.cap < np.inf:
        bound_step(params, rule, traces)
    decay_by_scale(rule, traces)
    term = Term(history.pre[slot], traces.zs, zb, psi, traces.column, traces.direct)
    learn_synapses(w, passes, params, term)
    return finite


@compiled
def advance_presynaptic(params: Params, traces: OnlineTraces, s: Floats) -> None:
    """zs <- alpha_s zs + s;  zb_g <- alpha_g zb_g + zs (eq. 23);  zk_g <- kappa zk_g + zb_g."""
    zs, zb, zk = traces.zs, traces.zb, traces.zk
    for i in range(s.shape[0]):
        zs[i] = params.alpha_s * zs[i] + s[i]
    for g in range(zb.shape[0]):
        alpha = params.group_alpha[g]
        for i in range(s.shape[0]):
            zb[g, i] = alpha * zb[g, i] + zs[i]
    for g in range(zk.shape[0]):
        for i in range(s.shape[0]):
            zk[g, i] = params.kappa_e * zk[g, i] + params.kappa_e_in * zb[g, i]


@compiled
def learning_signal(feedback: Floats, error: Floats, signal: Floats) -> bool:
    """L_j = sum_k B_jk error_k (eq. 4), or error_j; where that is not finite L is 0: False."""
    total = error[0] * 0
    for j in range(signal.shape[0]):
        if feedback.shape[0] == 0:
            signal[j] = error[j]
        else:
            signal[j] = 0
            for k in range(error.shape[0]):
                signal[j] += feedback[j, k] * error[k]
        total += signal[j] * 0
    if total == 0:
        return True
    signal[:] = 0
    return False


@compiled
def add_penalties(params: Params, rule: OnlineRule, traces: OnlineTraces, z: Floats) -> None:
    """f <- d f + (1 - d) z;  L += strength (f - target) + l1, through a filter of gain one."""
    f, signal = traces.f, traces.signal
    one = f.dtype.type(1.0)
    if rule.rate_strength > 0 or rule.spike_l1 > 0:
        gain = (one - params.kappa_e) / params.kappa_e_in
        for j in range(z.shape[0]):
            f[j] = rule.rate_decay * f[j] + (one - rule.rate_decay) * z[j]
            pull = rule.rate_strength * (f[j] - rule.rate_target) + rule.spike_l1
            signal[j] += gain * pull


@compiled
def bound_norms(params: Params, traces: OnlineTraces, zb: Floats, psi: Floats) -> None:
    """Bounds on ||ebar_j|| and ||eps_a_j|| over i, from the triangle inequality: O(N).

    q <- |rho - psi beta| q + psi ||zb||;  m <- kappa m + (1 - kappa) psi (||zb|| + beta q)
    """
    m, q, norm = traces.ebar_norm, traces.eps_norm, traces.zb_norm
    for g in range(norm.shape[0]):
        total = norm[g] * 0
        for i in range(zb.shape[1]):
            total += zb[g, i] * zb[g, i]
        norm[g] = np.sqrt(total)
        for j in range(params.group_start[g], params.group_start[g + 1]):
            e = psi[j] * (norm[g] + params.beta[j] * q[j])
            q[j] = abs(params.rho[j] - psi[j] * params.beta[j]) * q[j] + psi[j] * norm[g]
            m[j] = params.kappa_e * m[j] + params.kappa_e_in * e


@compiled
def divide_by_root_mean_square(rule: OnlineRule, traces: OnlineTraces, rows: int) -> None:
    """L_j / (root of the mean square of L_j ||ebar_j|| + tiny): RMSprop, one scale a neuron."""
    signal, square, m = traces.signal, traces.square, traces.ebar_norm
    traces.squares[0] += 1
    count = float(traces.squares[0])
    one = square.dtype.type(1.0)
    share = one / square.dtype.type(1.0 - float(rule.decay) ** count)
    for j in range(signal.shape[0]):
        g2 = signal[j] * signal[j] * m[j] * m[j] / rows
        square[j] = rule.decay * square[j] + (one - rule.decay) * g2
        signal[j] /= np.sqrt(square[j] * share) + rule.tiny


@compiled
def shape_columns(
    params: Params, rule: OnlineRule, traces: OnlineTraces, psi: Floats, v: Floats
) -> None:
    """column = -eta L;  direct = -eta l2 v, or what an approximation makes of L and psi."""
    signal, column, direct, bar = traces.signal, traces.column, traces.direct, traces.psi_bar
    for j in range(signal.shape[0]):
        column[j] = -rule.rate * signal[j]
    if rule.eligibility == RANK_ONE:
        for j in range(signal.shape[0]):
            bar[j] = params.kappa_e * bar[j] + params.kappa_e_in * psi[j]
            direct[j] = column[j] * bar[j]
    elif rule.eligibility != FULL:
        for j in range(signal.shape[0]):
            direct[j] = column[j] * psi[j]
    elif direct.shape[0] > 0:
        for j in range(signal.shape[0]):
            direct[j] = -rule.rate * rule.voltage_l2 * v[j]


@compiled
def bound_step(params: Params, rule: OnlineRule, traces: OnlineTraces) -> None:
    """Shorten the step where the bound on its Frobenius norm exceeds the cap."""
    column, direct, m = traces.column, traces.direct, traces.ebar_norm
    total = 0.0
    for g in range(traces.zb_norm.shape[0]):
        for j in range(params.group_start[g], params.group_start[g + 1]):
            norm = abs(column[j]) * m[j] if rule.eligibility == FULL else column[j] * 0
            if direct.shape[0] > 0:
                norm += abs(direct[j]) * traces.zb_norm[g]
            total += float(norm) * float(norm)
    if total > float(rule.cap) ** 2:
        traces.clipped[0] += 1
        shorter = column.dtype.type(float(rule.cap) / np.sqrt(total))
        for j in range(column.shape[0]):
            column[j] *= shorter
        for j in range(direct.shape[0]):
            direct[j] *= shorter


@compiled
def decay_by_scale(rule: OnlineRule, traces: OnlineTraces) -> None:
    """Weight decay without touching a weight: W = scale * stored, so stored += step / scale."""
    if rule.keep == 1:
        return
    scale, column, direct = traces.scale, traces.column, traces.direct
    scale[0] *= rule.keep
    for j in range(column.shape[0]):
        column[j] /= scale[0]
    for j in range(direct.shape[0]):
        direct[j] /= scale[0]
