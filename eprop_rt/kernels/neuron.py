"""LIF, adaptive LIF and current-based LIF neurons, with or without escape noise: O(N) a step."""

from eprop_rt.kernels import disjoint
from eprop_rt.kernels.counter import uniform
from eprop_rt.kernels.surrogate import apply_surrogate, escape_probability
from eprop_rt.structs import Floats, Membrane, Params


@disjoint
def advance(params: Params, m: Membrane, drive: Floats, z: Floats, psi: Floats, draw: int) -> None:
    """One step of every neuron; reads `drive`, writes the membrane, z and psi in place.

    I(t) = alpha_s I(t-1) + drive           v(t) = alpha v(t-1) + I(t) - z(t-1) reset    (eq. 6)
    a(t) = rho a(t-1) + z(t-1)              A(t) = threshold + beta a(t)                 (eq. 9, 8)
    z(t) = [v > A], 0 while refractory      psi = 0 while refractory
    With escape noise z(t) is 1 with the probability whose derivative psi is (Gygax & Zenke 2025);
    neuron j takes random number draw + j.
    """
    v_th, n = params.v_th, drive.shape[0]
    for j in range(n):
        m.current[j] = params.alpha_s * m.current[j] + drive[j]
        m.v[j] = params.alpha[j] * m.v[j] + m.current[j] - z[j] * params.reset[j]
        m.a[j] = params.rho[j] * m.a[j] + z[j]
        psi[j] = (m.v[j] - (params.threshold[j] + params.beta[j] * m.a[j])) / v_th  # u, not yet psi
        z[j] = psi[j] > 0
    if params.escape:
        for j in range(n):
            z[j] = uniform(params.seed, draw + j) < escape_probability(params, psi[j])
    apply_surrogate(params, psi)
    waiting = params.refractory
    for j in range(n):
        waiting |= m.wait[j]
    if waiting == 0:  # the loop below does not vectorise
        return
    for j in range(n):
        if m.wait[j] > 0:
            m.wait[j] -= 1
            z[j] = 0
            psi[j] = 0
        elif z[j] > 0:
            m.wait[j] = params.refractory
