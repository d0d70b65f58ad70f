"""E-prop's gradient beside BPTT's, along a session."""

import numpy as np
import pytest

from eprop_rt.comparison import LAYERS, compared
from eprop_rt.config import EpropSettings
from eprop_rt.engine import Engine
from eprop_rt.structs import Weights

BIN_S, K, M, N = 0.05, 4, 2, 8


def engine(**changes):
    raw = {
        "dtype": "float64",
        "network": {"neurons": N, "tau_groups": 2, "input_gain": 2.0, "recurrent_gain": 1.5},
        "rehearsal": {"segment_s": 20 * BIN_S, "warm_up_s": 5 * BIN_S, "steps_per_bin": 10},
        **changes,
    }
    return Engine(EpropSettings.model_validate(raw), K, M, BIN_S)


def live(one, bins, seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(bins):
        one.predict_one(rng.poisson(1.0, K).astype(np.float32))
        one.learn_one(rng.normal(size=M).astype(np.float32))
        one.rehearse()


def test_layers_are_compared_one_by_one():
    rng = np.random.default_rng(0)
    one, other = (
        Weights(rng.normal(size=(K + N + 1, N)), rng.normal(size=(N + 1, M))) for _ in range(2)
    )
    other.w[-1] = 0
    came = compared(one, other, K)
    slices = (np.s_[:K], np.s_[K : K + N])
    for layer, rows in enumerate(slices):
        a, b = one.w[rows].ravel(), other.w[rows].ravel()
        assert came.cosine[layer] == pytest.approx(np.corrcoef(a, b)[0, 1], abs=0.3)
        assert came.cosine[layer] == pytest.approx(a @ b / np.sqrt(a @ a * (b @ b)))
        assert came.eprop_norm[layer] == pytest.approx(np.sqrt(a @ a))
        assert came.bptt_norm[layer] == pytest.approx(np.sqrt(b @ b))
    assert np.isnan(came.cosine[LAYERS.index("bias")])
    a, b = one.w_out.ravel(), other.w_out.ravel()
    assert came.cosine[LAYERS.index("readout")] == pytest.approx(a @ b / np.sqrt(a @ a * (b @ b)))


def test_the_readout_agrees_and_what_lies_behind_the_recurrence_does_not():
    one = engine()
    live(one, 150)
    came = one.compare_gradients()
    by_layer = dict(zip(LAYERS, came.cosine, strict=True))
    assert by_layer["readout"] == pytest.approx(1.0, abs=1e-12)
    for layer in ("input", "recurrent", "bias"):
        assert 0.05 < by_layer[layer] < 1 - 1e-6
    assert (came.eprop_norm > 0).all()
    assert (came.bptt_norm > 0).all()


def test_comparing_leaves_no_trace():
    one, other = engine(), engine()
    live(one, 60)
    live(other, 60)
    one.compare_gradients()
    live(one, 30, seed=1)
    live(other, 30, seed=1)
    mine, its = one.snapshot(), other.snapshot()
    assert {k: a.tobytes() for k, a in mine.items()} == {k: a.tobytes() for k, a in its.items()}


def test_without_a_past_or_without_feedback_there_is_nothing_to_compare():
    assert engine().compare_gradients() is None
    external = engine(online={"feedback": "external"}, rehearsal={"steps_per_bin": 0})
    live(external, 150)
    assert external.compare_gradients() is None


SCHEDULES = {
    "dense": {"optimiser": "sgd", "schedule": "dense"},
    "deferred": {"optimiser": "sgd", "schedule": "deferred", "deferral_bins": 8},
    "event": {"optimiser": "sgd", "schedule": "event"},
    "accumulated": {"optimiser": "adam", "update_every": 4},
    "shrinking": {"optimiser": "sgd", "schedule": "deferred"},
}


@pytest.mark.parametrize("connectivity", [1.0, 0.6])
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_look_sees_every_weight_and_no_look_or_comparison_changes_a_bit(name, connectivity):
    network = {"neurons": N, "tau_groups": 2, "input_gain": 2.0, "connectivity": connectivity}
    if name == "event":
        network["adaptive_fraction"] = 0
    changes = {"online": SCHEDULES[name], "network": network}
    if name == "shrinking":
        changes["penalties"] = {"weight_decay": 0.1}
    one, other = engine(**changes), engine(**changes)
    for seed in range(3):
        live(one, 33, seed)
        live(other, 33, seed)
        came = one.look()
        one.compare_gradients()
        one.eligibility_cosine()
    live(one, 7, seed=9)
    live(other, 7, seed=9)
    mine, its = one.snapshot(), other.snapshot()
    assert {k: a.tobytes() for k, a in mine.items()} == {k: a.tobytes() for k, a in its.items()}
    came = one.look()
    written = one.weights()
    seen = np.concatenate([part**2 for part in came.weights]).sum()
    assert seen == pytest.approx((written.w**2).sum() + (written.w_out**2).sum(), rel=1e-12)
    np.testing.assert_allclose(came.norm[3], np.linalg.norm(written.w_out), rtol=1e-12)
    assert (came.gradient_norm > 0).all()


def test_a_looks_gradient_is_the_one_that_is_compared():
    one = engine()
    live(one, 150)
    came = one.compare_gradients(4)
    np.testing.assert_allclose(one.look(4).gradient_norm, came.eprop_norm, rtol=1e-12)


def test_a_look_at_a_network_without_a_past_has_weights_and_no_gradient():
    came = engine().look()
    assert np.isnan(came.gradient_norm).all()
    assert came.norm[0] > 0


def test_spikes_are_those_of_the_newest_step():
    one = engine()
    fired = []
    for seed in range(20):
        live(one, 1, seed)
        fired.append(one.spikes())
        np.testing.assert_array_equal(fired[-1], one.snapshot()["state.z"] > 0)
    one.reset()
    assert 0 < np.mean(fired) < 1
