"""Weight decay, weight clamp and rules without eligibility traces, against plain NumPy."""

import numpy as np
import pytest

from eprop_rt.kernels.schedules import allocate
from eprop_rt.kernels.schedules.dispatch import arrays, forget
from eprop_rt.kernels.schedules.structs import ADAM, SGD, UpdateRule
from schedule_network import (
    INPUTS,
    KINDS,
    NEURONS,
    as_matrix,
    assert_alive,
    drawn_weights,
    gradients,
    run,
)

EXACT = 1e-12
SOME = [
    "LIF",
    "ALIF, and direct terms",
    "sparse LIF, and direct terms",
    "sparse current-based ALIF",
]


def bounded(w, gradient, keep, clamp):
    """Weights after every update, in plain NumPy."""
    for g in gradient:
        w = np.clip(keep * w - g, -clamp, clamp)
    return w


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize(("keep", "share"), [(0.9998, np.inf), (1.0, 0.8), (0.9998, 0.8)])
def test_dense_weights_decay_and_stay_within_the_clamp_at_every_step(name, keep, share):
    kind = KINDS[name]
    clamp = share * abs(drawn_weights(kind)).max()
    state = allocate.dense(kind.params(), INPUTS, kind.connected(), keep, clamp)
    outcome = run(kind, state)
    assert_alive(outcome)
    before = as_matrix(kind, outcome.w_before)
    expected = bounded(before, gradients(kind, outcome), keep, clamp)
    np.testing.assert_allclose(as_matrix(kind, outcome.w), expected, rtol=0, atol=EXACT)
    free = before - gradients(kind, outcome).sum(axis=0)
    assert abs(free - expected).max() > 1e-3  # it mattered


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize(("keep", "share"), [(0.999, np.inf), (1.0, 0.8), (0.999, 0.8)])
def test_accumulated_weights_decay_and_stay_within_the_clamp_at_every_update(name, keep, share):
    kind, steps = KINDS[name], 5
    clamp = share * abs(drawn_weights(kind)).max()
    rule = UpdateRule(SGD, 1, 1.0, keep=keep, clamp=clamp)
    state = allocate.accumulated(kind.params(), INPUTS, steps, rule, False, kind.connected())
    outcome = run(kind, state, factor=1.0)
    assert_alive(outcome)
    sums = gradients(kind, outcome).reshape(-1, steps, *as_matrix(kind, outcome.w).shape).sum(1)
    expected = bounded(as_matrix(kind, outcome.w_before), sums, keep, clamp)
    np.testing.assert_allclose(as_matrix(kind, outcome.w), expected, rtol=0, atol=EXACT)


def test_adam_decays_weights_apart_from_its_moments():
    outcomes = []
    for keep in (1.0, 0.99):
        rule = UpdateRule(ADAM, 1, 1e-4, tiny=1e-6, keep=keep)
        state = allocate.accumulated(KINDS["LIF"].params(), INPUTS, 5, rule, staggered=False)
        outcomes.append(run(KINDS["LIF"], state, factor=1.0, steps=5))
    free, decayed = outcomes
    expected = free.w - (1 - 0.99) * free.w_before
    np.testing.assert_allclose(decayed.w, expected, rtol=0, atol=EXACT)
    assert abs(decayed.w - free.w).max() > 1e-3


@pytest.mark.parametrize("name", [name for name in SOME if "direct" in name])
def test_a_rule_of_rank_one_needs_no_eligibility_trace(name):
    kind = KINDS[name]
    params = kind.params()
    state = allocate.outer(params, INPUTS, kind.connected())
    outcome = run(kind, state, between=lambda t, w: forget(w, state, params))
    assert_alive(outcome, moved=1e-3)
    only = outcome._replace(signal=0 * outcome.signal)
    moved = as_matrix(kind, outcome.w - outcome.w_before)
    np.testing.assert_allclose(moved, -gradients(kind, only).sum(axis=0), rtol=0, atol=EXACT)
    assert not np.diag(moved[INPUTS : INPUTS + NEURONS]).any()
    memory = {path for path, array in arrays(state).items() if array.dtype.kind == "f"}
    assert not memory


def test_a_rule_of_rank_one_learns_nothing_from_columns():
    kind = KINDS["LIF"]
    outcome = run(kind, allocate.outer(kind.params(), INPUTS))
    assert outcome.signal.any()
    np.testing.assert_array_equal(outcome.w, outcome.w_before)
