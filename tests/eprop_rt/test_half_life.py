"""A half-life means the same for decoders of any kind: what is so old counts half."""

import numpy as np
import pytest

from eprop_rt.config import (
    AdaptiveKalmanSettings,
    EpropSettings,
    LdaSettings,
    NlmsSettings,
    OnlineSettings,
    ReadoutSettings,
    RehearsalSettings,
    RlsSettings,
    StaticSettings,
    WienerSettings,
)
from eprop_rt.decoder import build_decoder
from eprop_rt.errors import ConfigError
from eprop_rt.half_life import decoder_with_half_life

BIN_S = 0.02


def with_half_life(settings, half_life_s=60.0, inputs=10):
    return decoder_with_half_life(settings, half_life_s, BIN_S, inputs)


def test_least_squares_count_the_past_half_after_one_half_life():
    # One constant feature: the weight is the weighted mean of the labels, 0 before and 1 after.
    half_life_s = 2.0
    settings = with_half_life(RlsSettings(lags=1, ridge=1e-9), half_life_s)
    decoder = build_decoder(settings, 1, 1, BIN_S)
    for value, bins in ((0.0, 5000), (1.0, 100)):
        for _ in range(bins):
            said = decoder.predict_one(np.zeros(1, np.float32))
            decoder.learn_one(np.array([value], np.float32))
    said = decoder.predict_one(np.zeros(1, np.float32))
    assert said[0] == pytest.approx(0.5, abs=0.01)


def test_normalised_least_mean_squares_lose_half_an_error_in_one_half_life():
    inputs, half_life_s = 40, 20.0
    settings = with_half_life(NlmsSettings(lags=1), half_life_s, inputs)
    draws = np.random.default_rng(0)
    decoder = build_decoder(settings, inputs, 1, BIN_S)
    true = draws.normal(0, 1, inputs)
    errors = []
    for _ in range(4000):
        x = draws.normal(0, 1, inputs).astype(np.float32)
        said = decoder.predict_one(x)
        errors.append((x @ true - said[0]) ** 2)
        decoder.learn_one(np.array([x @ true], np.float32))
    bins = round(half_life_s / BIN_S)
    early, late = np.mean(errors[100:400]), np.mean(errors[100 + bins : 400 + bins])
    assert np.sqrt(late / early) == pytest.approx(0.5, abs=0.08)


def test_what_has_a_half_life_of_its_own_takes_it_as_it_is():
    assert with_half_life(AdaptiveKalmanSettings()).half_life_s == 60
    static = with_half_life(StaticSettings())
    assert static.readout.forgetting_half_life_s == 60
    rls = EpropSettings(readout=ReadoutSettings(rule="rls"))
    assert with_half_life(rls).readout.forgetting_half_life_s == 60


def test_half_of_what_is_rehearsed_is_younger_than_the_half_life():
    assert with_half_life(EpropSettings()).rehearsal.memory_s == 120


def test_what_learns_nothing_online_stays_as_it_is():
    for settings in (WienerSettings(), LdaSettings()):
        assert with_half_life(settings) == settings


def test_the_new_settings_are_settings_that_hold():
    for settings in (RlsSettings(), NlmsSettings(), EpropSettings(), StaticSettings()):
        changed = with_half_life(settings, 5.0)
        assert type(settings).model_validate(changed.model_dump()) == changed


def test_gradient_steps_alone_have_no_half_life():
    online = EpropSettings(
        online=OnlineSettings(),
        rehearsal=RehearsalSettings(steps_per_bin=0),
        readout=ReadoutSettings(),
    )
    with pytest.raises(ConfigError, match=r"set readout\.rule: rls"):
        with_half_life(online)


@pytest.mark.parametrize("settings", [RlsSettings(), EpropSettings()])
def test_a_half_life_too_short_is_said_so(settings):
    with pytest.raises(ConfigError, match="too short for this decoder: give more than"):
        with_half_life(settings, 0.05)
