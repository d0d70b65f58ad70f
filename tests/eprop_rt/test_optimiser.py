"""Adam in its two published forms, against the formulas."""

import numpy as np
import pytest

from eprop_rt.optimiser import Adam
from eprop_rt.structs import Weights

RATE, EPSILON, STEPS = 0.01, 1e-8, 6


def published(correction, g, m, v, n):
    """Kingma & Ba 2015: algorithm 1, or the form at the end of section 2."""
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
    if correction == "moments":
        return RATE * (m / (1 - 0.9**n)) / (np.sqrt(v / (1 - 0.999**n)) + EPSILON), m, v
    rate = RATE * np.sqrt(1 - 0.999**n) / (1 - 0.9**n)
    return rate * m / (np.sqrt(v) + EPSILON), m, v


def run(correction, gradients):
    weights = Weights(np.zeros((4, 2)), np.zeros((0, 2)))
    adam = Adam(weights, RATE, None, correction)
    for g in gradients:
        assert adam.update(Weights(g.copy(), np.zeros((0, 2))), 1.0, 0)
    return weights.w


def small_gradients():
    """As small as epsilon, where the two forms differ; no autapse among them."""
    gradients = np.random.default_rng(2).normal(0, 1e-7, (STEPS, 4, 2))
    gradients[:, [0, 1], [0, 1]] = 0
    return gradients


@pytest.mark.parametrize("correction", ["moments", "rate"])
def test_adam_is_what_was_published(correction):
    w, m, v = (np.zeros((4, 2)) for _ in range(3))
    for n, g in enumerate(small_gradients(), start=1):
        step, m, v = published(correction, g, m, v, n)
        w -= step
    came = run(correction, small_gradients())
    assert np.abs(came).max() > RATE / 10
    np.testing.assert_allclose(came, w, rtol=1e-12)


def test_the_two_forms_differ_where_gradients_are_small():
    one, other = (run(correction, small_gradients()) for correction in ("moments", "rate"))
    assert np.abs(one - other).max() > RATE / 10
