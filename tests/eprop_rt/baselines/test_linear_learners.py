"""Normalised LMS by its formula; late labels of the linear decoders that learn at every bin."""

import numpy as np

from eprop_rt.baselines.lags import FeatureRing
from eprop_rt.baselines.nlms import NlmsDecoder
from eprop_rt.baselines.rls import RlsDecoder
from eprop_rt.checks import session
from eprop_rt.config import NlmsSettings, RlsSettings, ScaleSettings
from eprop_rt.scale import RunningScale

BIN_S, INPUTS, LAGS = 0.05, 4, 3
ABSENT = np.full(2, np.nan, np.float32)


def late_and_in_time(build, age, bins=120):
    """Weights of a decoder that has every label at once, and of one that has it `age` bins late."""
    x, labels = session(bins)
    labels = np.nan_to_num(labels)
    in_time, late = build(), build()
    for t in range(bins):
        for decoder in (in_time, late):
            decoder.predict_one(x[t])
        in_time.learn_one(labels[t])
        late.learn_one(ABSENT)
        if t >= age:
            assert late.relabel(age, labels[t - age])
    for missing in range(age):
        assert late.relabel(missing, labels[bins - 1 - missing])
    return in_time.snapshot()["w"], late.snapshot()["w"]


def test_nlms_follows_its_formula_bin_by_bin():
    settings = NlmsSettings(lags=LAGS, step=0.3)
    decoder = NlmsDecoder(settings, INPUTS, 2, BIN_S)
    scale = RunningScale(ScaleSettings(clip=10.0), INPUTS, BIN_S)
    x, labels = session(80)
    w, past = np.zeros((LAGS * INPUTS + 1, 2)), [np.zeros(INPUTS)] * LAGS
    for one, label in zip(x, labels, strict=True):
        scaled = np.zeros(INPUTS)
        scale.apply(one, scaled)
        past = [scaled, *past[:-1]]
        features = np.concatenate([*past, [1.0]])
        np.testing.assert_allclose(decoder.predict_one(one), features @ w, rtol=1e-9, atol=1e-12)
        decoder.learn_one(label)
        scale.learn_one(one)
        for axis in range(2):
            if np.isfinite(label[axis]):
                error = label[axis] - features @ w[:, axis]
                w[:, axis] += 0.3 * error * features / (features @ features)
    assert np.abs(w).max() > 0.1
    np.testing.assert_allclose(decoder.snapshot()["w"], w, rtol=1e-9, atol=1e-12)


def test_a_step_of_one_takes_the_whole_error_of_its_bin():
    decoder = NlmsDecoder(NlmsSettings(lags=1, step=1.0), 1, 1, BIN_S)
    for value in (1.0, 3.0, 2.0):
        x, label = np.array([value], np.float32), np.array([5.0 * value], np.float32)
        decoder.predict_one(x)
        decoder.learn_one(label)
    kept = decoder.snapshot()
    np.testing.assert_allclose(kept["features"] @ kept["w"], 10.0)


def test_without_forgetting_late_labels_make_the_same_least_squares():
    settings = RlsSettings(lags=LAGS, forgetting=1.0, label_delay_s=0.4)
    in_time, late = late_and_in_time(lambda: RlsDecoder(settings, INPUTS, 2, BIN_S), 8)
    assert np.abs(in_time).max() > 0.1
    np.testing.assert_allclose(late, in_time, rtol=0, atol=1e-8)


def test_late_labels_teach_nlms_as_much():
    settings = NlmsSettings(lags=LAGS, step=0.2, label_delay_s=0.4)
    in_time, late = late_and_in_time(lambda: NlmsDecoder(settings, INPUTS, 2, BIN_S), 8, bins=400)
    assert np.corrcoef(in_time.ravel(), late.ravel())[0, 1] > 0.9


def test_a_label_later_than_the_delay_is_refused_and_changes_nothing():
    for decoder in (
        RlsDecoder(RlsSettings(lags=LAGS, label_delay_s=0.1), INPUTS, 2, BIN_S),
        NlmsDecoder(NlmsSettings(lags=LAGS, label_delay_s=0.1), INPUTS, 2, BIN_S),
    ):
        x, labels = session(10)
        for one in x:
            decoder.predict_one(one)
            decoder.learn_one(ABSENT)
        before = decoder.snapshot()
        assert not decoder.relabel(3, labels[1])
        assert not decoder.relabel(1, ABSENT)
        assert all((before[key] == array).all() for key, array in decoder.snapshot().items())
        assert decoder.relabel(2, np.ones(2, np.float32))


def test_a_bin_teaches_once():
    ring = FeatureRing(2, 0.1, 0.05)
    label = np.ones(2, np.float32)
    assert ring.append(np.array([1.0, 2.0]), label)
    assert not ring.append(np.array([3.0, 4.0]), ABSENT)
    assert ring.take(1, label) is None
    assert ring.take(0, ABSENT) is None
    np.testing.assert_array_equal(ring.take(0, label), [3.0, 4.0])
    assert ring.take(0, label) is None
    assert ring.take(2, label) is None
