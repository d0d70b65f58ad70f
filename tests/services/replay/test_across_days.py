"""From one day to the next: what is carried, what stays, and what is fitted anew."""

from dataclasses import replace

import numpy as np
import pytest

from eprop_rt.config import BinSettings, RlsSettings
from eprop_rt.series import StreamInfo
from eprop_rt_services.recordings import Recording, Series
from eprop_rt_services.replay import Contestant
from eprop_rt_services.replay.across_days import DayBreak, day_of
from eprop_rt_services.replay.contestant import Setting

BIN_S, BINS = 0.5, 2400  # 20 minutes
SETTING = Setting(BinSettings(bin_s=BIN_S))


def day(name, *, gain=1.0, order=slice(None)):
    rng = np.random.default_rng(4)
    wave = np.zeros((BINS, 2), np.float32)
    for t in range(1, BINS):
        wave[t] = 0.8 * wave[t - 1] + rng.normal(0, 1, 2)
    weights = np.random.default_rng(9).normal(0, 1, (2, 8))
    values = gain * (20 + wave @ weights + rng.normal(0, 0.3, (BINS, 8)))
    stamps = np.arange(BINS) * BIN_S
    return Recording(
        name,
        Series(StreamInfo("spikes", 8, 2.0), stamps, values[:, order].astype(np.float32)),
        Series(StreamInfo("velocity", 2, 2.0), stamps, wave),
    )


def transition(yesterday, today):
    main = Contestant("rls", RlsSettings(lags=2), SETTING)
    main.replay(yesterday, lambda _: None)
    night = DayBreak(main, yesterday, today)
    kept = main.decoder().snapshot()["w"]
    result = night.compare([main.replay(today, lambda _: None)])
    assert (kept != main.decoder().snapshot()["w"]).any()
    return result


def test_on_a_day_like_the_one_before_everyone_is_good_at_once():
    came = transition(day("one"), day("two"))
    assert list(came.days) == ["rls", "static", "recentred", "refitted"]
    assert came.recording == "two"
    assert came.offline > 0.9
    for name in ("rls", "static", "recentred"):
        assert came.days[name].first_minute > 0.9
        assert came.days[name].minutes == 1
    assert np.isnan(came.days["refitted"].first_minute)
    assert came.days["refitted"].minutes == 11
    assert came.days["refitted"].whole == came.days["refitted"].after_refit


def test_other_gains_are_mended_by_recentring_and_not_by_static_weights():
    came = transition(day("one"), day("two", gain=np.linspace(0.5, 2, 8))).days
    assert came["static"].whole < 0
    assert came["recentred"].after_refit > 0.9
    assert came["recentred"].after_refit > came["recentred"].first_minute


def test_units_in_another_order_are_mended_by_learning_only():
    came = transition(day("one"), day("two", order=slice(None, None, -1))).days
    assert came["static"].after_refit < 0.5
    assert came["recentred"].after_refit < 0.5
    assert came["refitted"].after_refit > 0.9
    assert came["rls"].after_refit > came["static"].after_refit + 0.2


def test_a_day_is_told_by_its_minutes():
    rng = np.random.default_rng(0)
    true = rng.normal(0, 1, (600, 1))
    predicted = true.copy()
    predicted[:240] += rng.normal(0, 3, (240, 1))
    came = day_of(predicted, true, (120, 360), 0.9)
    assert came.minutes == 3
    assert came.first_minute < 0
    assert came.after_refit == 1
    assert came.whole == pytest.approx(1 - ((predicted - true) ** 2).sum() / (600 * true.var()))
    assert day_of(-true, true, (120, 360), 0.9).minutes is None


def test_days_without_labels_have_no_figures_and_do_no_harm():
    days = [replace(day(name), labels=None) for name in ("one", "two")]
    main = Contestant("rls", RlsSettings(lags=2), SETTING)
    main.replay(days[0], lambda _: None)
    night = DayBreak(main, *days)
    came = night.compare([main.replay(days[1], lambda _: None)])
    assert all(np.isnan(one.whole) and one.minutes is None for one in came.days.values())
