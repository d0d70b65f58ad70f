"""The gradient of a segment: warm-up, lagged inputs, and derivatives carried forwards.

Real-time recurrent learning (dv_m/dW_ij for every neuron m and synapse ij) follows the equations of
the network with the spike's derivative replaced by the surrogate. In a network whose spikes are
replaced by their probabilities the loss is smooth: differences of the loss itself then judge the
adjoint, and no surrogate is in them.
"""

import itertools
from typing import NamedTuple

import numpy as np
import pytest

from eprop_rt.build import build_segment
from eprop_rt.config import SurrogateSettings
from eprop_rt.gradient import add_segment_gradient, pull_back
from eprop_rt.kernels.schedules import allocate
from eprop_rt.kernels.schedules.dispatch import learn
from eprop_rt.kernels.segment import Segment
from eprop_rt.kernels.surrogate import KINDS
from eprop_rt.objective import score
from eprop_rt.structs import Objective, Params, Term, Weights
from gradient_oracle import NETWORKS, SHAPE, K, M, N, T, a_network, assert_alive, spiking

WARM_UP, FIRST_DRAW = 6, 30
SWITCHES = list(itertools.product((False, True), repeat=2))
PENALTIES = {"rate_strength": 30.0, "rate_target": 0.1, "spike_l1": 5.0, "voltage_l2": 2.0}


class Case(NamedTuple):
    params: Params
    weights: Weights
    x: np.ndarray
    target: np.ndarray
    lags: int


def case(name="lif and alif", lags=2, seed=1, trace_tau_s=(), **changes) -> Case:
    rng = np.random.default_rng(seed)
    w = rng.normal(0, 0.4, (K + N + 1, N))
    w[:K] += 0.25
    w[K + np.arange(N), np.arange(N)] = 0
    target = rng.normal(size=(T, M))
    target[rng.random((T, M)) < 0.15] = np.nan
    return Case(
        a_network(name, trace_tau_s, **changes),
        Weights(w, rng.normal(0, 0.7, (N + (lags + len(trace_tau_s)) * K + 1, M))),
        rng.poisson(1.0, (T, K)) * 0.7 - 0.2,
        target,
        lags,
    )


def scratch(c: Case) -> Segment:
    """Scratch that held something else before."""
    segment = build_segment(c.params, T, K, len(c.weights.w_out), M)
    for array in [a for a in segment if isinstance(a, np.ndarray)] + list(segment.membrane):
        array[...] = 7 if array.dtype == np.int64 else np.nan
    segment.x[:], segment.target[:] = c.x, c.target
    segment.draw[0] = FIRST_DRAW * N
    return segment


def adjoint(c: Case, **objective) -> Weights:
    """The gradient by the code under test."""
    gradient = Weights(*(np.zeros_like(w) for w in c.weights))
    add(c, gradient, **objective)
    return gradient


def add(c: Case, gradient: Weights, **objective):
    segment = scratch(c)
    asked = Objective(**{"warm_up": WARM_UP} | objective)
    came = add_segment_gradient(c.params, c.weights, c.weights.w_out[:N], segment, asked, gradient)
    assert_alive(segment.z, segment.psi)
    np.testing.assert_array_equal(segment.x, c.x)
    np.testing.assert_array_equal(segment.target, c.target)
    return came


def features(c: Case, zf, t):
    """What the readout sees at step t."""
    lagged = np.concatenate([c.x[t::-1], np.zeros((c.lags, K))])[: c.lags]
    ages = np.arange(t, -1, -1)
    fading = [
        gain * keep**ages @ c.x[: t + 1]
        for keep, gain in zip(c.params.trace, c.params.trace_in, strict=True)
    ]
    return np.concatenate([zf, lagged.ravel(), *fading, [1]])


def carried_forwards(c: Case, through_recurrence, through_reset):
    """Features (T, F), and d(filtered spikes)_m/dW_ij (T, N, P, N), step by step."""
    p, w = c.params, c.weights.w
    v, a, z, zf, wait, current = (np.zeros(N) for _ in range(6))
    dv, da, dz, dzf, dcurrent = (np.zeros((N, K + N + 1, N)) for _ in range(5))
    seen, dzfs = [], []

    def times(vector, derivative):
        return vector[:, None, None] * derivative

    own = not (through_recurrence or through_reset)
    for t, x in enumerate(c.x):
        s = np.concatenate([x, z, [1]])
        current, dcurrent = p.alpha_s * current + s @ w, p.alpha_s * dcurrent
        dcurrent[np.arange(N), :, np.arange(N)] += s
        if through_recurrence:
            dcurrent += np.einsum("lm,lij->mij", w[K : K + N], dz)
        v, dv = p.alpha * v + current - p.reset * z, times(p.alpha, dv) + dcurrent
        if through_reset:
            dv -= times(p.reset, dz)
        a, da = p.rho * a + z, times(p.rho, da) + dz
        u = (v - p.threshold - p.beta * a) / p.v_th
        z = (wait == 0) * spiking(p, u, FIRST_DRAW + t)
        psi = (wait == 0) * p.shape[0] * SHAPE[KINDS[p.surrogate]](u / p.shape[1]) / p.v_th
        wait = np.where(z > 0, p.refractory, np.maximum(wait - 1, 0))
        dz = times(psi, dv - times(p.beta, da))
        zf = p.kappa * zf + p.kappa_in * z
        dzf = p.kappa_e * dzf + p.kappa_e_in * dz if own else p.kappa * dzf + p.kappa_in * dz
        seen.append(features(c, zf, t))
        dzfs.append(dzf)
    return np.array(seen), np.array(dzfs)


def errors(c: Case, y):
    e = np.where(np.isnan(c.target), 0, y - c.target)
    e[:WARM_UP] = 0
    return e


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(("through_recurrence", "through_reset"), SWITCHES)
def test_the_adjoint_is_the_derivative_carried_forwards(network, through_recurrence, through_reset):
    c = case(network)
    seen, dzf = carried_forwards(c, through_recurrence, through_reset)
    signal = errors(c, seen @ c.weights.w_out) @ c.weights.w_out[:N].T
    expected = np.einsum("tm,tmij->ij", signal, dzf)
    came = adjoint(c, through_recurrence=through_recurrence, through_reset=through_reset).w
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(came, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("network", NETWORKS)
def test_with_both_off_it_is_the_sum_of_learning_signal_times_online_trace(network):
    """The traces are those of the dense schedule; the price of voltage goes past them."""
    c = case(network)
    p, segment = c.params, scratch(c)
    asked = Objective(warm_up=WARM_UP, voltage_l2=2.0)
    gradient = Weights(*(np.zeros_like(w) for w in c.weights))
    add_segment_gradient(p, c.weights, c.weights.w_out[:N], segment, asked, gradient)
    signal = segment.error @ c.weights.w_out[:N].T
    online, passes = np.zeros_like(c.weights.w), allocate.dense(p, K)
    zs, zb = np.zeros(K + N + 1), np.zeros((len(p.group_alpha), K + N + 1))
    for t in range(T):
        before = segment.z[t - 1] if t > 0 else np.zeros(N)
        s = np.concatenate([c.x[t], before, [1]])
        zs = p.alpha_s * zs + s
        zb = p.group_alpha[:, None] * zb + zs
        term = Term(s, zs, zb, segment.psi[t], signal[t], segment.v[t])
        learn(online, passes, p, term)
    expected = gradient.w
    expected[K + np.arange(N), np.arange(N)] = 0
    assert np.abs(online).max() > 0.1
    np.testing.assert_allclose(online, expected, rtol=0, atol=1e-10)


def test_each_switch_changes_the_gradient():
    c = case()
    gradients = [
        adjoint(c, through_recurrence=recurrence, through_reset=reset).w
        for recurrence, reset in SWITCHES
    ]
    for one, other in itertools.combinations(gradients, 2):
        assert np.abs(one - other).max() > 1e-3


@pytest.mark.parametrize(
    ("lags", "trace_tau_s"), [(0, ()), (3, ()), (WARM_UP + 3, ()), (0, (0.05,)), (2, (0.1, 0.01))]
)
def test_the_gradient_of_the_readout_is_that_of_finite_differences(lags, trace_tau_s):
    """The error is quadratic in the readout's weights: a central difference has no remainder.

    With more lags than warm-up, the first errors see lags from before the segment: zeros.
    """
    c = case(lags=lags, trace_tau_s=trace_tau_s)
    came = adjoint(c).w_out
    seen, _ = carried_forwards(c, False, False)

    def loss(w_out):
        return 0.5 * (errors(c, seen @ w_out) ** 2).sum()

    for f, k in np.ndindex(came.shape):
        nudge = np.zeros_like(came)
        nudge[f, k] = 0.5
        slope = loss(c.weights.w_out + nudge) - loss(c.weights.w_out - nudge)
        assert came[f, k] == pytest.approx(slope, rel=1e-9, abs=1e-9)


def test_a_gradient_is_added_and_the_labels_that_counted_are_told():
    c = case()
    once, twice = adjoint(c), adjoint(c)
    came = add(c, twice)
    assert came.labelled == np.isfinite(c.target[WARM_UP:]).sum()
    assert came.labelled < (T - WARM_UP) * M
    for one, two in zip(once, twice, strict=True):
        np.testing.assert_allclose(two, one + one, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("softmax", [False, True])
def test_warm_up_and_absent_targets_carry_no_error(softmax):
    """Whatever the targets say there; with softmax a step with one absent target is absent."""
    c = case()
    classes = np.eye(M)[np.arange(T) % M]
    classes[np.isnan(c.target)] = np.nan
    c = c._replace(target=classes if softmax else c.target)
    other = c.target.copy()
    other[:WARM_UP] = 1e6
    if softmax:
        other[np.isnan(other).any(axis=1)] = np.nan
    gradients, told = [], []
    for target in (c.target, other):
        gradients.append(Weights(*(np.zeros_like(w) for w in c.weights)))
        told.append(add(c._replace(target=target), gradients[-1], softmax=softmax))
    assert told[0] == told[1]
    assert np.isfinite(told[0].loss)
    known = np.isfinite(c.target[WARM_UP:])
    assert told[0].labelled == (known.all(axis=1).sum() if softmax else known.sum())
    assert 0 < told[0].labelled < (T - WARM_UP) * (1 if softmax else M)
    for one, two in zip(*gradients, strict=True):
        assert np.abs(one).max() > 1e-2
        np.testing.assert_array_equal(one, two)


def test_nothing_is_hidden_where_an_output_is_no_number():
    c = case()
    c.weights.w_out[0] = np.nan
    segment, gradient = scratch(c), Weights(*(np.zeros_like(w) for w in c.weights))
    add_segment_gradient(c.params, c.weights, c.weights.w_out[:N], segment, Objective(), gradient)
    assert not np.isfinite(gradient.w).all()


@pytest.mark.parametrize("network", ["lif and alif", "current-based alif, refractory"])
def test_single_precision_points_the_same_way(network):
    c = case(network)
    expected = adjoint(c, **PENALTIES)
    single = Case(
        Params(*(as_single(field) for field in c.params)),
        Weights(*(w.astype(np.float32) for w in c.weights)),
        c.x.astype(np.float32),
        c.target.astype(np.float32),
        c.lags,
    )
    came = adjoint(single, **PENALTIES)
    for one, other in zip(came, expected, strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-4 * np.abs(other).max())


def as_single(field):
    floating = getattr(field, "dtype", None) == np.float64
    return field.astype(np.float32) if floating else field


def smooth(c: Case, weights, objective, held=None):
    """Loss and penalties, and the states, where a spike is its probability; analytic in weights.

    `held` (T, N) takes the place of z(t-1) in recurrence and reset.
    """
    p, w, w_out = c.params, *weights
    v, a, z, zf, current = (np.zeros(N) for _ in range(5))
    states = {name: [] for name in ("z", "psi", "v", "features", "y")}
    loss = 0.0
    for t, x in enumerate(c.x):
        before = z if held is None else held[t]
        current = p.alpha_s * current + np.concatenate([x, before, [1]]) @ w
        v = p.alpha * v + current - p.reset * before
        a = p.rho * a + z
        u = (v - p.threshold - p.beta * a) / p.v_th
        z = 1 / (1 + np.exp(-u / p.shape[1]))
        zf = p.kappa * zf + p.kappa_in * z
        seen = features(c, zf, t)
        y = seen @ w_out
        psi = z * (1 - z) / p.shape[1] / p.v_th
        for name, value in zip(states, (z, psi, v, seen, y), strict=True):
            states[name].append(value)
        d = c.target[t]
        if t >= objective.warm_up and objective.softmax and np.isfinite(d).all():
            loss = loss + np.log(np.exp(y).sum()) - d @ y
        elif t >= objective.warm_up and not objective.softmax:
            loss = loss + bent(objective, np.where(np.isnan(d), 0, y - d), np.nan_to_num(d))
    states = {name: np.array(values) for name, values in states.items()}
    rate = states["z"].mean(axis=0)
    loss += objective.rate_strength / 2 * ((rate - objective.rate_target) ** 2).sum()
    loss += objective.spike_l1 * rate.sum()
    loss += objective.voltage_l2 / 2 * (states["v"] ** 2).sum() / T
    return loss, states


def bent(objective, e, target):
    """Half a squared error, or a pseudo-Huber one, less where the target is large."""
    knee, loss = objective.error_knee, 0.5 * (e**2).sum()
    if knee > 0:
        loss = knee * np.sqrt(knee**2 + (e**2).sum()) - knee**2
    if objective.label_knee > 0:
        loss = loss / np.hypot(1, np.linalg.norm(target) / objective.label_knee)
    return loss


KNEES = {
    "softmax": {"softmax": True},
    "squared": {},
    "error knee": {"error_knee": 0.4},
    "label knee": {"label_knee": 0.7},
    "both knees": {"error_knee": 0.4, "label_knee": 0.7},
}


@pytest.mark.parametrize("losses", KNEES.values(), ids=KNEES)
@pytest.mark.parametrize("through", [False, True], ids=["eprop", "backpropagation"])
@pytest.mark.parametrize(
    "network", ["lif and alif", "lif", "current-based lif", "eprop_plus, readout's filter"]
)
def test_in_a_smooth_network_it_is_the_slope_of_loss_and_penalties(network, through, losses):
    """A step of 1e-30 along the imaginary axis is a difference that cancels nothing."""
    c = case(network, surrogate=SurrogateSettings(kind="logistic", height=None, width=0.6))
    softmax = losses.get("softmax", False)
    c = c._replace(target=np.abs(c.target) if softmax else c.target)
    asked = Objective(
        **losses,
        warm_up=WARM_UP,
        through_recurrence=through,
        through_reset=through,
        **PENALTIES,
    )
    if softmax:  # probabilities
        c.target[:] /= c.target.sum(axis=1, keepdims=True)
    _, states = smooth(c, c.weights, asked)
    held = None if through else np.concatenate([np.zeros((1, N)), states["z"][:-1]])
    segment = scratch(c)
    for name, values in states.items():
        getattr(segment, name)[:] = values
    loss, _ = smooth(c, c.weights, asked, held)
    came = score(asked, segment)
    assert came.loss + came.penalty == pytest.approx(loss, rel=1e-12)
    gradient = Weights(*(np.zeros_like(w) for w in c.weights))
    pull_back(c.params, c.weights, c.weights.w_out[:N], segment, asked, gradient)
    for which, g in enumerate(gradient):
        assert np.abs(g).max() > 0.1
        for i, j in np.ndindex(g.shape):
            nudged = [w.astype(complex) for w in c.weights]
            nudged[which][i, j] += 1e-30j
            slope = smooth(c, nudged, asked, held)[0].imag / 1e-30
            assert g[i, j] == pytest.approx(slope, rel=1e-10, abs=1e-10)
