"""A stretch of steps at once: forward, and the neurons' adjoint backwards.

With the recurrence and the reset cut, the adjoint IS e-prop: the gradient
dE/dW_ij = sum_t s_i(t) dv_j(t) is then the sum over t of L_j(t) ebar_ij(t), exchanged in order.
With both kept it is backpropagation through time. So one matrix product a segment is exact.
"""

from typing import NamedTuple

from eprop_rt.kernels import compiled
from eprop_rt.kernels.neuron import advance
from eprop_rt.kernels.synapse import add_drive
from eprop_rt.structs import Floats, Ints, Params


class Segment(NamedTuple):
    """Scratch for one segment of T steps, from rest."""

    x: Floats  # (T, K) scaled inputs
    target: Floats  # (T, M) scaled targets, NaN where there is none
    drive: Floats  # (T, N) in: input and bias drive. out: the whole drive
    z: Floats  # (T, N) spikes
    z_before: Floats  # (T, N) spikes of the step before
    psi: Floats  # (T, N)
    features: Floats  # (T, F)
    signal: Floats  # (T, N) in: dE/d(filtered spikes). out: dE/dv
    error: Floats  # (T, M)
    rate: Floats  # (N,) dE/dz of every step beside the readout: the firing-rate regulariser
    v: Floats  # (N,)
    a: Floats  # (N,)
    wait: Ints  # (N,)


@compiled
def forward_segment(params: Params, w_rec: Floats, s: Segment) -> None:
    """Run the neurons over the segment; writes drive, z, z_before, psi and features."""
    steps, n = s.drive.shape
    k = s.x.shape[1]
    rest = params.kappa_in
    s.v[:] = 0
    s.a[:] = 0
    s.wait[:] = 0
    lagged = s.features.shape[1] - 1 - n
    for t in range(steps):
        z = s.z[t]
        if t == 0:
            z[:] = 0
        else:
            z[:] = s.z[t - 1]
        s.z_before[t] = z
        add_drive(w_rec, z, s.drive[t])
        advance(params, s.drive[t], s.v, s.a, z, s.psi[t], s.wait)
        features = s.features[t]
        for j in range(n):
            features[j] = rest * z[j]
            if t > 0:
                features[j] += params.kappa * s.features[t - 1, j]
        for f in range(lagged):
            lag = f // k
            features[n + f] = s.x[t - lag, f - lag * k] if lag <= t else 0
        features[n + lagged] = 1


@compiled
def adjoint_segment(
    params: Params, w_rec: Floats, s: Segment, through_recurrence: bool, through_reset: bool
) -> None:
    """Turn `signal` from dE/d(filtered spikes) into dE/dv, walking backwards, O(N) a step.

    zf(t) = kappa zf(t-1) + (1-kappa) z(t)    A(t) = v_th + beta a(t)    a(t+1) = rho a(t) + z(t)
    Reads `rate`, which is not filtered; v and a are scratch.
    """
    steps, n = s.signal.shape
    kappa = params.kappa
    rest = params.kappa_in
    dzf = s.v  # scratch: the forward pass is done with v and a
    da = s.a
    dzf[:] = 0
    da[:] = 0
    for t in range(steps - 1, -1, -1):
        signal = s.signal[t]
        psi = s.psi[t]
        for j in range(n):
            dzf[j] = kappa * dzf[j] + signal[j]
            dz = rest * dzf[j] + da[j] + s.rate[j]
            dv = psi[j] * 0
            if t + 1 < steps:
                later = s.signal[t + 1, j]
                dv += params.alpha[j] * later
                if through_reset:
                    dz -= params.v_th * later
                if through_recurrence:
                    for i in range(n):
                        dz += w_rec[j, i] * s.signal[t + 1, i]
            signal[j] = dv + psi[j] * dz
            da[j] = params.rho[j] * da[j] - params.beta[j] * psi[j] * dz
