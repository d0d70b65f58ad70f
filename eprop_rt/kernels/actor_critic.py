"""Reward-based e-prop: the trace of what a policy did, and what a surprise makes of it.

Bellec et al. 2020, "Reward-based e-prop" and Methods: W_ij += eta delta F(L_j ebar_ij), with delta
the error of the critic, F a filter that decays by gamma lambda a step, and L_j the error of the
action that was drawn, carried back. Both learn one way: weights first, from traces that end with
the step before, then the traces take in their own step.

Exploration is first-order autoregressive with decay rho: n <- rho n + sqrt(1 - rho^2) xi. The
action of a step given those before is Gaussian around y + rho (a' - y'), primes the step before,
so d log p / dW = xi / sqrt(1 - rho^2) (dy/dW - rho dy'/dW), in units of the noise.
"""

from typing import NamedTuple

from eprop_rt.kernels import compiled, disjoint
from eprop_rt.structs import Floats, Params


class SynapseTraces(NamedTuple):
    """What the synapses keep of the past; written in place."""

    zs: Floats  # (P,) trace of the synaptic current
    zb: Floats  # (G, P) presynaptic trace, one row a membrane time constant
    ebar: Floats  # (P, N) filtered eligibility
    eps_a: Floats  # (P, N) eligibility of the adaptation; (0, 0) without it
    credit: Floats  # (P, N) F(L ebar): what a surprise is multiplied by


class HeadTraces(NamedTuple):
    """What actor and critic keep of the past; written in place."""

    credit: Floats  # (F, M + 1)
    before: Floats  # (F,) features of the step before


@compiled
def learn_head(
    w: Floats,
    traces: HeadTraces,
    features: Floats,
    score: Floats,
    steps: Floats,
    decays: tuple[float, float],
) -> None:
    """w_fk += step_k c_fk, then c_fk <- gl c_fk + score_k (x_f - rho x'_f), x_f of the critic.

    w (F, M + 1), the critic last; score (M,); steps (M + 1,) are rates times the surprise; decays
    are gamma lambda and rho.
    """
    fades, rho = decays
    credit, before = traces.credit, traces.before
    critic = w.shape[1] - 1
    for f in range(w.shape[0]):
        x = features[f]
        fresh = x - rho * before[f]
        for k in range(critic):
            w[f, k] += steps[k] * credit[f, k]
            credit[f, k] = fades * credit[f, k] + score[k] * fresh
        w[f, critic] += steps[critic] * credit[f, critic]
        credit[f, critic] = fades * credit[f, critic] + x
        before[f] = x


@compiled
def presynaptic(params: Params, t: SynapseTraces, s: Floats) -> None:
    """zs <- alpha_s zs + s;  zb_g <- alpha_g zb_g + zs (eq. 23)."""
    for i in range(s.shape[0]):
        t.zs[i] = params.alpha_s * t.zs[i] + s[i]
    for g in range(t.zb.shape[0]):
        alpha = params.group_alpha[g]
        for i in range(s.shape[0]):
            t.zb[g, i] = alpha * t.zb[g, i] + t.zs[i]


@disjoint
def learn_synapses(
    w: Floats,
    params: Params,
    t: SynapseTraces,
    psi: Floats,
    signals: Floats,
    rates: Floats,
) -> None:
    """w_ij += step c_ij, then c_ij <- gl c_ij + L_j ebar_ij - L'_j ebar'_ij, primes a step before.

    signals (2, N) are L and L'; rates (2,) are step and gl. Eligibility as in eq. 24 and 25:
    e_ij = psi_j (zb_i - beta_j eps_a_ij)      eps_a_ij <- rho_j eps_a_ij + e_ij
    """
    ebar, eps_a, credit = t.ebar, t.eps_a, t.credit
    step, fades = rates[0], rates[1]
    kappa, kin = params.kappa_e, params.kappa_e_in
    n = psi.shape[0]
    inputs = w.shape[0] - n - 1
    adapts = eps_a.shape[0] > 0
    now, past = signals[0], signals[1]
    beta, rho = params.beta, params.rho
    for i in range(w.shape[0]):
        for g in range(t.zb.shape[0]):
            z = t.zb[g, i]
            for j in range(params.group_start[g], params.group_start[g + 1]):
                e = psi[j] * z
                if adapts:
                    e -= psi[j] * beta[j] * eps_a[i, j]
                    eps_a[i, j] = rho[j] * eps_a[i, j] + e
                was = ebar[i, j]
                new = kappa * was + kin * e
                ebar[i, j] = new
                w[i, j] += step * credit[i, j]
                credit[i, j] = fades * credit[i, j] + now[j] * new - past[j] * was
        if inputs <= i < inputs + n:
            w[i, i - inputs] = 0
