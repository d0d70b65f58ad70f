"""Every schedule has the weights, traces and voltages of the dense one while weights change."""

from functools import cache

import numpy as np
import pytest

from eprop_rt.kernels import compiled
from eprop_rt.kernels.schedules import allocate
from eprop_rt.kernels.schedules.dispatch import add_drive, arrays, forget, learn, sync
from eprop_rt.kernels.schedules.structs import ADAM, UpdateRule
from eprop_rt.structs import Term
from schedule_network import (
    INPUTS,
    KINDS,
    NEURONS,
    STEPS,
    Kind,
    as_matrix,
    assert_alive,
    drawn_weights,
    gradients,
    run,
    traces_of,
)

EXACT = 1e-12
SUMMABLE = [name for name, kind in KINDS.items() if not kind.adaptive and kind.filter[0] > 0]


@cache
def dense_run(name):
    kind = KINDS[name]
    state = allocate.dense(kind.params(), INPUTS, kind.connected())
    return run(kind, state), traces_of(state)


def assert_like_dense(name, state, *, between=None):
    outcome = run(KINDS[name], state, between=between)
    expected, traces = dense_run(name)
    assert_alive(outcome)
    np.testing.assert_allclose(outcome.v, expected.v, rtol=0, atol=EXACT)
    np.testing.assert_allclose(outcome.w, expected.w, rtol=0, atol=EXACT)
    np.testing.assert_array_equal(outcome.spikes, expected.spikes)
    np.testing.assert_allclose(traces_of(state).ebar, traces.ebar, rtol=0, atol=EXACT)
    np.testing.assert_allclose(traces_of(state).eps_a, traces.eps_a, rtol=0, atol=EXACT)


@pytest.mark.parametrize("name", KINDS)
def test_the_dense_schedule_is_the_rule_as_the_paper_has_it(name):
    kind = KINDS[name]
    outcome, _ = dense_run(name)
    moved = as_matrix(kind, outcome.w - outcome.w_before)
    np.testing.assert_allclose(moved, -gradients(kind, outcome).sum(axis=0), rtol=0, atol=EXACT)
    assert_alive(outcome)


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 16])
@pytest.mark.parametrize("name", KINDS)
def test_the_deferred_schedule_equals_the_dense_one(name, steps):
    kind = KINDS[name]
    state = allocate.deferred(kind.params(), INPUTS, steps, kind.connected())
    assert_like_dense(name, state)


@pytest.mark.parametrize("name", KINDS)
def test_a_sync_in_the_middle_leaves_dense_weights_and_no_trace_in_what_follows(name):
    kind = KINDS[name]
    params, middle = kind.params(), STEPS // 3
    dense_middle = []
    run(
        kind,
        allocate.dense(params, INPUTS, kind.connected()),
        between=lambda t, w: dense_middle.append(w.copy()) if t == middle else None,
    )
    state = allocate.deferred(params, INPUTS, 8, kind.connected())

    def read(t, w):
        if t == middle:
            assert abs(w - dense_middle[0]).max() > 1e-6  # something was pending
            sync(w, state, params)
            np.testing.assert_allclose(w, dense_middle[0], rtol=0, atol=EXACT)

    assert_like_dense(name, state, between=read)


@pytest.mark.parametrize("steps", [1, 2, 5, 16, None])
@pytest.mark.parametrize("name", SUMMABLE)
def test_the_event_driven_schedule_equals_the_dense_one(name, steps):
    kind = KINDS[name]
    params = kind.params()
    state = allocate.event(params, INPUTS, steps, kind.connected())
    assert_like_dense(
        name, state, between=lambda t, w: sync(w, state, params) if t in (50, 77) else None
    )


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (KINDS["ALIF"], "adaptive neurons"),
        (KINDS["no filter"], "without a filter"),
        (Kind(groups=2, synaptic_decay=0.89), "too close to a membrane's"),
        (Kind(synaptic_decay=0.8), "too close to a membrane's"),
    ],
)
def test_the_event_driven_schedule_refuses_what_has_no_prefix_sums(kind, reason):
    with pytest.raises(ValueError, match=f"(?si){reason}.*use the deferred schedule"):
        allocate.event(kind.params(), INPUTS)


@pytest.mark.parametrize("make", ["deferred", "event"])
def test_weights_that_are_added_between_two_steps_commute_with_what_is_pending(make):
    kind, outcomes = KINDS["LIF"], []
    params = kind.params()
    extra = np.random.default_rng(9).normal(0, 1e-3, drawn_weights(kind).shape)
    np.fill_diagonal(extra[INPUTS : INPUTS + NEURONS], 0)

    def rehearse(t, w):
        if t % 5 == 3:
            w += extra * np.sin(t)

    for state in (allocate.dense(params, INPUTS), getattr(allocate, make)(params, INPUTS, 7)):
        outcomes.append(run(kind, state, between=rehearse))
    assert_alive(outcomes[1])
    np.testing.assert_allclose(outcomes[1].v, outcomes[0].v, rtol=0, atol=EXACT)
    np.testing.assert_allclose(outcomes[1].w, outcomes[0].w, rtol=0, atol=EXACT)


@pytest.mark.parametrize(
    ("make", "name"),
    [(make, name) for make in ("dense", "deferred") for name in ("LIF", "ALIF", "sparse LIF")]
    + [("event", "LIF"), ("event", "sparse LIF")],
)
def test_eligibility_that_is_forgotten_teaches_nothing_later(name, make):
    kind = KINDS[name]
    params, more = kind.params(), () if make == "dense" else (6,)
    state = getattr(allocate, make)(params, INPUTS, *more, connected=kind.connected())
    weights = []

    def forget_at(t, w):
        if t == 60:
            forget(w, state, params)
            weights.append(w.copy())
            assert not traces_of(state).ebar.any()
            assert not traces_of(state).eps_a.any()

    outcome = run(kind, state, between=forget_at)
    seen = ("psi", "zb", "signal", "pull")
    late = outcome._replace(**{key: getattr(outcome, key)[61:] for key in seen})
    moved = as_matrix(kind, outcome.w - weights[0])
    np.testing.assert_allclose(moved, -gradients(kind, late).sum(axis=0), rtol=0, atol=EXACT)
    assert abs(moved).max() > 1e-3


@pytest.mark.parametrize(
    ("make", "name"),
    [("deferred", "ALIF"), ("deferred", "sparse LIF"), ("event", "LIF"), ("accumulated", "ALIF")],
)
def test_a_state_copied_in_the_middle_goes_on_to_the_bit(make, name):
    kind = KINDS[name]

    def fresh():
        more = (UpdateRule(ADAM, 2, 1e-3),) if make == "accumulated" else ()
        return getattr(allocate, make)(kind.params(), INPUTS, 6, *more, connected=kind.connected())

    def carry_on(t, w):
        if t != 40:
            return None
        restored = fresh()
        kept = arrays(state)
        for path, array in arrays(restored).items():
            np.copyto(array, kept.pop(path))
        assert not kept
        return restored

    state = fresh()
    interrupted = run(kind, state, between=carry_on)
    for one, other in zip(interrupted, run(kind, fresh()), strict=True):
        np.testing.assert_array_equal(one, other)
    assert_alive(interrupted, moved=1e-4)


@pytest.mark.parametrize("name", ["LIF", "ALIF", "sparse LIF"])
def test_no_neuron_ever_connects_to_itself(name):
    kind = KINDS[name]
    outcome = run(kind, allocate.deferred(kind.params(), INPUTS, 5, kind.connected()))
    own = np.diag(as_matrix(kind, outcome.w)[INPUTS : INPUTS + NEURONS])
    assert not own.any()


@pytest.mark.parametrize("make", ["dense", "deferred", "event"])
def test_single_precision_stays_single_and_close(make):
    kind = Kind(groups=2, dtype=np.float32)
    more = () if make == "dense" else (8,)
    state = getattr(allocate, make)(kind.params(), INPUTS, *more)
    outcome = run(kind, state, steps=100)
    exact = run(Kind(groups=2), allocate.dense(Kind(groups=2).params(), INPUTS), steps=100)
    assert outcome.w.dtype == traces_of(state).ebar.dtype == np.float32
    assert_alive(outcome, moved=1e-3)
    np.testing.assert_allclose(outcome.w, exact.w, rtol=0, atol=1e-5)


@compiled
def _learn_twice(w, state, params, term, drive):
    for _ in range(2):
        add_drive(w, state, term.s, drive)
        learn(w, state, params, term)
    sync(w, state, params)


@pytest.mark.parametrize("make", ["dense", "deferred", "event"])
def test_compiled_code_calls_a_schedule_by_the_type_of_its_state(make):
    params = Kind().params()
    more = () if make == "dense" else (4,)
    results = []
    for call in (_learn_twice, getattr(_learn_twice, "py_func", _learn_twice)):
        state, w = getattr(allocate, make)(params, INPUTS, *more), drawn_weights(Kind())
        drive, psi = np.zeros(NEURONS), np.full(NEURONS, 0.2)
        pre = np.ones(len(w))
        term = Term(pre, pre, pre[None] * 1.5, psi, psi * 0.01, psi * 1e-3)
        call(w, state, params, term, drive)
        results.append((w, drive))
    assert abs(results[0][0] - drawn_weights(Kind())).max() > 1e-4
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-14)
