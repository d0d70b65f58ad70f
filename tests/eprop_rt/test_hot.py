"""Hot settings: a table of names, values checked as at the start, the same as a rebuilt engine."""

import pytest

from eprop_rt.config import (
    EpropSettings,
    OnlineSettings,
    PenaltySettings,
    ReadoutSettings,
    RlsSettings,
    StaticSettings,
)
from eprop_rt.decoder import build_decoder
from eprop_rt.errors import ConfigError
from eprop_rt.orders import Set
from guarded import BIN_S, CHANNELS, EPROP, OUTPUTS, data_path, player, session

RATES = {
    "decoder.online.learning_rate": 5e-3,
    "decoder.rehearsal.learning_rate": 2e-3,
    "decoder.rehearsal.steps_per_bin": 9.0,
}
ENGINES = {
    "dense": EPROP,
    "decay": EPROP.model_copy(update={"penalties": PenaltySettings(weight_decay=0.1)}),
    "deferred": EPROP.model_copy(
        update={
            "online": OnlineSettings(schedule="deferred", deferral_bins=4),
            "penalties": PenaltySettings(weight_decay=0.1),
        }
    ),
    "event": EPROP.model_copy(
        update={
            "online": OnlineSettings(schedule="event"),
            "network": EPROP.network.model_copy(update={"adaptive_fraction": 0.0}),
        }
    ),
    "adam": EPROP.model_copy(
        update={
            "online": OnlineSettings(optimiser="adam", update_every=3),
            "readout": ReadoutSettings(rule="adam"),
        }
    ),
}


def changed(settings: EpropSettings, readout: bool) -> EpropSettings:
    dump = settings.model_dump()
    dump["online"]["learning_rate"] = RATES["decoder.online.learning_rate"]
    dump["rehearsal"]["learning_rate"] = RATES["decoder.rehearsal.learning_rate"]
    dump["rehearsal"]["steps_per_bin"] = RATES["decoder.rehearsal.steps_per_bin"]
    if readout:
        dump["readout"]["learning_rate"] = 0.05
    return EpropSettings.model_validate(dump)


@pytest.mark.parametrize("kind", ENGINES)
def test_an_engine_told_goes_on_like_one_rebuilt_with_the_new_settings(kind):
    one = player(6, ENGINES[kind])
    one.play(3)
    one.pipeline.obey(Set(RATES | {"decoder.readout.learning_rate": 0.05}))
    told = one.pipeline.decoder
    rebuilt = build_decoder(changed(ENGINES[kind], True), CHANNELS, OUTPUTS, BIN_S)
    rebuilt.restore(told.snapshot())
    assert told.settings == rebuilt.settings
    counts, labels = session(2, seed=9)
    for at, label in enumerate(labels):
        x = counts[10 * at : 10 * at + 10].sum(axis=0)
        assert told.predict_one(x).tobytes() == rebuilt.predict_one(x).tobytes()
        for decoder in (told, rebuilt):
            decoder.learn_one(label)
            decoder.rehearse()
    one_snapshot, other = told.snapshot(), rebuilt.snapshot()
    assert {k: a.tobytes() for k, a in one_snapshot.items()} == {
        k: a.tobytes() for k, a in other.items()
    }


def test_the_settings_in_force_are_told():
    one = data_path()
    one.obey(Set({"guard.loss_ratio": 7.0, "decoder.rehearsal.steps_per_bin": 0}))
    assert one.guard.settings.loss_ratio == 7.0
    assert one.hot.values()["guard.loss_ratio"] == 7.0
    assert one.decoder.settings.rehearsal.steps_per_bin == 0
    assert one.hot.values()["decoder.rehearsal.steps_per_bin"] == 0


def test_an_unknown_name_is_refused_with_the_nearest_known_one():
    one = data_path()
    with pytest.raises(ConfigError, match=r"did you mean decoder\.online\.learning_rate\?"):
        one.obey(Set({"decoder.online.learning_rat": 1.0}))
    with pytest.raises(ConfigError, match=r"decoder\.seed cannot be set while running"):
        one.obey(Set({"decoder.seed": 1}))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"decoder.online.learning_rate": -1.0}, "decoder.online.learning_rate: .*greater than 0"),
        ({"decoder.online.learning_rate": "fast"}, "decoder.online.learning_rate: .*'fast'"),
        ({"guard.artefact_share": 2.0}, "guard.artefact_share: "),
        ({"guard.absent_share": 0.9, "guard.lost_share": 0.5}, "guard: absent_share 0.9 > "),
    ],
)
def test_a_value_that_does_not_fit_changes_nothing(values, said):
    one = data_path()
    before = one.hot
    with pytest.raises(ConfigError, match=said) as refused:
        one.obey(Set({"guard.calm_s": 1.0} | values))
    assert "\n" not in str(refused.value)
    assert one.hot == before


def test_baselines_have_no_hot_settings_but_the_guards():
    for decoder in (RlsSettings(lags=2), StaticSettings(network=EPROP.network)):
        names = data_path(decoder).hot.names()
        assert names
        assert all(name.startswith("guard.") for name in names)


def test_a_readout_without_a_rate_has_none_to_set():
    settings = EPROP.model_copy(update={"readout": ReadoutSettings(rule="none")})
    assert "decoder.readout.learning_rate" not in data_path(settings).hot.names()
    assert "decoder.readout.learning_rate" in data_path(EPROP).hot.names()
