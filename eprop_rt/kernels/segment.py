"""A stretch of steps at once: forward, and the neurons' adjoint backwards.

With the recurrence and the reset cut, the adjoint IS e-prop: the gradient
dE/dW_ij = sum_t s_i(t) dv_j(t) is then the sum over t of L_j(t) ebar_ij(t), exchanged in order.
With both kept it is backpropagation through time. So one matrix product a segment is exact.
"""

from typing import NamedTuple

from eprop_rt.kernels import compiled, disjoint
from eprop_rt.kernels.neuron import advance
from eprop_rt.kernels.rows import add_rows
from eprop_rt.structs import (
    FULL,
    PRESYNAPTIC_FILTER,
    RANK_ONE,
    Floats,
    Ints,
    Membrane,
    Objective,
    Params,
)


class Segment(NamedTuple):
    """Scratch for one segment of T steps, from rest."""

    x: Floats  # (T, K) scaled inputs
    target: Floats  # (T, M) scaled targets, NaN where there is none
    drive: Floats  # (T, N) in: input and bias drive. out: the whole drive; then scratch
    z: Floats  # (T, N) spikes
    psi: Floats  # (T, N)
    v: Floats  # (T, N) voltage; then dE/dv past the spikes: the voltage penalty, if there is one
    features: Floats  # (T, F)
    y: Floats  # (T, M) outputs; then probabilities, after a softmax
    signal: Floats  # (T, N) in: dE/d(filtered spikes). out: dE/d(drive)
    error: Floats  # (T, M)
    rate: Floats  # (N,) dE/dz of every step beside the readout: penalties on spikes
    membrane: Membrane  # scratch
    draw: Ints  # (1,) number of the first random draw
    found: Ints  # scratch of `add_rows`, longer than any of K, N, M and T


@compiled
def forward_segment(params: Params, w_rec: Floats, s: Segment, keep_v: bool) -> None:
    """Run the neurons over the segment; writes drive, z, psi, features, and if asked to, v."""
    steps, n = s.drive.shape
    k = s.x.shape[1]
    m = s.membrane
    m.v[:] = 0
    m.current[:] = 0
    m.a[:] = 0
    m.wait[:] = 0
    traces = params.trace.shape[0] * k
    lagged = s.features.shape[1] - 1 - traces - n
    s.z[0] = 0
    for t in range(steps):
        z, features = s.z[t], s.features[t]
        if t > 0:
            _copy(s.z[t - 1], z)
        add_rows(z, w_rec, s.found, s.drive[t])
        advance(params, m, s.drive[t], z, s.psi[t], s.draw[0] + t * n)
        if keep_v:
            _copy(m.v, s.v[t])
        if t > 0:
            _filter(params, z, s.features[t - 1], features)
        else:
            for j in range(n):
                features[j] = params.kappa_in * z[j]
        for f in range(lagged):
            lag = f // k
            features[n + f] = s.x[t - lag, f - lag * k] if lag <= t else 0
        fading, before = features[n + lagged :], s.features[max(t - 1, 0), n + lagged :]
        for f in range(traces):
            g = f // k
            fading[f] = params.trace_in[g] * s.x[t, f - g * k]
            if t > 0:
                fading[f] += params.trace[g] * before[f]
        fading[traces] = 1


@disjoint
def _copy(source: Floats, target: Floats) -> None:
    for j in range(source.shape[0]):
        target[j] = source[j]


@disjoint
def _filter(params: Params, z: Floats, earlier: Floats, features: Floats) -> None:
    """zf(t) = kappa zf(t-1) + (1-kappa) z(t)."""
    for j in range(z.shape[0]):
        features[j] = params.kappa * earlier[j] + params.kappa_in * z[j]


@compiled
def adjoint_segment(params: Params, w_rec: Floats, s: Segment, objective: Objective) -> None:
    """Turn `signal` from dE/d(filtered spikes) into dE/d(drive), walking backwards, O(N) a step.

    Reads psi, rate, and with a voltage penalty `v`; drive and membrane are scratch.
    """
    if objective.eligibility == FULL:
        _exact(params, w_rec, s, objective)
    else:
        _approximate(params, s, objective)


@compiled
def _exact(params: Params, w_rec: Floats, s: Segment, objective: Objective) -> None:
    """Of the full eligibility trace, or of everything.

    zf(t) = kappa zf(t-1) + (1-kappa) z(t)    A(t) = threshold + beta a(t)
    a(t+1) = rho a(t) + z(t)    I(t) = alpha_s I(t-1) + drive(t)    v(t) = alpha v(t-1) + I(t)
    The filter is the eligibility trace's own; whatever goes further is a derivative of the loss,
    and its filter the readout's.
    """
    steps, n = s.signal.shape
    rest_adjoint(s)
    for t in range(steps - 1, -1, -1):
        to_spikes(params, s, t, objective)
        if objective.through_recurrence and t + 1 < steps:
            later, signal = s.signal[t + 1], s.signal[t]
            for j in range(n):
                row, total = w_rec[j], signal[j]
                for i in range(n):
                    total += row[i] * later[i]
                signal[j] = total
        to_voltage(params, s, t, objective)


@compiled
def rest_adjoint(s: Segment) -> None:
    """Derivatives by what comes after the last step: zero; the membrane is their scratch."""
    s.membrane.v[:] = 0
    s.membrane.a[:] = 0
    s.membrane.current[:] = 0


@disjoint
def to_spikes(params: Params, s: Segment, t: int, objective: Objective) -> None:
    """signal(t) becomes dE/dz(t), what passes the recurrence apart."""
    cut = not (objective.through_recurrence or objective.through_reset)
    kappa = params.kappa_e if cut else params.kappa
    rest = params.kappa_e_in if cut else params.kappa_in
    dzf, da, dv = s.membrane.v, s.membrane.a, s.membrane.current
    signal = s.signal[t]
    for j in range(signal.shape[0]):
        dzf[j] = kappa * dzf[j] + signal[j]
        signal[j] = rest * dzf[j] + da[j] + s.rate[j]
    if objective.through_reset:
        for j in range(signal.shape[0]):
            signal[j] -= params.reset[j] * dv[j]


@disjoint
def to_voltage(params: Params, s: Segment, t: int, objective: Objective) -> None:
    """signal(t) becomes dE/d(drive(t)), from dE/dz(t)."""
    da, dv = s.membrane.a, s.membrane.current
    signal, psi = s.signal[t], s.psi[t]
    for j in range(signal.shape[0]):
        du = signal[j] * psi[j]
        dv[j] = params.alpha[j] * dv[j] + du
        da[j] = params.rho[j] * da[j] - params.beta[j] * du
    _to_drive(params, s, t, objective)


@compiled
def _approximate(params: Params, s: Segment, objective: Objective) -> None:
    """Of the eligibility trace without adaptation, and with its filter F elsewhere.

    unfiltered psi zb    presynaptic_filter psi F[zb]    rank_one F[psi] zb
    Penalties on spikes act on psi zb, as they do on the unfiltered trace of the full rule.
    """
    steps, n = s.signal.shape
    kappa, rest, eligibility = params.kappa_e, params.kappa_e_in, objective.eligibility
    later, dv = s.membrane.v, s.membrane.current
    later[:] = 0
    dv[:] = 0
    slope = s.drive if eligibility == RANK_ONE else s.psi
    if eligibility == RANK_ONE:
        for t in range(steps):
            for j in range(n):
                slope[t, j] = rest * s.psi[t, j]
                if t > 0:
                    slope[t, j] += kappa * slope[t - 1, j]
    for t in range(steps - 1, -1, -1):
        for j in range(n):
            du = slope[t, j] * s.signal[t, j]
            if eligibility == PRESYNAPTIC_FILTER:
                later[j] = kappa * later[j] + rest * du
                du = later[j]
            dv[j] = params.alpha[j] * dv[j] + du + s.psi[t, j] * s.rate[j]
        _to_drive(params, s, t, objective)


@disjoint
def _to_drive(params: Params, s: Segment, t: int, objective: Objective) -> None:
    """signal(t) = dE/dv(t) + alpha_s signal(t+1): through the synaptic current."""
    signal, dv = s.signal[t], s.membrane.current
    if objective.voltage_l2 != 0:
        _add(s.v[t], dv)
    _copy(dv, signal)
    if params.alpha_s != 0 and t + 1 < s.signal.shape[0]:
        later = s.signal[t + 1]
        for j in range(signal.shape[0]):
            signal[j] += params.alpha_s * later[j]


@disjoint
def _add(source: Floats, target: Floats) -> None:
    for j in range(source.shape[0]):
        target[j] += source[j]
