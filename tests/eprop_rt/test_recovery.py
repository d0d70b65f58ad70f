"""A decoder whose truth is known is found again from what went in and what came out."""

import numpy as np
import pytest

from eprop_rt.errors import DataError
from eprop_rt.recovery import LinearDecoder, recover

INPUTS, BINS, TRIAL = 12, 1200, 20
STATE = np.array([[0.7, -0.02], [0.01, 0.65]])
OFFSET, START = np.array([5.0, -8.0]), np.array([-30.0, 12.0])


def a_decoder(*, resets=True):
    gain = np.random.default_rng(1).normal(0, 10, (2, INPUTS))
    gain[:, 3] = 0.0
    return LinearDecoder(STATE, gain, OFFSET, STATE @ START + OFFSET if resets else None)


def a_session(decoder, seed=2):
    """Counts (n, inputs), what the decoder makes of them (n, 2), first bins of trials (n,)."""
    x = np.random.default_rng(seed).poisson(2.0, (BINS, INPUTS)).astype(np.float64)
    begins = np.arange(BINS) % TRIAL == 0
    return x, decoder.run(x, begins, START), begins


def by_hand(decoder, x):
    """Equation by equation."""
    v, out = START, []
    for at in range(len(x)):
        before = START if at % TRIAL == 0 else v
        v = decoder.state @ before + decoder.gain @ x[at] + decoder.offset
        out.append(v)
    return np.array(out)


def test_it_runs_as_its_equations_say():
    decoder = a_decoder()
    x, v, _ = a_session(decoder)
    assert np.abs(v).max() > 50
    assert v == pytest.approx(by_hand(decoder, x), rel=1e-12)


@pytest.mark.parametrize("resets", [True, False])
def test_every_number_of_a_decoder_is_found_and_whether_it_starts_anew(resets):
    truth = a_decoder(resets=resets)
    x, v, begins = a_session(truth)
    found = recover(x, v, begins, np.arange(BINS) < 400)
    assert (found.first is not None) == resets
    for name in ("state", "gain", "offset"):
        assert getattr(found, name) == pytest.approx(getattr(truth, name), abs=1e-9)
    if resets:
        assert found.start == pytest.approx(START, abs=1e-8)
    assert found.in_use.tolist() == [k != 3 for k in range(INPUTS)]


def test_it_runs_freely_on_trials_that_it_was_not_fitted_on():
    truth = a_decoder()
    x, v, begins = a_session(truth)
    found = recover(x, v, begins, np.arange(BINS) < 400)
    other, expected, begins = a_session(truth, seed=9)
    error = np.abs(found.run(other, begins, np.zeros(2)) - expected)
    assert error.max() < 1e-9 * np.ptp(expected)


def test_a_start_that_is_not_told_apart_would_be_seen():
    """The proof can fail: with the state carried into each trial the error is large."""
    truth = a_decoder()
    x, v, begins = a_session(truth)
    carried = LinearDecoder(truth.state, truth.gain, truth.offset, None)
    assert np.abs(carried.run(x, begins, START) - v).max() > 0.05 * np.ptp(v)


def test_bins_without_an_output_and_those_after_them_are_left_out():
    truth = a_decoder()
    x, v, begins = a_session(truth)
    v[50:60] = np.nan
    v[333, 1] = np.nan
    found = recover(x, v, begins, np.arange(BINS) < 400)
    assert found.gain == pytest.approx(truth.gain, abs=1e-9)


def test_float32_outputs_cost_no_more_than_their_rounding():
    truth = a_decoder()
    x, v, begins = a_session(truth)
    rounded = v.astype(np.float32).astype(np.float64)
    found = recover(x, rounded, begins, np.arange(BINS) < 400)
    error = np.abs(found.run(x, begins, np.zeros(2)) - rounded)
    assert error.max() < 1e-6 * np.ptp(v)


def test_a_channel_that_is_silent_does_no_harm():
    truth = a_decoder()
    x, _, begins = a_session(truth)
    x[:, 5] = 0.0
    v = truth.run(x, begins, START)
    found = recover(x, v, begins, np.arange(BINS) < 400)
    assert np.abs(found.run(x, begins, np.zeros(2)) - v).max() < 1e-9 * np.ptp(v)


def test_too_few_bins_are_refused_with_how_many_it_takes():
    x, v, begins = a_session(a_decoder())
    with pytest.raises(DataError, match=r"^31 bins .* 12 inputs, expected at least 32"):
        recover(x, v, begins, np.arange(BINS) < 31)
