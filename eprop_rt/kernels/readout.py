"""The leaky readout and its rules."""

import numpy as np

from eprop_rt.kernels import compiled
from eprop_rt.structs import Floats, Params, Scalar, State


@compiled
def shift_features(params: Params, z: Floats, x: Floats, features: Floats) -> None:
    """Filtered spikes, lagged inputs newest first, fading inputs; the last feature stays 1.

    zf_j <- kappa zf_j + (1 - kappa) z_j                                             (eq. 11)
    xf_gi <- trace_g xf_gi + trace_in_g x_i
    """
    n, k = z.shape[0], x.shape[0]
    kappa, rest = params.kappa, params.kappa_in
    for j in range(n):
        features[j] = kappa * features[j] + rest * z[j]
    fading = features.shape[0] - 1 - params.trace.shape[0] * k
    if fading > n:
        for f in range(fading - 1, n + k - 1, -1):
            features[f] = features[f - k]
        for i in range(k):
            features[n + i] = x[i]
    for g in range(params.trace.shape[0]):
        for i in range(k):
            f = fading + g * k + i
            features[f] = params.trace[g] * features[f] + params.trace_in[g] * x[i]


@compiled
def read_out(w_out: Floats, features: Floats, y: Floats) -> None:
    """y_k = sum_f features_f W_out_fk."""
    y[:] = 0
    for f in range(features.shape[0]):
        value = features[f]
        if value != 0:
            for k in range(y.shape[0]):
                y[k] += value * w_out[f, k]


@compiled
def carry_output(params: Params, w_out: Floats, state: State) -> None:
    """u_k <- kappa u_k + kappa_in sum_j z_j W_out_jk; y = u + what the other features say."""
    n, y = state.z.shape[0], state.y
    carried = state.carried
    for k in range(y.shape[0]):
        carried[k] *= params.kappa
    for j in range(n):
        if state.z[j] != 0:
            for k in range(y.shape[0]):
                carried[k] += params.kappa_in * state.z[j] * w_out[j, k]
    for k in range(y.shape[0]):
        y[k] = carried[k]
    for f in range(n, w_out.shape[0]):
        for k in range(y.shape[0]):
            y[k] += state.features[f] * w_out[f, k]


@compiled
def add_rank_one(w_out: Floats, features: Floats, error: Floats, factor: Scalar) -> None:
    """W_out_fk += factor features_f error_k: the delta rule, or a gradient accumulator."""
    for f in range(features.shape[0]):
        value = factor * features[f]
        if value != 0:
            for k in range(error.shape[0]):
                w_out[f, k] += value * error[k]


@compiled
def rls_update(
    p: Floats,
    px: Floats,
    w_out: Floats,
    features: Floats,
    error: Floats,
    bounds: tuple[float, float],
) -> bool:
    """Recursive least squares with forgetting; writes p and w_out. False: p lost definiteness.

    `bounds` are the forgetting factor lambda and `cap`; px (F,) is scratch.

    g = P x / (lambda + x' P x);  W -= g error';  P = (P - g x' P) / lambda   (error = y - target)
    P stays symmetric to the bit: both factors of P x x' P carry the root of the denominator, so
    that no compiler can scale one of them alone; an asymmetry would grow by 1 / lambda a step.
    Where `cap` bounds the trace of P, forgetting pauses: directions that nothing excites would
    wind up without end. A feature that was never seen keeps its 1 / ridge.
    """
    n = features.shape[0]
    forgetting, cap = bounds
    trace = 0.0
    quadratic = 0.0
    for i in range(n):
        total = 0.0
        row = p[i]
        for j in range(n):
            total += row[j] * features[j]
        px[i] = total
        quadratic += total * features[i]
        trace += row[i]
    if not (quadratic >= 0.0 and trace > 0.0 and quadratic < np.inf):
        return False
    lam = forgetting if trace < cap else 1.0
    root = 1.0 / np.sqrt(lam + quadratic)
    for i in range(n):
        px[i] *= root
    for i in range(n):
        if px[i] != 0.0:
            row = p[i]
            scale = 1.0 / lam
            for j in range(n):
                row[j] = (row[j] - px[i] * px[j]) * scale
        for k in range(error.shape[0]):
            w_out[i, k] -= root * px[i] * error[k]
    return True
