"""Losses that NEST 3.10 and the original authors' TensorFlow code print, by the public gradient.

The draws (weights, inputs, targets) are those of the examples; the figures are of NEST's own tests
(test_eprop_bsshslm_2020_plasticity) and, beyond iteration 5, of a run of NEST.
"""

import importlib.util
import itertools
from pathlib import Path

import numpy as np
import pytest

from eprop_rt.optimiser import Adam
from eprop_rt.structs import Weights

pytestmark = pytest.mark.large

REGRESSION = {
    "nest": [
        101.964356999041,
        103.466731126205,
        103.340607074772,
        103.680244037686,
        104.412775748752,
    ],
    "tensorflow": [
        101.964363098144,
        103.466735839843,
        103.340606689453,
        103.6802444458,
        104.412780761718,
    ],
}
NEST_9_TO_12 = [106.797025199575, 106.967267819035, 107.382218609879, 107.781010819206]
CLASSIFICATION = {
    (1, "nest"): [0.741152550006, 0.7403881877, 0.665785233177, 0.663644193322, 0.729428962844],
    (1, "tensorflow"): [
        0.741152524948,
        0.740388214588,
        0.665785133838,
        0.663644134998,
        0.729429066181,
    ],
    (2, "nest"): [0.702163370672, 0.735555303152, 0.740354864111, 0.683882815282, 0.707841122268],
}


def example(name):
    """A program of `examples` as a module."""
    path = Path(__file__).parents[2] / "examples" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"examples_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def regression(iterations, as_nest=False):
    program = example("pattern_generation")
    task = program.draw_task()
    return [came.loss for came in itertools.islice(program.train(task, as_nest), iterations)]


def classification(batch, iterations=5):
    """Losses, and the mean firing rate in spikes a step."""
    program = example("evidence_accumulation")
    task = program.draw_task(np.dtype(np.float64))
    adam = Adam(task.weights, program.RATE, None, correction="rate")
    losses, rates = [], []
    for _ in range(iterations):
        came, _ = program.ask(task, batch)
        losses.append(came.loss)
        rates.append(came.spikes.mean())
        assert adam.update(Weights(came.w, came.w_out), 1.0, program.INPUTS)
    return losses, np.mean(rates)


@pytest.mark.parametrize("authority", REGRESSION)
def test_pattern_generation_has_the_first_five_losses(authority):
    np.testing.assert_allclose(regression(5), REGRESSION[authority], rtol=1e-6)


def test_pattern_generation_leaves_nest_where_nest_leaves_out_an_error_and_only_there():
    """NEST's synapses of inputs that spike in the second step miss the last error of the trial
    before (docs/conventions.md). Eight losses do not show it; the ninth does."""
    np.testing.assert_allclose(regression(12, as_nest=True)[8:], NEST_9_TO_12, rtol=1e-12)
    whole = regression(9)
    np.testing.assert_allclose(whole[:5], REGRESSION["nest"], rtol=1e-12)
    assert abs(whole[8] / NEST_9_TO_12[0] - 1) > 1e-4


def test_pattern_generation_is_learned():
    """Single losses swing between 2 and 6 at the end, so it is their mean that is asked for."""
    losses = regression(2000)
    assert losses[0] > 100
    assert np.mean(losses[-200:]) < 3.6


@pytest.mark.parametrize(("batch", "authority"), CLASSIFICATION)
def test_evidence_accumulation_has_the_first_five_losses(batch, authority):
    losses, rate = classification(batch)
    np.testing.assert_allclose(losses, CLASSIFICATION[batch, authority], rtol=1e-6)
    assert 0.002 < rate < 0.1
