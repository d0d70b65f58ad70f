"""Linear discriminants: the closed form, and what they do with what is odd."""

import numpy as np
import pytest

from eprop_rt.baselines.lda import LdaDecoder, discriminant
from eprop_rt.config import LdaSettings


def gaussians(n, seed=0):
    """Three classes of one covariance: the best decision is linear, and known."""
    rng = np.random.default_rng(seed)
    mix = np.array([[1.0, 0.6], [0.0, 0.8]])
    means = np.array([[0.0, 0.0], [2.0, 0.5], [-1.0, 2.0]])
    classes = rng.integers(0, 3, n)
    return means[classes] + rng.normal(size=(n, 2)) @ mix, classes, means, mix.T @ mix


def test_with_enough_samples_it_is_the_rule_of_bayes():
    x, classes, means, covariance = gaussians(200_000)
    w = discriminant(x, classes, 3, 1e-9)
    best = np.linalg.solve(covariance, means.T)
    np.testing.assert_allclose(w[:-1], best, atol=0.03)
    constant = np.log(1 / 3) - 0.5 * (means * best.T).sum(axis=1)
    np.testing.assert_allclose(w[-1], constant, atol=0.05)


def test_it_says_probabilities_that_hold():
    x, classes, *_ = gaussians(6000)
    decoder = LdaDecoder(LdaSettings(lags=1, log=False, shrinkage=(1e-6,)), 2, 3)
    decoder.fit(x[:5000].astype(np.float32), np.eye(3, dtype=np.float32)[classes[:5000]])
    said = np.array([decoder.predict_one(row) for row in x[5000:].astype(np.float32)])
    np.testing.assert_allclose(said.sum(axis=1), 1.0)
    right = said.argmax(axis=1) == classes[5000:]
    assert right.mean() > 0.75
    assert said.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.03)


def test_a_logarithm_makes_a_scale_of_loudness_a_shift():
    rng = np.random.default_rng(1)
    classes = np.repeat([0, 1], 500)
    loud = np.exp(rng.normal(size=(1000, 1)) + 3.0 * classes[:, None]).astype(np.float32)
    labels = np.eye(2, dtype=np.float32)[classes]
    order = rng.permutation(1000)
    right = []
    for log in (False, True):
        decoder = LdaDecoder(LdaSettings(lags=1, log=log), 1, 2)
        decoder.fit(loud[order], labels[order])
        said = np.array([decoder.predict_one(row) for row in loud]).argmax(axis=1)
        right.append((said == classes).mean())
    assert right[1] > 0.92 > right[0]


def test_a_class_that_never_came_is_never_said_and_a_dead_channel_does_no_harm():
    x, classes, *_ = gaussians(900)
    x[:, 1] = 7.0
    labels = np.eye(4, dtype=np.float32)[classes]
    labels[::5] = np.nan
    decoder = LdaDecoder(LdaSettings(lags=2, log=False), 2, 4)
    decoder.fit(x.astype(np.float32), labels)
    said = np.array([decoder.predict_one(row) for row in x.astype(np.float32)])
    assert np.isfinite(said).all()
    assert said[:, 3].max() < 1e-12
    assert (said.argmax(axis=1) == classes).mean() > 0.5
