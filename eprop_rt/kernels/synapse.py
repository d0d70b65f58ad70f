"""Synapse passes: the only code that touches P x N memory; all they know are vectors."""

from eprop_rt.kernels import compiled
from eprop_rt.structs import Floats, Params, Scalar, State, Traces


@compiled
def add_drive(w: Floats, pre: Floats, drive: Floats) -> None:
    """drive_j += sum_i W_ij s_i, reading only the rows whose s_i is not zero."""
    n = drive.shape[0]
    for i in range(pre.shape[0]):
        s = pre[i]
        if s != 0:
            row = w[i]
            for j in range(n):
                drive[j] += s * row[j]


@compiled
def advance_traces(params: Params, state: State, traces: Traces) -> None:
    """Dense schedule, traces only: every synapse, this step.

    e_ij = psi_j (zb_i - beta_j eps_a_ij)      eps_a_ij <- rho_j eps_a_ij + e_ij     (eq. 24, 25)
    ebar_ij <- kappa ebar_ij + (1 - kappa) e_ij                                      (eq. 28)
    """
    kappa, psi, beta, rho = params.kappa, state.psi, params.beta, params.rho
    rest = params.kappa_in
    adaptive = traces.eps_a.shape[0] > 0
    for i in range(traces.ebar.shape[0]):
        ebar = traces.ebar[i]
        for g in range(params.group_alpha.shape[0]):
            zb = state.zb[g, i]
            first, last = params.group_start[g], params.group_start[g + 1]
            if adaptive:
                eps_a = traces.eps_a[i]
                for j in range(first, last):
                    e = psi[j] * (zb - beta[j] * eps_a[j])
                    eps_a[j] = rho[j] * eps_a[j] + e
                    ebar[j] = kappa * ebar[j] + rest * e
            else:
                for j in range(first, last):
                    ebar[j] = kappa * ebar[j] + rest * psi[j] * zb


@compiled
def add_outer(w: Floats, ebar: Floats, column: Floats, inputs: int) -> None:
    """w_ij += column_j ebar_ij, without autapses (row inputs + j onto neuron j stays 0).

    With w the weights and column = -eta L this is one step of gradient descent; with w an
    accumulator and column = L it adds this step's gradient.
    """
    n = column.shape[0]
    for i in range(w.shape[0]):
        row, trace = w[i], ebar[i]
        for j in range(n):
            row[j] += column[j] * trace[j]
        if inputs <= i < inputs + n:
            row[i - inputs] = 0


@compiled
def decay_to_presynaptic(params: Params, pre: Floats, zb: Floats) -> None:
    """zb_gi <- alpha_g zb_gi + s_i: one vector per distinct membrane time constant (eq. 23)."""
    for g in range(zb.shape[0]):
        alpha = params.group_alpha[g]
        for i in range(pre.shape[0]):
            zb[g, i] = alpha * zb[g, i] + pre[i]


@compiled
def learning_signal(w_out: Floats, error: Floats, signal: Floats) -> None:
    """L_j = sum_k W_out_jk error_k, written to `signal`: symmetric feedback, live (eq. 4)."""
    for j in range(signal.shape[0]):
        total = error[0] * 0
        for k in range(error.shape[0]):
            total += w_out[j, k] * error[k]
        signal[j] = total


@compiled
def scaled(vector: Floats, factor: Scalar, out: Floats) -> None:
    """out_j = factor * vector_j."""
    for j in range(vector.shape[0]):
        out[j] = factor * vector[j]
