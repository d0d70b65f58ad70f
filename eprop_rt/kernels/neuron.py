"""LIF and adaptive LIF neurons in one population: O(N) a step."""

from eprop_rt.kernels import compiled
from eprop_rt.kernels.surrogate import surrogate
from eprop_rt.structs import Floats, Ints, Params


@compiled
def advance(
    params: Params, drive: Floats, v: Floats, a: Floats, z: Floats, psi: Floats, wait: Ints
) -> None:
    """One step of every neuron; reads `drive`, writes v, a, z, psi and wait in place.

    v(t) = alpha v(t-1) + drive - z(t-1) v_th                            (eq. 6 with reset)
    a(t) = rho a(t-1) + z(t-1)      A(t) = v_th + beta a(t)              (eq. 9, 8)
    z(t) = [v > A], 0 while refractory      psi = 0 while refractory
    """
    v_th = params.v_th
    for j in range(v.shape[0]):
        v[j] = params.alpha[j] * v[j] + drive[j] - z[j] * v_th
        a[j] = params.rho[j] * a[j] + z[j]
        u = (v[j] - (v_th + params.beta[j] * a[j])) / v_th
        z[j] = 0
        if wait[j] > 0:
            wait[j] -= 1
            psi[j] = 0
        else:
            psi[j] = surrogate(params.surrogate, u, params.gamma, params.width) / v_th
            if u > 0:
                z[j] = 1
                wait[j] = params.refractory
