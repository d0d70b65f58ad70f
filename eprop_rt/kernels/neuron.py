"""LIF and adaptive LIF neurons in one population: O(N) a step."""

from eprop_rt.kernels import compiled
from eprop_rt.kernels.surrogate import apply_surrogate
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
    v_th, n = params.v_th, v.shape[0]
    for j in range(n):
        v[j] = params.alpha[j] * v[j] + drive[j] - z[j] * v_th
        a[j] = params.rho[j] * a[j] + z[j]
        psi[j] = (v[j] - (v_th + params.beta[j] * a[j])) / v_th  # u; psi once all are there
        z[j] = psi[j] > 0
    apply_surrogate(params, psi)
    for j in range(n):
        if wait[j] > 0:
            wait[j] -= 1
            z[j] = 0
            psi[j] = 0
        elif z[j] > 0:
            wait[j] = params.refractory
