"""The accumulated schedule hands its optimiser the gradient that the dense rule has."""

from itertools import pairwise

import numpy as np
import pytest

from eprop_rt.kernels.schedules import allocate
from eprop_rt.kernels.schedules.dispatch import sync
from eprop_rt.kernels.schedules.structs import ADAM, MOMENTUM, SGD, UpdateRule
from schedule_network import INPUTS, KINDS, STEPS, as_matrix, assert_alive, gradients, run

EXACT = 1e-12
RULES = {"sgd": SGD, "momentum": MOMENTUM, "adam": ADAM}


def updated(rule, gradient, w):
    """Weights after `rule` has seen gradients (updates, ...), in plain NumPy."""
    m, v, b1, b2 = np.zeros_like(w), np.zeros_like(w), rule.first_decay, rule.second_decay
    for n, g in enumerate(gradient, start=1):
        m = (b1 * m + g) if rule.kind == MOMENTUM else b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        step = {
            SGD: g,
            MOMENTUM: m,
            ADAM: m / (1 - b1**n) / (np.sqrt(v / (1 - b2**n)) + rule.tiny),
        }[rule.kind]
        w = w - rule.rate * step
    return w


def window_sums(gradient, first, steps):
    """Sums of whole windows of `steps`, the first of which has `first` steps."""
    edges = [0, *range(first, len(gradient) + 1, steps)]
    return np.array([gradient[a:b].sum(axis=0) for a, b in pairwise(edges)])


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("steps", [1, 4, 10])
def test_all_rows_at_once_equal_dense_gradients_summed(name, steps):
    kind, rule = KINDS[name], UpdateRule(rate=1.0)
    state = allocate.accumulated(
        kind.params(), INPUTS, steps, rule, staggered=False, connected=kind.connected()
    )
    outcome = run(kind, state, factor=1.0)
    assert_alive(outcome)
    sums = window_sums(gradients(kind, outcome), steps, steps)
    expected = updated(rule, sums, as_matrix(kind, outcome.w_before))
    np.testing.assert_allclose(as_matrix(kind, outcome.w), expected, rtol=0, atol=EXACT)


@pytest.mark.parametrize("optimiser", RULES)
@pytest.mark.parametrize("every", [1, 3])
def test_each_optimiser_sees_the_same_gradient_as_in_numpy(optimiser, every):
    kind, steps = KINDS["ALIF with three time constants"], 5
    rule = UpdateRule(RULES[optimiser], every, 1e-3, 0.9, 0.99, 1e-6)
    state = allocate.accumulated(kind.params(), INPUTS, steps, rule, staggered=False)
    outcome = run(kind, state, factor=1.0)
    assert_alive(outcome, moved=2e-5)
    sums = window_sums(gradients(kind, outcome), every * steps, every * steps)
    np.testing.assert_allclose(outcome.w, updated(rule, sums, outcome.w_before), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["LIF", "sparse ALIF with two time constants"])
@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_rows_in_turn_have_windows_of_their_own(name, optimiser):
    kind, steps = KINDS[name], 6
    rule = UpdateRule(RULES[optimiser], 1, 1.0 if optimiser == "sgd" else 1e-3, tiny=1e-6)
    state = allocate.accumulated(kind.params(), INPUTS, steps, rule, connected=kind.connected())
    outcome = run(kind, state, factor=1.0)
    assert_alive(outcome)
    gradient, before = gradients(kind, outcome), as_matrix(kind, outcome.w_before)
    due, after = state.pending.window.due, as_matrix(kind, outcome.w)
    assert (np.diff(due) > 0).all()
    for slot in range(steps):
        rows = slice(due[slot], due[slot + 1])
        sums = window_sums(gradient[:, rows], slot + 1, steps)
        expected = updated(rule, sums, before[rows])
        np.testing.assert_allclose(after[rows], expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("staggered", [True, False])
@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_a_sync_in_the_middle_changes_no_update(staggered, optimiser):
    kind, rule = KINDS["ALIF"], UpdateRule(RULES[optimiser], 2, 1e-3, tiny=1e-6)
    params, outcomes = kind.params(), []
    for stops in ((), (40, 41, 99)):
        state = allocate.accumulated(params, INPUTS, 7, rule, staggered)
        outcomes.append(
            run(
                kind,
                state,
                factor=1.0,
                between=lambda t, w, s=state, at=stops: sync(w, s, params) if t in at else None,
            )
        )
    assert STEPS > 100
    assert_alive(outcomes[0], moved=2e-5)
    np.testing.assert_allclose(outcomes[1].w, outcomes[0].w, rtol=0, atol=1e-11)
    np.testing.assert_allclose(outcomes[1].v, outcomes[0].v, rtol=0, atol=1e-9)
