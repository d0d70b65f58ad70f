"""Learning from labels that are late by D bins is learning from them on time, D bins later."""

import numpy as np
import pytest

from eprop_rt.baselines.rls import RlsDecoder
from eprop_rt.closed_loop.labels import LabelSettings, build_label_source, waits_s
from eprop_rt.config import (
    EpropSettings,
    NetworkSettings,
    OnlineSettings,
    ReadoutSettings,
    RehearsalSettings,
    RlsSettings,
)
from eprop_rt.decoder import Decoder
from eprop_rt.engine import Engine
from label_scenes import walk

BIN_S = 0.02
UNITS = 8
LATE = {"kind": "direct", "after_s": 0.1}


def signal(bins: int) -> np.ndarray:
    return np.random.default_rng(7).poisson(1.0, (bins, UNITS)).astype(np.float32)


def teach(decoder: Decoder, labels: LabelSettings, after_each_bin) -> list[bool]:
    """Run a walk through a decoder as a closed loop does; returns what became of late labels."""
    scenes, taken = walk(11), []
    source = build_label_source(labels, BIN_S, 0)
    for x, scene in zip(signal(len(scenes)), scenes, strict=True):
        decoder.predict_one(x)
        known = source.label(scene)
        decoder.learn_one(known.now.astype(np.float32))
        taken += [decoder.relabel(age, one.astype(np.float32)) for age, one in known.earlier]
        decoder.rehearse()
        after_each_bin()
    return taken


def rls_weights(delay_s: float, waits: float) -> tuple[list[np.ndarray], list[bool]]:
    decoder = RlsDecoder(RlsSettings(lags=3, label_delay_s=waits), UNITS, 2, BIN_S)
    weights: list[np.ndarray] = []
    taken = teach(
        decoder,
        LabelSettings(**LATE, delay_s=delay_s),
        lambda: weights.append(decoder.learned()["w"].copy()),
    )
    return weights, taken


@pytest.mark.parametrize("bins", [1, 10, 50])
def test_least_squares_learn_from_late_labels_what_they_learn_on_time_that_many_bins_before(bins):
    on_time, _ = rls_weights(0.0, 0.0)
    late, taken = rls_weights(bins * BIN_S, (bins + 1) * BIN_S)
    assert all(taken)
    assert len(taken) > 100
    assert np.any(late[-1])
    assert all(np.array_equal(a, b) for a, b in zip(late[bins:], on_time[:-bins], strict=True))


def as_class(label: np.ndarray) -> np.ndarray:
    """One-hot: to the left, or to the right."""
    if np.isnan(label).any():
        return label.astype(np.float32)
    return np.array([1.0, 0.0] if label[0] < 0 else [0.0, 1.0], np.float32)


def engine_weights(
    delay_s: float, waits: float, readout: str, loss: str = "softmax"
) -> tuple[list[np.ndarray], list[bool]]:
    """Weights (bins, all); with softmax, as labels of classes are not scaled by their own past."""
    settings = EpropSettings(
        dtype="float64",
        loss=loss,
        network=NetworkSettings(neurons=12, tau_groups=3, input_gain=2.0),
        online=OnlineSettings(learning_rate=0.05, label_delay_s=waits),
        readout=ReadoutSettings(rule=readout, learning_rate=0.01),
        rehearsal=RehearsalSettings(steps_per_bin=0, memory_s=6.0),
    )
    engine = Engine(settings, UNITS, 2, BIN_S)
    source = build_label_source(LabelSettings(**LATE, delay_s=delay_s), BIN_S, 0)
    weights, taken, scenes = [], [], walk(11)
    for x, scene in zip(signal(len(scenes)), scenes, strict=True):
        engine.predict_one(x)
        known = source.label(scene)
        engine.learn_one(as_class(known.now))
        taken += [engine.relabel(age, as_class(one)) for age, one in known.earlier]
        weights.append(np.concatenate([one.ravel() for one in engine.weights()]))
    return weights, taken


@pytest.mark.parametrize("readout", ["delta", "adam"])
@pytest.mark.parametrize("bins", [1, 10, 50])
def test_the_engine_learns_from_late_labels_what_it_learns_from_labels_that_came_in_time(
    bins, readout
):
    waits = (bins + 1) * BIN_S
    in_time, _ = engine_weights(0.0, waits, readout)
    late, taken = engine_weights(bins * BIN_S, waits, readout)
    assert all(taken)
    assert len(taken) > 100
    assert not np.array_equal(late[0], late[-1])
    assert all(np.array_equal(a, b) for a, b in zip(late, in_time, strict=True))


def test_the_engine_that_waits_learns_late_what_it_would_learn_at_once():
    # The network moves on with weights of its own, so weights agree as long as they hardly change.
    at_once, _ = engine_weights(0.0, 0.0, "none", "squared")
    late, _ = engine_weights(10 * BIN_S, 11 * BIN_S, "none", "squared")
    moved = at_once[149] - at_once[0]
    moved_late = late[160] - late[0]
    cosine = moved @ moved_late / np.linalg.norm(moved) / np.linalg.norm(moved_late)
    assert cosine > 0.9


@pytest.mark.parametrize("kind", ["direct", "retrospective"])
def test_a_decoder_that_waits_as_told_takes_every_label(kind):
    labels = LabelSettings(kind=kind, delay_s=0.2, lookback_s=1.0)
    settings = RlsSettings(lags=3, label_delay_s=waits_s(labels, BIN_S))
    taken = teach(RlsDecoder(settings, UNITS, 2, BIN_S), labels, lambda: None)
    assert len(taken) > 100
    assert all(taken)


def test_a_decoder_that_does_not_wait_has_no_use_for_late_labels():
    decoder = RlsDecoder(RlsSettings(lags=3, label_delay_s=0.0), UNITS, 2, BIN_S)
    taken = teach(decoder, LabelSettings(delay_s=0.2), lambda: None)
    assert len(taken) > 100
    assert not any(taken)


def test_retrospective_learning_is_direct_learning_of_the_approaches_that_were_won():
    labels = LabelSettings(kind="retrospective", after_s=0.1, lookback_s=1.0)
    settings = RlsSettings(lags=3, forgetting=1.0, label_delay_s=waits_s(labels, BIN_S))
    weights = []
    for one in (labels, LabelSettings(**LATE)):
        decoder = RlsDecoder(settings, UNITS, 2, BIN_S)
        teach(decoder, one, lambda: None)
        weights.append(decoder.learned()["w"])
    # Without forgetting the order does not matter: every walk of 40 bins is won.
    assert np.allclose(weights[0], weights[1], rtol=1e-6, atol=1e-8)
