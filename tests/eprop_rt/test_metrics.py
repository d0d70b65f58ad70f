import numpy as np
import pytest

from eprop_rt.metrics import pearson_r, r2, score


def traces(bins=400, noise=0.5):
    rng = np.random.default_rng(0)
    true = np.column_stack([np.sin(np.arange(bins) / 9), 30 + 4 * np.cos(np.arange(bins) / 5)])
    return true + rng.normal(0, noise, true.shape) * [1, 4], true


def test_a_perfect_prediction_scores_one_and_the_mean_scores_zero():
    _, true = traces()
    assert r2(true, true).tolist() == [1, 1]
    assert r2(np.tile(true.mean(axis=0), (400, 1)), true) == pytest.approx([0, 0])
    assert (r2(-3 * true, true) < 0).all()


def test_r2_is_one_minus_residual_over_variance_axis_by_axis():
    predicted, true = traces()
    for axis, came in enumerate(r2(predicted, true)):
        residual = np.mean((predicted[:, axis] - true[:, axis]) ** 2)
        assert came == pytest.approx(1 - residual / np.var(true[:, axis]))


def test_pearson_r_is_numpys_and_knows_no_gain_nor_offset():
    predicted, true = traces()
    expected = [np.corrcoef(predicted[:, a], true[:, a])[0, 1] for a in range(2)]
    assert pearson_r(predicted, true) == pytest.approx(expected)
    assert pearson_r(7 * predicted - 100, true) == pytest.approx(expected)
    assert pearson_r(-predicted, true) == pytest.approx(-np.array(expected))


def test_rows_without_a_label_are_left_out():
    predicted, true = traces()
    known = np.random.default_rng(1).random(400) < 0.6
    holes = true.copy()
    holes[~known, 1] = np.nan
    for measure in (r2, pearson_r):
        np.testing.assert_allclose(
            measure(predicted, holes), measure(predicted[known], true[known])
        )


@pytest.mark.parametrize("measure", [r2, pearson_r])
def test_nothing_to_score_is_no_score(measure):
    predicted, true = traces()
    assert np.isnan(measure(predicted[:1], true[:1])).all()
    assert np.isnan(measure(predicted[:0], true[:0])).all()
    assert np.isnan(measure(predicted, np.full_like(true, np.nan))).all()


@pytest.mark.parametrize("level", [0.0, 3.0, 0.1, 1 / 3, -1e9 / 7])
@pytest.mark.parametrize("bins", [7, 10, 400, 1001])
def test_what_does_not_vary_has_no_score(level, bins):
    """The mean of many 0.1 is not 0.1 to the last bit: what is left of that is not variance."""
    predicted, true = traces(bins)
    flat = true.copy()
    flat[:, 0] = level
    came = np.array([r2(predicted, flat), pearson_r(predicted, flat)])
    assert np.isnan(came[:, 0]).all()
    assert np.isfinite(came[:, 1]).all()
    still = predicted.copy()
    still[:, 0] = level
    assert np.isnan(pearson_r(still, true)).tolist() == [True, False]
    assert np.isfinite(r2(still, true)).all()


def test_a_score_tells_the_whole_pass_its_last_fifth_and_its_eighths():
    predicted, true = traces(403)
    predicted[:300] = 0
    came = score(predicted, true)
    np.testing.assert_array_equal(came.r2, r2(predicted, true))
    np.testing.assert_array_equal(came.r, pearson_r(predicted, true))
    np.testing.assert_array_equal(came.r2_last20, r2(predicted[322:], true[322:]))
    np.testing.assert_array_equal(came.r_last20, pearson_r(predicted[322:], true[322:]))
    assert len(came.r2_eighths) == 8
    assert came.r2_eighths[0][1] < 0 < came.r2_eighths[7][1]
    assert came.r2_last20[1] > came.r2[1]


def test_a_session_of_hardly_any_bins_can_be_scored():
    for bins in range(4):
        came = score(np.zeros((bins, 2)), np.zeros((bins, 2)))
        assert np.isnan(came.r2_last20).all()
        assert len(came.r2_eighths) == 8


def test_neither_trace_is_written_to():
    predicted, true = traces()
    true[5] = np.nan
    for array in (predicted, true):
        array.flags.writeable = False
    score(predicted, true)
