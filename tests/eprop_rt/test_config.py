import math

import numpy as np
import pytest
from pydantic import ValidationError

from eprop_rt.build import build_params
from eprop_rt.config import (
    AdaptiveKalmanSettings,
    BinSettings,
    EpropSettings,
    KalmanSettings,
    LdaSettings,
    LstmSettings,
    MeanSettings,
    NetworkSettings,
    NlmsSettings,
    OnlineSettings,
    PipelineSettings,
    ReadoutSettings,
    RehearsalSettings,
    RlsSettings,
    ScaleSettings,
    StaticSettings,
    SurrogateSettings,
    WienerSettings,
    ZeroSettings,
)
from eprop_rt.decoder import build_decoder
from eprop_rt.errors import ConfigError, EpropError

F64 = np.dtype(np.float64)
ALL = [
    BinSettings,
    EpropSettings,
    MeanSettings,
    NetworkSettings,
    OnlineSettings,
    PipelineSettings,
    ReadoutSettings,
    RehearsalSettings,
    RlsSettings,
    ScaleSettings,
    SurrogateSettings,
    WienerSettings,
    ZeroSettings,
]


@pytest.mark.parametrize("section", ALL)
def test_defaults_are_valid_and_frozen_and_survive_a_round_trip(section):
    settings = section()
    assert section.model_validate_json(settings.model_dump_json()) == settings
    for name in section.model_fields:
        with pytest.raises(ValidationError):
            setattr(settings, name, getattr(settings, name))


@pytest.mark.parametrize("section", ALL)
def test_an_unknown_key_is_refused_by_name(section):
    with pytest.raises(ValidationError, match="neuronz"):
        section.model_validate({"neuronz": 3})


def test_an_unknown_key_is_refused_however_deep_it_lies():
    for at in ("network", "online", "readout", "rehearsal", "inputs", "targets"):
        with pytest.raises(ValidationError, match=f"{at}.neuronz"):
            EpropSettings.model_validate({at: {"neuronz": 3}})
    with pytest.raises(ValidationError, match="neuronz"):
        PipelineSettings.model_validate({"decoder": {"kind": "rls", "neuronz": 3}})


KINDS = (
    EpropSettings,
    StaticSettings,
    LstmSettings,
    AdaptiveKalmanSettings,
    KalmanSettings,
    RlsSettings,
    NlmsSettings,
    WienerSettings,
    LdaSettings,
    MeanSettings,
    ZeroSettings,
)


def test_a_decoder_is_chosen_by_its_kind():
    for settings in (kind() for kind in KINDS):
        given = {"decoder": {"kind": settings.kind}}
        assert PipelineSettings.model_validate(given).decoder == settings
    with pytest.raises(ValidationError, match="oracle"):
        PipelineSettings.model_validate({"decoder": {"kind": "oracle"}})


@pytest.mark.parametrize(
    ("section", "given", "told"),
    [
        (NetworkSettings, {"membrane_tau_s": (1.2, 0.1)}, "shortest first"),
        (NetworkSettings, {"neurons": 8, "tau_groups": 9}, "at most one each"),
        (OnlineSettings, {"optimiser": "adam", "schedule": "deferred"}, "schedule: accumulated"),
        (OnlineSettings, {"optimiser": "momentum", "schedule": "event"}, "optimiser: rms"),
        (OnlineSettings, {"update_every": 5, "schedule": "dense"}, "schedule: accumulated"),
        (OnlineSettings, {"update_every": 5, "schedule": "event"}, "update_every: 1"),
        (OnlineSettings, {"eligibility": "rank_one", "optimiser": "adam"}, "sgd or rms"),
        (OnlineSettings, {"eligibility": "rank_one", "schedule": "deferred"}, "schedule: dense"),
        (OnlineSettings, {"feedback": "external", "optimiser": "none"}, "sgd or rms"),
        (EpropSettings, {"online": {"schedule": "event"}}, "adaptive_fraction: 0"),
        (
            EpropSettings,
            {"online": {"schedule": "deferred"}, "penalties": {"weight_clamp": 1.0}},
            "schedule: dense",
        ),
        (
            EpropSettings,
            {"online": {"optimiser": "adam"}, "penalties": {"update_norm": 1.0}},
            "optimiser: sgd",
        ),
        (
            EpropSettings,
            {"online": {"eligibility": "rank_one"}, "penalties": {"voltage_l2": 1.0}},
            "eligibility: full",
        ),
        (EpropSettings, {"online": {"feedback": "external"}}, "steps_per_bin: 0"),
        (EpropSettings, {"loss": "softmax", "readout": {"rule": "rls"}}, "rule: delta"),
        (EpropSettings, {"loss": "softmax", "rehearsal": {"error_knee": 1.0}}, "leave them out"),
        (EpropSettings, {"loss": "softmax", "rehearsal": {"label_knee": 1.0}}, "leave them out"),
        (NetworkSettings, {"spikes": "escape"}, "height to null"),
        (RehearsalSettings, {"segment_s": 1.0, "warm_up_s": 1.0}, "warm_up_s"),
        (RehearsalSettings, {"segment_s": 10.0, "memory_s": 19.0}, "memory_s"),
    ],
)
def test_contradictions_are_refused_and_say_what_to_do(section, given, told):
    with pytest.raises(ValidationError, match=told):
        section.model_validate(given)


@pytest.mark.parametrize(
    ("section", "given"),
    [
        (BinSettings, {"bin_s": 0}),
        (BinSettings, {"bin_s": -0.05}),
        (BinSettings, {"bin_s": math.inf}),
        (BinSettings, {"bin_s": math.nan}),
        (BinSettings, {"reduce": "median"}),
        (BinSettings, {"max_disorder_s": -1}),
        (BinSettings, {"reset_after_gap_s": 0}),
        (ScaleSettings, {"clip": 0}),
        (ScaleSettings, {"half_life_s": 0}),
        (SurrogateSettings, {"width": 0}),
        (SurrogateSettings, {"height": -0.3}),
        (NetworkSettings, {"neurons": 0}),
        (NetworkSettings, {"neurons": 2.5}),
        (NetworkSettings, {"tau_groups": 0}),
        (NetworkSettings, {"adaptive_fraction": 1.1}),
        (NetworkSettings, {"adaptive_fraction": math.nan}),
        (NetworkSettings, {"membrane_tau_s": (0.0, 1.0)}),
        (NetworkSettings, {"membrane_tau_s": (0.1,)}),
        (NetworkSettings, {"threshold": 0}),
        (NetworkSettings, {"readout_tau_s": math.inf}),
        (OnlineSettings, {"learning_rate": 0}),
        (OnlineSettings, {"update_every": 0, "optimiser": "adam"}),
        (ReadoutSettings, {"rule": "lms"}),
        (ReadoutSettings, {"lags": -1}),
        (ReadoutSettings, {"trace_tau_s": (0.1, 0.0)}),
        (ReadoutSettings, {"ridge": 0}),
        (RehearsalSettings, {"steps_per_bin": -1}),
        (RehearsalSettings, {"steps_per_bin": math.inf}),
        (RehearsalSettings, {"segments_per_update": 0}),
        (RehearsalSettings, {"clip_norm": 0}),
        (EpropSettings, {"seed": -1}),
        (EpropSettings, {"seed": 2**63}),
        (EpropSettings, {"dtype": "float16"}),
        (RlsSettings, {"forgetting": 1.01}),
        (RlsSettings, {"forgetting": math.nan}),
        (RlsSettings, {"lags": 0}),
        (WienerSettings, {"ridge": (0.0,)}),
        (WienerSettings, {"ridge": ()}),
        (WienerSettings, {"lags": 0}),
        (NlmsSettings, {"step": 2.0}),
        (KalmanSettings, {"lead_s": -0.1}),
        (AdaptiveKalmanSettings, {"half_life_s": 0.0}),
        (LstmSettings, {"dropout": 1.0}),
    ],
)
def test_a_value_out_of_range_is_refused(section, given):
    with pytest.raises(ValidationError):
        section.model_validate(given)


def test_a_refractory_time_below_one_bin_is_refused_in_one_line():
    settings = EpropSettings(network=NetworkSettings(refractory_s=0.004))
    with pytest.raises(ConfigError, match=r"refractory_s.*0\.004.*one bin") as refused:
        build_decoder(settings, 4, 2, 0.05)
    assert isinstance(refused.value, EpropError)
    assert "\n" not in str(refused.value)
    assert build_params(settings.network, 0.004, F64).refractory == 1


def test_time_constants_become_decays_a_bin():
    settings = NetworkSettings(
        neurons=10, tau_groups=3, membrane_tau_s=(0.1, 0.9), adaptation_tau_s=2.0, readout_tau_s=0.3
    )
    for bin_s in (0.02, 0.1):
        params = build_params(settings, bin_s, F64)
        np.testing.assert_allclose(params.group_alpha, np.exp(-bin_s / np.array([0.1, 0.3, 0.9])))
        assert params.rho == pytest.approx(math.exp(-bin_s / 2.0))
        assert params.kappa == pytest.approx(math.exp(-bin_s / 0.3))
        assert params.kappa + params.kappa_in == pytest.approx(1)
        starts = params.group_start
        assert (starts[0], starts[-1]) == (0, 10)
        for g, alpha in enumerate(params.group_alpha):
            assert (params.alpha[starts[g] : starts[g + 1]] == alpha).all()


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.25, 0.3, 0.5, 0.7, 1.0])
@pytest.mark.parametrize("neurons", [1, 10, 40, 256])
def test_the_adaptive_share_of_the_neurons_adapts(fraction, neurons):
    settings = NetworkSettings(neurons=neurons, tau_groups=1, adaptive_fraction=fraction)
    beta = build_params(settings, 0.05, F64).beta
    assert abs((beta > 0).sum() - fraction * neurons) < 1
    assert abs((beta[: neurons // 2] > 0).sum() - fraction * (neurons // 2)) < 1
