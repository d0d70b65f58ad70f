"""Offline training: what it learns, when it stops, what it leaves behind."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from eprop_rt.bptt import Stretch, Trainer, cut, split
from eprop_rt.config import EpropSettings, NetworkSettings, TrainingSettings
from eprop_rt.engine import Engine
from eprop_rt.errors import EpropError

BIN_S, K, M = 0.05, 4, 2
NETWORK = {"neurons": 8, "tau_groups": 2, "input_gain": 2.0, "recurrent_gain": 1.0}
REHEARSAL = {"segment_s": 20 * BIN_S, "warm_up_s": 5 * BIN_S, "memory_s": 400 * BIN_S}
TRAINING = {"batch": 2, "epochs": 10, "learning_rate": 0.03, "final_rate": 0.1}
SOFTMAX = {"loss": "softmax"}
VARIANTS = {
    "lif and alif": {},
    "softmax": SOFTMAX,
    "sparse, current-based, lagged inputs": {
        "network": {"connectivity": 0.5, "synapse_tau_s": 0.1},
        "readout": {"lags": 2},
    },
    "escape noise": {
        "network": {"spikes": "escape", "surrogate": {"kind": "logistic", "height": None}}
    },
    "eprop_plus, penalties": {
        "network": {"convention": "eprop_plus"},
        "penalties": {"rate_strength": 0.1, "weight_decay": 0.01, "weight_clamp": 2.0},
    },
    "deferred": {"online": {"schedule": "deferred"}},
    "random feedback": {"online": {"feedback": "random"}},
    "adaptive feedback": {"online": {"feedback": "adaptive"}},
}


def settings(variant="lif and alif", **changes):
    raw = {"network": NETWORK, "rehearsal": REHEARSAL, "dtype": "float64", "seed": 3}
    for key, value in {**VARIANTS[variant], **changes}.items():
        raw[key] = {**raw.get(key, {}), **value} if isinstance(value, dict) else value
    return EpropSettings.model_validate(raw)


def sessions(bins=160, seed=0, softmax=False, count=1):
    """Inputs that follow two slow waves, and the waves (or which is larger) as labels."""
    rng, made = np.random.default_rng(seed), []
    for _ in range(count):
        wave = np.sin(np.arange(bins)[:, None] * (0.11, 0.17) + rng.uniform(0, 6, 2))
        rates = 1.5 + wave @ np.array([[1.0, -1.0, 0.5, 0.0], [0.0, 0.5, -1.0, 1.0]])
        labels = np.eye(2)[wave.argmax(axis=1)] if softmax else wave
        inputs = rng.poisson(np.maximum(rates, 0.1))
        made.append(Stretch(inputs.astype(np.float32), labels.astype(np.float32)))
    return made


def trainer(engine_settings, fit, validation=(), **changes):
    engine = Engine(engine_settings, K, M, BIN_S)
    for one in [*fit, *validation]:
        for x, label in zip(one.inputs, one.labels, strict=True):
            engine.study(x, label)
    each = changes.pop("each", None)
    training = TrainingSettings(**(TRAINING | changes))
    arguments = (engine, training, fit, validation)
    return engine, Trainer(*arguments, each) if each else Trainer(*arguments)


def run(one):
    epochs = []
    while not one.exhausted:
        for _ in one.batches():
            pass
        epochs.append(one.close_epoch())
    one.finish()
    return epochs


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("method", ["bptt", "eprop"])
def test_the_loss_falls_whatever_the_network(variant, method):
    softmax = variant == "softmax"
    engine, one = trainer(
        settings(variant), sessions(softmax=softmax), sessions(seed=1, softmax=softmax),
        method=method,
    )  # fmt: skip
    before = engine.weights()
    epochs = run(one)
    assert epochs[-1].loss < 0.8 * epochs[0].loss
    assert min(epoch.validation for epoch in epochs) < epochs[0].validation
    assert sum(epoch.updates_refused for epoch in epochs) == 0
    assert np.abs(engine.weights().w - before.w).max() > 0.01


def test_what_is_not_connected_stays_so():
    engine, one = trainer(settings(), sessions())
    run(one)
    assert (np.diag(engine.weights().w[K : K + 8]) == 0).all()


def test_with_recurrence_and_reset_closed_bptt_is_eprop():
    ends = []
    for changes in (
        {"method": "eprop"},
        {"through_recurrence": False, "through_reset": False},
        {},
        {"through_recurrence": False},
        {"through_reset": False},
    ):
        engine, one = trainer(settings(), sessions(), epochs=2, **changes)
        run(one)
        ends.append(engine.weights().w)
    np.testing.assert_array_equal(ends[0], ends[1])
    for one, other in [(0, 2), (2, 3), (2, 4), (3, 4)]:
        assert np.abs(ends[one] - ends[other]).max() > 1e-6


def test_the_outcome_is_a_function_of_the_seed_and_of_nothing_else():
    with ThreadPoolExecutor(3) as pool:

        def threads(part, count):
            list(pool.map(part, range(count)))

        outcomes = []
        for seed, each in ((3, None), (3, threads), (4, None)):
            engine, one = trainer(settings(seed=seed), sessions(), sessions(seed=1), each=each)
            run(one)
            outcomes.append({k: a.tobytes() for k, a in engine.snapshot().items()})
    assert outcomes[0] == outcomes[1]
    assert outcomes[0]["weights.w"] != outcomes[2]["weights.w"]


def test_the_best_is_kept_and_patience_ends_the_training():
    """Labels of noise: from the first epochs on, what is learned is by heart."""
    rng = np.random.default_rng(5)
    noise = [
        Stretch(one.inputs, rng.normal(size=one.labels.shape).astype(np.float32))
        for one in sessions(bins=60, count=2)
    ]
    engine, one = trainer(
        settings(), noise[:1], noise[1:], epochs=200, patience=5, learning_rate=0.05
    )
    before = engine.weights()
    epochs = run(one)
    validation = [epoch.validation for epoch in epochs]
    best = max((at for at, epoch in enumerate(epochs) if epoch.best), default=-1)
    assert len(epochs) == best + 1 + 5 < 200
    if best >= 0:
        assert validation[best] == min(validation)
    again = Trainer(engine, TrainingSettings(**TRAINING), noise[:1], noise[1:])
    least = again.least
    assert least <= min(validation)
    if best < 0:
        np.testing.assert_array_equal(engine.weights().w, before.w)
    else:
        assert least == validation[best]


def test_without_validation_all_epochs_are_run_and_the_last_is_kept():
    _, one = trainer(settings(), sessions(), epochs=3, patience=1)
    epochs = run(one)
    assert [epoch.best for epoch in epochs] == [True] * 3
    assert np.isnan([epoch.validation for epoch in epochs]).all()


def test_an_epoch_may_be_closed_before_its_end():
    _, one = trainer(settings(), sessions(bins=400), sessions(seed=1), batch=1)
    shares = [share for share, _ in zip(one.batches(), range(3), strict=False)]
    assert 0 < shares[0] < shares[1] < shares[2] < 0.2
    assert np.isfinite(one.close_epoch().loss)
    one.finish()


def test_the_curriculum_lengthens_segments_epoch_by_epoch():
    _, one = trainer(
        settings(), sessions(), curriculum_epochs=4, curriculum_from_s=8 * BIN_S, epochs=6
    )
    lengths = []
    while not one.exhausted:
        lengths.append(one.segment_bins)
        for _ in one.batches():
            pass
        one.close_epoch()
    assert lengths == [8, 11, 14, 17, 20, 20]


@pytest.mark.parametrize("offset", [0, 1, 7, 14])
@pytest.mark.parametrize("bins", [6, 20, 33, 100])
def test_segments_carry_an_error_at_every_bin_after_the_first_warm_up_once(offset, bins):
    length, warm_up = 20, 5
    rows = (np.zeros((bins, K)), np.zeros((bins, M)))
    windows = cut([rows, rows], length, warm_up, offset)
    for stretch in (0, 1):
        counted = np.zeros(bins, int)
        for window in windows:
            if window.stretch == stretch:
                assert 0 <= window.start < window.stop <= bins
                assert window.stop - window.start <= length
                counted[window.start + warm_up : window.stop] += 1
        assert (counted[:warm_up] == 0).all()
        assert (counted[warm_up:] == 1).all()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.8, 1.0])
def test_a_split_is_by_time_and_loses_nothing(share):
    whole = [*sessions(bins=30), *sessions(bins=50, seed=1)]
    before, after = split(whole, share)
    assert sum(len(one.inputs) for one in before) == round(80 * share)
    joined = np.concatenate([one.inputs for one in before + after])
    np.testing.assert_array_equal(joined, np.concatenate([one.inputs for one in whole]))


def test_a_trained_engine_decodes_and_goes_on_learning_online():
    engine, one = trainer(settings(), sessions(bins=300), epochs=12)
    run(one)
    fresh = sessions(bins=100, seed=7)[0]
    copy = Engine(settings(), K, M, BIN_S)
    copy.restore(engine.snapshot())
    errors = []
    for decoder in (engine, copy):
        said = []
        for x, label in zip(fresh.inputs, fresh.labels, strict=True):
            said.append(decoder.predict_one(x))
            decoder.learn_one(label)
            decoder.rehearse()
        errors.append(np.mean((np.array(said) - fresh.labels) ** 2))
    assert errors[0] == errors[1] < 0.7 * fresh.labels.var()


def test_training_goes_on_from_where_it_stopped_and_moments_go_with_it():
    engine, one = trainer(settings(), sessions(), epochs=4)
    first = run(one)
    assert engine.snapshot()["rehearsal.adam.step"][0] > 0
    again = Trainer(engine, TrainingSettings(**TRAINING), sessions(), ())
    second = run(again)
    assert second[0].loss < first[0].loss


def unlabelled(one):
    return Stretch(one.inputs, np.full_like(one.labels, np.nan))


MISTAKES = {
    "no labels": lambda: trainer(settings(), [unlabelled(sessions()[0])]),
    "too short": lambda: trainer(settings(), sessions(bins=5)),
    "nothing": lambda: trainer(settings(), []),
    "no signal of its own": lambda: trainer(
        settings(online={"feedback": "external"}, rehearsal={"steps_per_bin": 0}),
        sessions(),
        method="eprop",
    ),
    "a warm-up that is all": lambda: trainer(settings(), sessions(), warm_up_s=1.0, segment_s=1.0),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_cannot_be_trained_is_refused_in_one_line(mistake):
    with pytest.raises(EpropError) as told:
        MISTAKES[mistake]()
    assert "\n" not in str(told.value)


def test_labels_that_are_missing_count_for_nothing():
    """Where half the labels are gone, the loss is that of the others."""
    whole = sessions(bins=200)[0]
    holes = whole.labels.copy()
    holes[50:120] = np.nan
    engine, one = trainer(settings(), [Stretch(whole.inputs, holes)], epochs=3)
    epochs = run(one)
    assert np.isfinite([epoch.loss for epoch in epochs]).all()
    assert np.isfinite(engine.weights().w).all()


def test_neurons_spike_in_these_tests():
    _, one = trainer(settings(), sessions())
    for _ in one.batches():
        pass
    assert NetworkSettings(**NETWORK).neurons == 8
    assert 0.02 < one.spikes_per_step < 0.8
