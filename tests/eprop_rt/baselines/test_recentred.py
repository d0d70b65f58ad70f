"""Recentring undoes what happens to channels, one by one, and nothing else."""

import numpy as np

from eprop_rt.baselines.recentred import RecentredDecoder
from eprop_rt.baselines.wiener import WienerDecoder
from eprop_rt.checks import all_checks, driven, session
from eprop_rt.config import WienerSettings


def known(inputs=4, outputs=2, settle_bins=5):
    decoder = WienerDecoder(WienerSettings(lags=2), inputs, outputs)
    x, labels = session(400, seed=3, inputs=inputs, outputs=outputs)
    decoder.fit(x, labels)
    return RecentredDecoder(decoder, x, settle_bins)


def test_it_passes_every_check():
    for _, check in all_checks():
        check(known)


def test_gains_and_baselines_of_another_day_are_taken_back():
    x, labels = session(1200, seed=3)
    expected = driven(known(), x, labels)
    today = (3.0 * x + np.array([0, 5, 10, 2])).astype(np.float32)
    came = driven(known(), today, labels)
    static = WienerDecoder(WienerSettings(lags=2), 4, 2)
    static.fit(*session(400, seed=3))
    lost = driven(static, today, labels)
    spread = expected.std()
    assert np.abs(came - expected)[-200:].mean() < 0.1 * spread
    assert np.abs(lost - expected)[-200:].mean() > spread


def test_labels_teach_it_nothing():
    x, labels = session(100)
    one, other = driven(known(), x, labels), driven(known(), x, 3 - labels)
    np.testing.assert_array_equal(one, other)
