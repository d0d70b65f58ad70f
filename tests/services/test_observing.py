"""A network that is looked at decodes as one that is not."""

import numpy as np
import pytest

from eprop_rt.config import EpropSettings, RlsSettings
from eprop_rt_services.observing import EVERY, SessionWatch
from eprop_rt_services.replay import Contestant
from eprop_rt_services.replay.contestant import Setting
from report_material import BINS, EPROP, session


def replayed(settings, watches, recordings=1):
    one = Contestant("it", settings, Setting(BINS), None, watches)
    return [one.replay(session(bins=1000), lambda _: None) for _ in range(recordings)]


SCHEDULES = {
    "dense": {"schedule": "dense"},
    "deferred": {"schedule": "deferred", "deferral_bins": 16},
    "accumulated": {"optimiser": "adam", "update_every": 8},
}


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("steps_per_bin", [0, 4])
def test_looking_changes_no_bit(name, steps_per_bin):
    raw = EPROP.model_dump() | {"online": SCHEDULES[name]}
    raw["rehearsal"]["steps_per_bin"] = steps_per_bin
    settings = EpropSettings.model_validate(raw)
    watch = SessionWatch()
    (seen,), (alone,) = replayed(settings, [watch]), replayed(settings, [])
    assert seen.digest == alone.digest
    assert watch.take() is not None


def test_spikes_and_norms_are_those_of_the_session():
    watch = SessionWatch()
    first, second = replayed(EPROP, [watch], recordings=2)
    seen = watch.take()
    assert seen.neurons == EPROP.network.neurons
    assert seen.spikes().shape == (first.bins + second.bins, seen.neurons)
    assert 0 < seen.spikes().mean() < 1
    assert seen.looks.tolist() == list(range(0, 2 * first.bins, EVERY))
    assert np.isnan(seen.change_norm[0]).all()
    assert (seen.change_norm[1:, :2] > 0).all()
    grown = np.abs(np.diff(seen.weight_norm, axis=0))
    assert (grown <= seen.change_norm[1:] + 1e-9).all()
    assert (seen.gradient_norm[1:] > 0).all()
    assert watch.take() is None


def test_a_decoder_that_is_no_network_is_let_pass():
    watch = SessionWatch()
    replayed(RlsSettings(lags=2), [watch])
    assert watch.take() is None
