"""The Kalman filters against batch equations: least squares, and a joint Gaussian."""

import numpy as np
import pytest

from eprop_rt.baselines.adaptive_kalman import AdaptiveKalmanDecoder
from eprop_rt.baselines.kalman import KalmanDecoder
from eprop_rt.baselines.linear_gaussian import Estimate, Model, StateShape, bridged, step
from eprop_rt.config import AdaptiveKalmanSettings, KalmanSettings

BIN_S, INPUTS, RIDGE = 0.1, 5, 0.05
SETTINGS = KalmanSettings(lead_s=2 * BIN_S, past_s=BIN_S, ridge=RIDGE, bridge_s=0.0, clip=1e5)


def movement(bins, seed=0):
    """Smooth outputs, and counts that follow those of two bins later."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((bins, 2))
    for t in range(1, bins):
        labels[t] = 0.9 * labels[t - 1] + rng.normal(0, 1, 2)
    ahead = np.roll(labels, -2, axis=0)
    x = 3 + ahead @ rng.normal(0, 1, (2, INPUTS)) + rng.normal(0, 1, (bins, INPUTS))
    return x.astype(np.float32), labels.astype(np.float32)


def stacked(labels, lead, past):
    """States by their definition, one row a bin from `past` to the end less `lead`."""
    rows = []
    for t in range(past, len(labels) - lead):
        window = [labels[t + k] for k in range(lead, -past - 1, -1)]
        rows.append(np.concatenate([*window, [1.0]]))
    return np.array(rows)


def batch_model(x, labels, weights=None):
    """A, W, C and Q by (weighted) least squares over whole arrays."""
    s = stacked(labels.astype(np.float64), 2, 1)
    seen = x[1:-2].astype(np.float64)
    weights = np.ones(len(s)) if weights is None else weights
    root = np.sqrt(weights)[:, None]
    c = np.linalg.lstsq(root * s, root * seen, rcond=None)[0].T
    residual = seen - s @ c.T
    q = (weights[:, None] * residual).T @ residual / weights.sum()
    q += RIDGE * np.trace(q) / len(q) * np.eye(len(q))
    moved = root[1:]
    top = np.linalg.lstsq(moved * s[:-1], moved * s[1:, :2], rcond=None)[0].T
    residual = s[1:, :2] - s[:-1] @ top.T
    a, w = np.eye(len(s[0]), k=-2), np.zeros((len(s[0]), len(s[0])))
    a[:2], a[-1] = top, np.eye(len(a))[-1]
    w[:2, :2] = (weights[1:, None] * residual).T @ residual / weights[1:].sum()
    return a, w, c, q, np.average(s, axis=0, weights=weights), np.cov(s.T, aweights=weights, ddof=0)


def conditioned(model, x):
    """Mean of the last state given all of x (T, K): states and bins as one Gaussian vector."""
    a, w, c, q, start, spread = model
    size, bins = len(a), len(x)
    means, blocks = [], np.zeros((bins * size, bins * size))
    mean, covariance = start, spread
    for t in range(bins):
        mean, covariance = a @ mean, a @ covariance @ a.T + w
        means.append(mean)
        across = covariance
        for later in range(t, bins):
            blocks[t * size : (t + 1) * size, later * size : (later + 1) * size] = across
            blocks[later * size : (later + 1) * size, t * size : (t + 1) * size] = across.T
            across = across @ a.T
    everything = np.kron(np.eye(bins), c)
    of_bins = everything @ blocks @ everything.T + np.kron(np.eye(bins), q)
    surprise = (x - np.array(means) @ c.T).ravel()
    gain = blocks[-size:] @ everything.T @ np.linalg.inv(of_bins)
    return means[-1] + gain @ surprise


def test_the_fit_is_least_squares_over_the_whole_part():
    x, labels = movement(300)
    decoder = KalmanDecoder(SETTINGS, INPUTS, 2, BIN_S)
    decoder.fit(x, labels)
    a, w, c, q, start, spread = batch_model(x, labels)
    came = decoder.snapshot()
    for key, expected in (
        ("a", a),
        ("w", w),
        ("c", c),
        ("c_over_q", c.T @ np.linalg.inv(q)),
        ("start", start),
        ("spread", spread),
    ):
        np.testing.assert_allclose(came[f"model.{key}"], expected, rtol=1e-5, atol=1e-6)


def test_the_estimate_is_that_of_the_joint_gaussian_of_all_bins():
    x, labels = movement(300)
    decoder = KalmanDecoder(SETTINGS, INPUTS, 2, BIN_S)
    decoder.fit(x, labels)
    model = batch_model(x, labels)
    for t in range(12):
        output = decoder.predict_one(x[t])
        expected = conditioned(model, x[: t + 1].astype(np.float64))
        np.testing.assert_allclose(output, expected[4:6], rtol=1e-5, atol=1e-6)


def test_outputs_follow_the_labels_and_the_lead_helps():
    x, labels = movement(1500)
    errors = {}
    for lead_s in (0.0, 2 * BIN_S):
        settings = SETTINGS.model_copy(update={"lead_s": lead_s})
        decoder = KalmanDecoder(settings, INPUTS, 2, BIN_S)
        decoder.fit(x[:1000], labels[:1000])
        outputs = np.array([decoder.predict_one(one) for one in x])[1000:]
        errors[lead_s] = np.mean((outputs - labels[1000:]) ** 2) / labels[1000:].var()
    assert errors[2 * BIN_S] < 0.1
    assert errors[2 * BIN_S] < 0.7 * errors[0.0]


def test_channels_that_are_silent_or_alike_do_no_harm():
    x, labels = movement(300)
    x[:, 1] = 0
    x[:, 2] = x[:, 3]
    decoder = KalmanDecoder(SETTINGS, INPUTS, 2, BIN_S)
    decoder.fit(x, labels)
    outputs = np.array([decoder.predict_one(one) for one in x])
    assert np.isfinite(outputs).all()
    assert np.mean((outputs - labels) ** 2) < 0.5 * labels.var()


@pytest.mark.parametrize("half_life_s", [None, 4.0])
def test_the_adaptive_filter_is_weighted_least_squares_of_its_past(half_life_s):
    settings = AdaptiveKalmanSettings(
        lead_s=2 * BIN_S,
        past_s=BIN_S,
        ridge=RIDGE,
        bridge_s=0.0,
        label_delay_s=0.0,
        half_life_s=half_life_s,
        refit_s=BIN_S,
        clip=1e5,
    )
    x, labels = movement(200)
    decoder = AdaptiveKalmanDecoder(settings, INPUTS, 2, BIN_S)
    for one, label in zip(x, labels, strict=True):
        decoder.predict_one(one)
        decoder.learn_one(label)
    keep = 1.0 if half_life_s is None else 0.5 ** (BIN_S / half_life_s)
    # The first state, of bin 1, counts as a predecessor only; the newest is two bins old.
    states = len(labels) - 3
    weights = keep ** np.arange(states - 1, -1, -1.0)
    a, _, _, _, _, _ = batch_model(x, labels, weights)
    _, _, c, q, _, _ = batch_model(x[1:], labels[1:], weights[1:])
    came = decoder.snapshot()
    np.testing.assert_allclose(came["model.a"], a, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(came["model.c"], c, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(came["model.c_over_q"], c.T @ np.linalg.inv(q), rtol=1e-4, atol=1e-5)


def test_a_model_that_fades_follows_a_change():
    x, labels = movement(2400)
    x[1200:] = x[1200:, ::-1]
    missed = {}
    for half_life_s in (10.0, None):
        settings = AdaptiveKalmanSettings(
            lead_s=2 * BIN_S, past_s=0.0, half_life_s=half_life_s, label_delay_s=0.0
        )
        decoder = AdaptiveKalmanDecoder(settings, INPUTS, 2, BIN_S)
        outputs = []
        for one, label in zip(x, labels, strict=True):
            outputs.append(decoder.predict_one(one))
            decoder.learn_one(label)
        missed[half_life_s] = np.mean((np.array(outputs) - labels)[1800:] ** 2)
    assert missed[10.0] < 0.5 * missed[None]


def test_labels_that_come_late_or_in_time_make_the_same_filter():
    settings = AdaptiveKalmanSettings(
        lead_s=BIN_S, past_s=BIN_S, label_delay_s=5 * BIN_S, refit_s=BIN_S
    )
    x, labels = movement(150)
    in_time, late = (AdaptiveKalmanDecoder(settings, INPUTS, 2, BIN_S) for _ in range(2))
    for t, one in enumerate(x):
        for decoder in (in_time, late):
            decoder.predict_one(one)
        in_time.learn_one(labels[t])
        late.learn_one(np.full(2, np.nan, np.float32))
        if t >= 5:
            assert late.relabel(5, labels[t - 5])
    one, other = in_time.snapshot(), late.snapshot()
    assert one["model.c"].any()
    for key in one:
        if key.startswith(("model.", "sums.")):
            np.testing.assert_array_equal(one[key], other[key])
    assert not late.relabel(60, labels[0])


def test_lines_fill_short_gaps_and_no_others():
    nan = np.nan
    labels = np.array([nan, 1, nan, 3, nan, nan, nan, 7, nan])[:, None]
    np.testing.assert_array_equal(bridged(labels, 1)[:, 0], [nan, 1, 2, 3, nan, nan, nan, 7, nan])
    np.testing.assert_array_equal(bridged(labels, 3)[:, 0], [nan, 1, 2, 3, 4, 5, 6, 7, nan])
    np.testing.assert_array_equal(bridged(labels, 0), labels)
    assert np.isnan(bridged(np.full((4, 2), nan), 3)).all()


def test_sparse_labels_still_fit_the_filter():
    x, labels = movement(1500)
    sparse = labels.copy()
    sparse[np.random.default_rng(1).random(1500) > 0.3] = np.nan
    decoder = KalmanDecoder(SETTINGS.model_copy(update={"bridge_s": 0.5}), INPUTS, 2, BIN_S)
    decoder.fit(x, sparse)
    outputs = np.array([decoder.predict_one(one) for one in x])
    assert np.mean((outputs - labels) ** 2) < 0.3 * labels.var()


def test_seconds_become_bins_and_none_stays_none():
    shape = StateShape.of(KalmanSettings(lead_s=0.0, past_s=0.3), 2, 0.1)
    assert (shape.lead, shape.past, shape.size, shape.newest) == (0, 3, 9, slice(0, 2))


@pytest.mark.parametrize("adaptive", [False, True])
def test_a_burst_on_all_channels_is_no_movement(adaptive):
    x, labels = movement(1500)
    x[700:705] += 500
    missed = {}
    for clip in (20.0, 1e5):
        if adaptive:
            settings = AdaptiveKalmanSettings(lead_s=0.2, past_s=0.1, clip=clip, label_delay_s=0)
            decoder = AdaptiveKalmanDecoder(settings, INPUTS, 2, BIN_S)
        else:
            settings = SETTINGS.model_copy(update={"clip": clip})
            decoder = KalmanDecoder(settings, INPUTS, 2, BIN_S)
            decoder.fit(x[:600], labels[:600])
        outputs = []
        for one, label in zip(x, labels, strict=True):
            outputs.append(decoder.predict_one(one))
            decoder.learn_one(label)
        missed[clip] = np.mean((np.array(outputs) - labels)[300:] ** 2) / labels.var()
    assert missed[20.0] < 0.7 * missed[1e5]


def test_an_estimate_that_outgrows_the_numbers_begins_anew():
    """Under a model whose state grows a hundredfold a bin and is on no channel."""
    model = Model(
        a=np.array([[100.0, 0.0], [0.0, 1.0]]),
        w=np.diag([1.0, 0.0]),
        c=np.zeros((3, 2)),
        c_over_q=np.zeros((2, 3)),
        precision=np.zeros((2, 2)),
        start=np.array([0.5, 1.0]),
        spread=np.diag([2.0, 0.0]),
    )
    estimate = Estimate(np.array([0.5, 1.0]), np.diag([2.0, 0.0]))
    lasted = 0
    while step(model, np.zeros(3), estimate):
        lasted += 1
    assert lasted == pytest.approx(77, abs=2)  # the variance grows 10000-fold a bin
    np.testing.assert_array_equal(estimate.s, model.start)
    np.testing.assert_array_equal(estimate.p, model.spread)
    assert step(model, np.zeros(3), estimate)
