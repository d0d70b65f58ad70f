import numpy as np
import pytest
from hypothesis import given, settings

from conditioned import some_cuts, stage, through

RATE_HZ, WINDOW = 2000.0, 100
HOW = {"kind": "bad_channels", "window_s": WINDOW / RATE_HZ, "back_after": 2}


def noise(windows=8, channels=5, seed=7):
    return np.random.default_rng(seed).normal(3, 10, (windows * WINDOW, channels))


def spoil(x, how):
    x = x.copy()
    part = x[2 * WINDOW : 4 * WINDOW, 1]
    if how == "flat":
        part[:] = 7.0
    elif how == "saturated":
        np.clip(4 * part, -20, 20, out=part)
    else:
        part *= 30
    return x


@pytest.mark.parametrize("how", ["flat", "saturated", "noisy"])
def test_a_bad_channel_is_absent_from_the_next_window_until_it_has_been_good_again(how):
    x = spoil(noise(), how)
    one = stage(5, **HOW)
    came = through(one, x)
    gone = np.isnan(came)
    assert +one.events == {f"channel_{how}": 1, "channel_back": 1}
    assert gone[3 * WINDOW : 6 * WINDOW, 1].all()
    assert gone.sum() == 3 * WINDOW
    assert (came[~gone] == x[~gone]).all()


@settings(max_examples=8, deadline=None, derandomize=True)
@given(cuts=some_cuts)
def test_what_is_bad_does_not_depend_on_how_samples_are_cut(cuts):
    x = spoil(spoil(noise(), "noisy")[:, ::-1], "flat")
    x[50:60, 0] = np.nan
    cut, whole = stage(5, **HOW), stage(5, **HOW)
    assert through(cut, x, cuts).tobytes() == through(whole, x).tobytes()
    assert cut.events == whole.events
    assert whole.events["channel_noisy"] == whole.events["channel_flat"] == 1


def test_the_deviation_that_it_judges_by_is_the_windows_own():
    x = noise(1)
    x[:, 2] = 4.9 * (x[:, 2] - 3) / x[:, 2].std() * np.median(x.std(axis=0))
    for factor, bad in ((0.98, 0), (1.05, 1)):
        given_x = x.copy()
        given_x[:, 2] *= factor * 5 / 4.9
        one = stage(5, **HOW)
        through(one, given_x)
        assert one.bad.tolist() == [0, 0, bad, 0, 0]


def test_no_channel_is_noisy_where_all_are():
    one = stage(5, **HOW)
    through(one, 1000 * noise())
    assert not +one.events
