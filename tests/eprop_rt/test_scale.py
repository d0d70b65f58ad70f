import numpy as np
import pytest

from eprop_rt.config import ScaleSettings
from eprop_rt.scale import RunningScale

BIN_S = 0.1


def scale_of(values, **changes):
    values = np.asarray(values, np.float64)
    values = values[:, None] if values.ndim == 1 else values
    scale = RunningScale(ScaleSettings(**changes), values.shape[1], BIN_S)
    for row in values:
        scale.learn_one(row)
    return scale


def applied(scale, values):
    out = np.empty(np.shape(values))
    scale.apply(np.asarray(values, np.float64), out)
    return out


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_it_holds_the_mean_and_the_deviation_of_all_the_past(offset):
    """Where the mean is a million deviations away, too."""
    past = np.random.default_rng(0).normal(offset, [1.0, 20.0], (3000, 2))
    scale = scale_of(past)
    np.testing.assert_allclose(scale.mean, past.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(1 / scale.scale, past.std(axis=0), rtol=1e-6)
    np.testing.assert_allclose(
        applied(scale, past), (past - past.mean(axis=0)) / past.std(axis=0), atol=1e-5
    )


def test_a_half_life_halves_the_weight_of_the_past_in_that_time():
    """A long past of noise around 0, then 4 s of 10: a half-life of 4 s makes it 5."""
    past = np.append(np.random.default_rng(0).choice([-1.0, 1.0], 2000), np.full(40, 10.0))
    scale = scale_of(past, half_life_s=4.0)
    before = scale_of(past[:2000], half_life_s=4.0)
    assert scale.mean[0] == pytest.approx((before.mean[0] + 10) / 2)
    variance = 1 / before.scale[0] ** 2
    apart = 10 - before.mean[0]
    assert 1 / scale.scale[0] ** 2 == pytest.approx(variance / 2 + apart**2 / 4)


def test_until_the_half_life_has_filled_it_counts_all_alike():
    past = np.random.default_rng(0).normal(3, 2, 25)
    np.testing.assert_allclose(scale_of(past, half_life_s=3.0).mean, past.mean())
    assert scale_of(past, half_life_s=0.5).mean != pytest.approx(past.mean())


def test_in_common_every_channel_has_the_mean_deviation_of_all():
    past = np.random.default_rng(0).normal(5, [1.0, 2.0, 6.0], (500, 3))
    scale = scale_of(past, per_channel=False)
    np.testing.assert_allclose(1 / scale.scale, past.std(axis=0).mean())
    np.testing.assert_allclose(scale.mean, past.mean(axis=0))


def test_without_centring_nothing_is_subtracted():
    past = np.random.default_rng(0).normal(5, 1, (500, 2))
    scale = scale_of(past, centre=False)
    assert not scale.mean.any()
    np.testing.assert_allclose(applied(scale, past), past / past.std(axis=0))


def test_what_is_not_a_number_is_passed_over_axis_by_axis():
    past = np.random.default_rng(0).normal(5, 1, (300, 2))
    holes = past.copy()
    holes[10:250, 0] = np.nan
    holes[3, 1], holes[4, 1] = np.inf, -np.inf
    scale = scale_of(holes)
    for c in range(2):
        known = holes[np.isfinite(holes[:, c]), c]
        assert scale.mean[c] == pytest.approx(known.mean())
        assert 1 / scale.scale[c] == pytest.approx(known.std())
    assert np.isnan(applied(scale, [np.nan, 1.0])).tolist() == [True, False]


def test_what_has_not_varied_says_nothing():
    for past in ([], [4.0], [4.0] * 50, [0.1] * 999):
        scale = scale_of(past)
        assert applied(scale, [123.0]).tolist() == [0]
        assert scale.undo(np.array([7.0])) == pytest.approx([past[0] if past else 0])


@pytest.mark.parametrize("unit", [1.0, 1e-6, 1e-9, 1e6])
def test_the_unit_makes_no_difference(unit):
    """Volts or microvolts, metres or millimetres: what is scaled has none."""
    past = np.random.default_rng(0).normal(2, 1, (200, 2))
    expected, came = scale_of(past), scale_of(past * unit)
    np.testing.assert_allclose(applied(came, past * unit), applied(expected, past), rtol=1e-6)
    for row in past:
        np.testing.assert_allclose(came.undo(row), unit * expected.undo(row), rtol=1e-6)


@pytest.mark.parametrize(("clip", "bound"), [(1.5, 1.5), (20.0, 20.0), (None, 1e6)])
def test_scaled_values_are_bounded(clip, bound):
    past = np.random.default_rng(0).normal(0, 1, 90)
    scale = scale_of(past, clip=clip)
    far = bound * past.std()
    assert applied(scale, [2 * far + past.mean()]) == pytest.approx([bound])
    assert applied(scale, [-1e30]).tolist() == [-bound]
    assert applied(scale, [0.3 * far + past.mean()]) == pytest.approx([0.3 * bound])


def test_statistics_that_have_settled_take_an_outlier_in_as_the_bound():
    """One artefact of any size leaves them usable; before they settle, nobody can tell it."""
    past = np.random.default_rng(0).normal(5, 2, 100)
    for early in (past[:99], past):
        wild = scale_of(np.append(early, 1e30), clip=20.0)
        bounded = scale_of(np.append(early, early.mean() + 20 * early.std()), clip=20.0)
        settled = len(early) == 100
        assert (wild.mean[0] == pytest.approx(bounded.mean[0])) == settled
        assert (wild.scale[0] == pytest.approx(bounded.scale[0])) == settled
    assert 1 / wild.scale[0] < 3 * past.std()


def test_a_lasting_change_is_no_outlier_for_ever():
    """Its own weight moves the statistics there, bound by bound."""
    past = np.append(np.random.default_rng(0).normal(0, 1, 200), np.full(3000, 500.0))
    scale = scale_of(past, clip=20.0, half_life_s=10.0)
    assert scale.mean[0] == pytest.approx(500, rel=0.01)


def test_undo_brings_back_what_was_applied():
    past = np.random.default_rng(0).normal([3, -50], [0.1, 9], (500, 2))
    scale = scale_of(past)
    np.testing.assert_allclose(scale.undo(applied(scale, past[7])), past[7])
    assert scale_of(past).undo(np.zeros(2, np.float32)).dtype == np.float64


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_bin_is_cleaned_and_scaled_at_once(dtype):
    past = np.random.default_rng(0).normal([3, -50, 1], [0.1, 9, 1], (500, 3))
    scale = scale_of(past)
    values, out = np.array([np.nan, -41.0, np.inf], dtype), np.empty(3, dtype)
    assert scale.clean_and_apply(values, out) == 2
    assert values.tolist() == [0, -41, 0]
    assert out.tolist() == applied(scale, values).astype(dtype).tolist()
    assert scale.clean_and_apply(values, out) == 0


def test_applying_learns_nothing_and_touches_nothing():
    past = np.random.default_rng(0).normal(0, 1, (50, 2))
    scale = scale_of(past)
    before = {name: array.copy() for name, array in scale.arrays().items()}
    past.flags.writeable = False
    applied(scale, past * 1)
    scale.undo(past[0])
    for name, array in scale.arrays().items():
        np.testing.assert_array_equal(array, before[name])


def test_a_segment_is_scaled_like_its_bins():
    past = np.random.default_rng(0).normal(0, 1, (50, 2))
    scale = scale_of(past, clip=1.0)
    rows = np.array([applied(scale, row) for row in past])
    np.testing.assert_array_equal(applied(scale, past), rows)


def test_a_rare_event_is_no_artefact():
    """A unit that fires once in a thousand bins: its deviation is what it is, not ever less."""
    past = np.zeros(15_000)
    past[500::1000] = 1
    scale = scale_of(past, half_life_s=60.0)
    assert 0.5 * past.std() < 1 / scale.scale[0] < 2 * past.std()
