"""The gradient of a segment, four ways: adjoint, online traces, forward derivatives, autograd.

The forward derivatives (real-time recurrent learning: dv_m/dW_ij for every neuron m and synapse
ij) and PyTorch's tape follow the equations of the network, with the spike's derivative replaced by
the surrogate, and share nothing with the code under test.
"""

import itertools
from typing import NamedTuple

import numpy as np
import pytest

from eprop_rt.build import build_params, build_segment, build_state
from eprop_rt.config import NetworkSettings, OnlineSettings, SurrogateSettings
from eprop_rt.gradient import add_segment_gradient
from eprop_rt.kernels.segment import Segment, adjoint_segment
from eprop_rt.kernels.step import forward
from eprop_rt.online import OnlineLearner
from eprop_rt.structs import Params, Weights

BIN_S = 0.05
K, N, M, T, WARM_UP = 3, 6, 2, 50, 6
CUT = False, False
SWITCHES = list(itertools.product((False, True), repeat=2))
NETWORKS = {
    "alif and lif": {},
    "lif": {"adaptive_fraction": 0.0},
    "alif, refractory": {"adaptive_fraction": 1.0, "refractory_s": 2 * BIN_S},
    "one time constant": {"tau_groups": 1, "adaptation_strength": 1.5},
}


class Case(NamedTuple):
    params: Params
    weights: Weights
    x: np.ndarray
    target: np.ndarray
    lags: int


def case(name="alif and lif", lags=2, seed=1) -> Case:
    settings = NetworkSettings(
        neurons=N,
        membrane_tau_s=(0.07, 0.6),
        adaptation_tau_s=0.4,
        readout_tau_s=0.15,
        threshold=0.9,
        surrogate=SurrogateSettings(height=0.4, width=1.4),
        **{"tau_groups": 3, "adaptation_strength": 0.6, **NETWORKS[name]},
    )
    rng = np.random.default_rng(seed)
    w = rng.normal(0, 0.5, (K + N + 1, N))
    w[K + np.arange(N), np.arange(N)] = 0
    target = rng.normal(size=(T, M))
    target[rng.random((T, M)) < 0.15] = np.nan
    return Case(
        build_params(settings, BIN_S, np.dtype(np.float64)),
        Weights(w, rng.normal(0, 0.7, (N + lags * K + 1, M))),
        rng.poisson(1.0, (T, K)) * 0.7 - 0.2,
        target,
        lags,
    )


def scratch(c: Case) -> Segment:
    """Scratch that held something else before."""
    segment = build_segment(c.params, T, K, len(c.weights.w_out), M)
    for array in segment:
        array[...] = 7 if array.dtype == np.int64 else np.nan
    segment.x[:], segment.target[:] = c.x, c.target
    return segment


def adjoint(c: Case, through_recurrence=False, through_reset=False) -> Weights:
    """Gradient by the code under test; both switches off go through the function of the engine."""
    segment, gradient = scratch(c), Weights(*(np.zeros_like(w) for w in c.weights))
    add_segment_gradient(c.params, c.weights, segment, WARM_UP, gradient)
    assert 0.05 < segment.z.mean() < 0.6
    assert (segment.psi > 0).mean() > 0.2
    assert (segment.z[1:] != segment.z[:-1]).any(axis=0).sum() > N / 2
    if (through_recurrence, through_reset) != CUT:
        np.matmul(segment.error, c.weights.w_out[:N].T, out=segment.signal)
        w_rec = c.weights.w[K : K + N]
        adjoint_segment(c.params, w_rec, segment, through_recurrence, through_reset)
        s = np.concatenate([segment.x, segment.z_before, np.ones((T, 1))], axis=1)
        gradient.w[:] = s.T @ segment.signal
    return gradient


def outputs(c: Case, w_out):
    """y (T, M) and z (T, N), with the derivatives dz_m/dW_ij cut as the switches say."""
    return run_forward(c, w_out, *CUT)[0]


def run_forward(c: Case, w_out, through_recurrence, through_reset):
    """Outputs (T, M), and d(filtered spikes)_m/dW_ij (T, N, P, N), step by step."""
    p, w = c.params, c.weights.w
    rows = K + N + 1
    v, a, z, zf, wait = (np.zeros(N) for _ in range(5))
    dv, da, dz, dzf = (np.zeros((N, rows, N)) for _ in range(4))
    lagged = np.zeros((c.lags, K))
    ys, dzfs = [], []
    for x in c.x:
        s = np.concatenate([x, z, [1]])
        v = p.alpha * v + s @ w - p.v_th * z
        dv = p.alpha[:, None, None] * dv
        dv[np.arange(N), :, np.arange(N)] += s
        if through_recurrence:
            dv += np.einsum("lm,lij->mij", w[K : K + N], dz)
        if through_reset:
            dv -= p.v_th * dz
        a, da = p.rho * a + z, p.rho[:, None, None] * da + dz
        u = (v - p.v_th - p.beta * a) / p.v_th
        z = np.where((u > 0) & (wait == 0), 1.0, 0.0)
        psi = np.where(wait == 0, p.gamma * np.maximum(0, 1 - np.abs(u) / p.width) / p.v_th, 0.0)
        wait = np.where(z > 0, p.refractory, np.maximum(wait - 1, 0))
        dz = psi[:, None, None] * (dv - p.beta[:, None, None] * da)
        zf, dzf = p.kappa * zf + (1 - p.kappa) * z, p.kappa * dzf + (1 - p.kappa) * dz
        lagged = np.concatenate([[x], lagged])[: c.lags]
        ys.append(np.concatenate([zf, lagged.ravel(), [1]]) @ w_out)
        dzfs.append(dzf)
    return np.array(ys), np.array(dzfs)


def errors(c: Case, y):
    e = np.where(np.isnan(c.target), 0, y - c.target)
    e[:WARM_UP] = 0
    return e


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(("through_recurrence", "through_reset"), SWITCHES)
def test_the_adjoint_is_the_derivative_carried_forwards(network, through_recurrence, through_reset):
    c = case(network)
    y, dzf = run_forward(c, c.weights.w_out, through_recurrence, through_reset)
    signal = errors(c, y) @ c.weights.w_out[:N].T
    expected = np.einsum("tm,tmij->ij", signal, dzf)
    came = adjoint(c, through_recurrence, through_reset).w
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(came, expected, rtol=0, atol=1e-10)


def test_each_switch_changes_the_gradient():
    c = case()
    gradients = [adjoint(c, *switches).w for switches in SWITCHES]
    for one, other in itertools.combinations(gradients, 2):
        assert np.abs(one - other).max() > 1e-3


@pytest.mark.parametrize("network", NETWORKS)
def test_with_both_off_it_is_the_sum_of_learning_signal_times_online_trace(network):
    c = case(network)
    state = build_state(c.params, K, len(c.weights.w_out), M)
    learner = OnlineLearner(
        OnlineSettings(optimiser="adam", update_every=T + 1), c.params, c.weights
    )
    for t in range(T):
        forward(c.params, c.weights, state, c.x[t])
        assert learner.learn_one(state, errors_at(c, t, state.y))
    online = learner.arrays()["gradient"]
    expected = adjoint(c).w
    expected[K + np.arange(N), np.arange(N)] = 0
    assert np.abs(online).max() > 0.1
    np.testing.assert_allclose(online, expected, rtol=0, atol=1e-10)


def errors_at(c: Case, t, y):
    absent = np.isnan(c.target[t]) | (t < WARM_UP)
    return np.where(absent, 0, y - c.target[t])


@pytest.mark.parametrize("lags", [0, 3, WARM_UP + 3])
def test_the_gradient_of_the_readout_is_that_of_finite_differences(lags):
    """The error is quadratic in the readout's weights: a central difference has no remainder.

    With more lags than warm-up, the first errors see lags from before the segment: zeros.
    """
    c = case(lags=lags)
    came = adjoint(c).w_out

    def error(w_out):
        return 0.5 * (errors(c, outputs(c, w_out)) ** 2).sum()

    for f, k in np.ndindex(came.shape):
        nudge = np.zeros_like(came)
        nudge[f, k] = 0.5
        slope = error(c.weights.w_out + nudge) - error(c.weights.w_out - nudge)
        assert came[f, k] == pytest.approx(slope, rel=1e-9, abs=1e-9)


def test_a_gradient_is_added_and_the_labels_that_counted_are_told():
    c = case()
    once, twice = adjoint(c), adjoint(c)
    segment = scratch(c)
    labels = add_segment_gradient(c.params, c.weights, segment, WARM_UP, twice)
    assert labels == np.isfinite(c.target[WARM_UP:]).sum()
    assert labels < (T - WARM_UP) * M
    for one, two in zip(once, twice, strict=True):
        np.testing.assert_array_equal(one + one, two)
    np.testing.assert_array_equal(segment.x, c.x)
    np.testing.assert_array_equal(segment.target, c.target)


def test_single_precision_points_the_same_way():
    c = case()
    expected = adjoint(c)
    single = Case(
        Params(*(as_single(field) for field in c.params)),
        Weights(*(w.astype(np.float32) for w in c.weights)),
        c.x,
        c.target,
        c.lags,
    )
    came = adjoint(single)
    for one, other in zip(came, expected, strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-4 * np.abs(other).max())


def as_single(field):
    floating = getattr(field, "dtype", None) == np.float64
    return field.astype(np.float32) if floating else field


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(("through_recurrence", "through_reset"), SWITCHES)
def test_automatic_differentiation_agrees(network, through_recurrence, through_reset):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: no peer to compare with")
    c = case(network)
    p = c.params
    alpha, rho, beta = (torch.tensor(a) for a in (p.alpha, p.rho, p.beta))
    w, w_out = (torch.tensor(a, requires_grad=True) for a in c.weights)
    x, target = torch.tensor(c.x), torch.tensor(c.target)
    v, a, z, zf, wait = (torch.zeros(N, dtype=torch.float64) for _ in range(5))
    lagged = torch.zeros(c.lags, K, dtype=torch.float64)
    error = torch.zeros((), dtype=torch.float64)
    for t in range(T):
        back = z if through_recurrence else z.detach()
        reset = z if through_reset else z.detach()
        v = alpha * v + torch.cat([x[t], back, torch.ones(1)]) @ w - float(p.v_th) * reset
        a = rho * a + z
        u = (v - float(p.v_th) - beta * a) / float(p.v_th)
        awake = (wait == 0).double()
        # Straight through: the value of a step, the derivative of the triangle under it.
        slope = float(p.gamma) * torch.clamp(1 - u.detach().abs() / float(p.width), min=0)
        z = awake * ((u.detach() > 0).double() + slope * (u - u.detach()))
        wait = torch.where(z.detach() > 0, float(p.refractory), torch.clamp(wait - 1, min=0))
        zf = float(p.kappa) * zf + (1 - float(p.kappa)) * z
        lagged = torch.cat([x[t : t + 1], lagged])[: c.lags]
        y = torch.cat([zf, lagged.ravel(), torch.ones(1)]) @ w_out
        if t >= WARM_UP:
            known = ~torch.isnan(target[t])
            error = error + 0.5 * ((y - target[t])[known] ** 2).sum()
    error.backward()
    came = adjoint(c, through_recurrence, through_reset)
    np.testing.assert_allclose(came.w, w.grad.numpy(), rtol=0, atol=1e-10)
    np.testing.assert_allclose(came.w_out, w_out.grad.numpy(), rtol=0, atol=1e-10)
