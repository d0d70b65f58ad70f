"""Rehearsal beside every variant of the online rule, as whole bins of an engine."""

import numpy as np
import pytest

from engine_oracle import BIN_S, INPUTS, NEURONS, OUTPUTS, eprop, network, session
from eprop_rt.config import (
    OnlineSettings,
    PenaltySettings,
    ReadoutSettings,
    RehearsalSettings,
    SurrogateSettings,
)
from eprop_rt.engine import Engine

REHEARSAL = RehearsalSettings(
    steps_per_bin=40,
    segment_s=20 * BIN_S,
    warm_up_s=4 * BIN_S,
    segments_per_update=3,
    memory_s=20.0,
    learning_rate=0.01,
)


def run(bins=160, **changes):
    settings = eprop(**{"rehearsal": REHEARSAL, "readout": ReadoutSettings(rule="none")} | changes)
    engine = Engine(settings, INPUTS, OUTPUTS, BIN_S)
    start, outputs = engine.weights(), []
    all_bins, labels = session(bins)
    for x, label in zip(all_bins, labels, strict=True):
        outputs.append(engine.predict_one(x))
        engine.learn_one(label)
        engine.rehearse()
    assert not +engine.events
    return engine, start, np.array(outputs), labels


@pytest.mark.parametrize("schedule", ["deferred", "event", "accumulated"])
def test_rehearsal_between_bins_agrees_with_every_schedule(schedule):
    """What is pending in the weights is written before they are read, and added to after."""
    net = network(adaptive_fraction=0.0)
    penalties = PenaltySettings(weight_decay=0.1)
    weights = []
    for name in ("dense", schedule):
        online = OnlineSettings(learning_rate=0.02, schedule=name, deferral_bins=7)
        engine, start, _, _ = run(network=net, online=online, penalties=penalties)
        weights.append(engine.weights())
        assert np.abs(weights[-1].w - start.w).max() > 0.1
    np.testing.assert_allclose(weights[0].w, weights[1].w, rtol=0, atol=1e-9)
    np.testing.assert_allclose(weights[0].w_out, weights[1].w_out, rtol=0, atol=1e-9)


def test_synapses_that_do_not_exist_are_not_rehearsed_into_being():
    """Spread out for rehearsal and gathered again: as a full network whose other weights are 0."""
    engine, start, _, _ = run(network=network(connectivity=0.6))
    end = engine.weights()
    assert end.w.ndim == 1
    assert len(end.w) < 0.8 * (INPUTS + NEURONS + 1) * NEURONS
    assert (np.abs(end.w - start.w) > 1e-3).mean() > 0.9


def test_rehearsed_classes_are_told_apart():
    """Two inputs fire more in one class than in the other; a third of the labels is there."""
    rng = np.random.default_rng(2)
    first = np.arange(900) // 12 % 2
    rates = np.where(first[:, None], [3, 1, 1, 1], [1, 3, 1, 1])
    labels = np.column_stack([first, 1 - first]).astype(np.float32)
    labels[rng.random(900) < 0.67] = np.nan
    settings = eprop(loss="softmax", rehearsal=REHEARSAL, readout=ReadoutSettings(rule="none"))
    engine = Engine(settings, INPUTS, OUTPUTS, BIN_S)
    said = []
    for x, label in zip(rng.poisson(rates).astype(np.float32), labels, strict=True):
        said.append(engine.predict_one(x))
        engine.learn_one(label)
        engine.rehearse()
    np.testing.assert_allclose(np.sum(said, axis=1), 1)
    right = np.argmax(said, axis=1) == 1 - first
    assert right[:60].mean() < 0.7
    assert right[-300:].mean() > 0.75


@pytest.mark.parametrize("feedback", ["random", "adaptive"])
def test_rehearsal_carries_errors_back_by_the_same_matrix(feedback):
    """With one that is zero, only the readout and, through it, adaptive feedback learn."""
    settings = OnlineSettings(optimiser="none", feedback=feedback)
    whole = eprop(rehearsal=REHEARSAL, readout=ReadoutSettings(rule="none"), online=settings)
    engine = Engine(whole, INPUTS, OUTPUTS, BIN_S, np.zeros((NEURONS, OUTPUTS)))
    start = engine.weights()
    for x, label in zip(*session(160), strict=True):
        engine.predict_one(x)
        engine.learn_one(label)
        engine.rehearse()
    moved = np.abs(engine.weights().w - start.w).max()
    assert np.abs(engine.weights().w_out - start.w_out).max() > 0.01
    assert (moved == 0) == (feedback == "random")


def test_penalties_hold_in_rehearsal_too():
    spikes = {}
    for name, penalties in {
        "none": PenaltySettings(),
        "rate": PenaltySettings(rate_strength=50.0, rate_target_hz=0.5),
        "l1": PenaltySettings(spike_l1=5.0),
        "clamp": PenaltySettings(weight_clamp=0.2),
    }.items():
        engine, _, _, _ = run(320, penalties=penalties, online=OnlineSettings(optimiser="none"))
        spikes[name] = engine.snapshot()["state.features"][:NEURONS].mean()
        if name == "clamp":
            assert np.abs(engine.weights().w).max() <= 0.2
    assert spikes["rate"] < 0.5 * spikes["none"]
    assert spikes["l1"] < 0.5 * spikes["none"]


def test_escape_noise_is_drawn_anew_in_every_segment_and_the_same_in_every_run():
    surrogate = SurrogateSettings(kind="logistic", height=None, width=0.3)
    runs = [run(network=network(spikes="escape", surrogate=surrogate)) for _ in range(2)]
    np.testing.assert_array_equal(runs[0][2], runs[1][2])
    np.testing.assert_array_equal(runs[0][0].weights().w, runs[1][0].weights().w)
