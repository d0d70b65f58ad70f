"""Replays and their cache: nothing is computed twice, and nothing stale is taken."""

import dataclasses
from importlib.util import find_spec

import numpy as np
import pytest

from eprop_rt.config import (
    BinSettings,
    EpropSettings,
    NetworkSettings,
    RehearsalSettings,
    RlsSettings,
    StaticSettings,
    WienerSettings,
)
from eprop_rt.errors import ConfigError
from eprop_rt.series import StreamInfo
from eprop_rt_services.recordings import Recording, Series
from eprop_rt_services.replay import COMPARABLE, Contestant, compared, contestant
from eprop_rt_services.replay.cache import KEPT, ResultCache, cache_folder
from eprop_rt_services.replay.comparable import with_late_labels
from eprop_rt_services.replay.conditions import Condition, Perturbation
from eprop_rt_services.replay.contestant import AS_RECORDED, Setting

BINS = BinSettings(bin_s=0.05)
RLS = RlsSettings(lags=2)


def session(seed=0, bins=300, channels=5, jump=False):
    rng = np.random.default_rng(seed)
    stamps = np.arange(bins) * 0.05
    wave = np.sin(np.arange(bins)[:, None] * (0.05, 0.08)).astype(np.float32)
    weights = np.random.default_rng(9).normal(0, 1, (2, channels))
    counts = rng.poisson(np.maximum(2 + wave @ weights, 0.1)).astype(np.float32)
    if jump:
        counts[bins // 2 :] = counts[bins // 2 :, ::-1]
    return Recording(
        f"session {seed}",
        Series(StreamInfo("spikes", channels, 20.0), stamps, counts),
        Series(StreamInfo("velocity", 2, 20.0), stamps, wave),
    )


def replay(settings, recordings, folder, condition=AS_RECORDED, bins=BINS):
    one = Contestant("it", settings, Setting(bins, condition, ResultCache(folder)))
    return [one.replay(recording, lambda _: None) for recording in recordings]


@pytest.fixture
def never(monkeypatch):
    """From here on, nothing may be replayed."""

    def forbid():
        def refuse(*_, **__):
            raise AssertionError("it was replayed again")

        monkeypatch.setattr(contestant, "run_through", refuse)

    return forbid


def test_the_second_run_computes_nothing_and_says_the_same(tmp_path, never):
    recordings = [session(0), session(1)]
    first = replay(RLS, recordings, tmp_path)
    never()
    for before, after in zip(first, replay(RLS, recordings, tmp_path), strict=True):
        assert (before.cached, after.cached) == (False, True)
        assert after.digest == before.digest
        assert after.seconds == before.seconds
        assert after.cost.macs == before.cost.macs
        assert after.events == before.events
        np.testing.assert_array_equal(after.predicted, before.predicted)
        np.testing.assert_array_equal(after.score.r2_last20, before.score.r2_last20)


OTHERS = {
    "another setting": {"settings": RLS.model_copy(update={"ridge": 2.0})},
    "another kind": {"settings": WienerSettings(lags=2)},
    "another bin": {"bins": BinSettings(bin_s=0.1)},
    "another condition": {"condition": Condition(label_share=0.5)},
    "another seed of it": {"condition": Condition(seed=1)},
    "another recording": {"recordings": [session(2)]},
    "another one before it": {"recordings": [session(2), session(0)]},
}


@pytest.mark.parametrize("change", OTHERS)
def test_whatever_changes_the_result_is_computed(change, tmp_path):
    usual = {"settings": RLS, "recordings": [session(0)], "folder": tmp_path}
    replay(**usual)
    assert not any(one.cached for one in replay(**{**usual, **OTHERS[change]}))


def test_a_label_that_differs_is_another_recording(tmp_path):
    given = session(0)
    replay(RLS, [given], tmp_path)
    values = given.labels.values.copy()
    values[7, 0] += 1
    changed = dataclasses.replace(given, labels=dataclasses.replace(given.labels, values=values))
    assert not replay(RLS, [changed], tmp_path)[0].cached


def test_other_code_computes_again(tmp_path, monkeypatch):
    replay(RLS, [session(0)], tmp_path)
    monkeypatch.setattr(contestant, "code_version", lambda: "tomorrow's")
    assert not replay(RLS, [session(0)], tmp_path)[0].cached


def test_after_a_cached_recording_the_next_one_is_as_if_nothing_had_been(tmp_path):
    both = [session(0), session(1)]
    without = replay(RLS, both, None)
    replay(RLS, both[:1], tmp_path)
    came = replay(RLS, both, tmp_path)
    assert [one.cached for one in came] == [True, False]
    assert came[1].digest == without[1].digest


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 cut", b"no zip at all"])
def test_a_damaged_result_is_computed_again(tmp_path, damage):
    replay(RLS, [session(0)], tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(damage)
    assert not replay(RLS, [session(0)], tmp_path)[0].cached
    assert replay(RLS, [session(0)], tmp_path)[0].cached


def test_a_folder_that_cannot_be_written_is_no_obstacle(tmp_path):
    (tmp_path / "a file").touch()
    results = [replay(RLS, [session(0)], tmp_path / "a file" / "below") for _ in range(2)]
    assert not any(one.cached for (one,) in results)
    assert results[0][0].digest == results[1][0].digest


def test_old_results_make_room(tmp_path):
    cache = ResultCache(tmp_path)
    for k in range(KEPT + 3):
        (tmp_path / f"{k}.npz").touch()
    cache.store("new", {"a": np.zeros(1)}, {})
    assert len(list(tmp_path.glob("*.npz"))) == KEPT
    assert cache.load("new") is not None


def test_the_cache_is_where_xdg_says(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "eprop-rt" / "replay"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder().parts[-3:] == (".cache", "eprop-rt", "replay")


def test_a_sweep_is_the_same_every_time():
    condition = Condition(0.2, 0.4, Perturbation("loss", 0.4, 0.5), seed=3)
    digests = {replay(RLS, [session(0)], None, condition)[0].digest for _ in range(2)}
    assert len(digests) == 1
    assert digests != {replay(RLS, [session(0)], None)[0].digest}


def test_offline_decoders_are_fitted_before_a_perturbation():
    whole = session(0, bins=600)
    jumped = session(0, bins=600, jump=True)
    settings = WienerSettings(lags=2)
    unaware = Condition(perturbation=Perturbation("loss", 0.2, 0.5))
    (before,), (after,) = (replay(settings, [r], None, unaware) for r in (whole, jumped))
    np.testing.assert_array_equal(before.predicted[:300], after.predicted[:300])
    (fooled,) = replay(settings, [jumped], None)
    assert (fooled.predicted[:300] != after.predicted[:300]).any()


def test_late_labels_reach_every_decoder_that_learns():
    network = NetworkSettings(neurons=8, tau_groups=2)
    eprop = EpropSettings(network=network, rehearsal=RehearsalSettings(steps_per_bin=0))
    for name in ("rls", "nlms", "adaptive_kalman", "static", "mean"):
        settings = compared(name, eprop)[name]
        (came,) = replay(settings, [session(0, bins=200)], None, Condition(label_delay_s=2.5))
        assert "late_label" not in came.events, name
    (came,) = replay(eprop, [session(0, bins=200)], None, Condition(label_delay_s=2.5))
    assert "late_label" not in came.events
    assert with_late_labels(WienerSettings(), 1.0) == WienerSettings()


def test_a_static_network_is_that_of_the_decoder_in_question():
    eprop = EpropSettings(seed=5, network=NetworkSettings(neurons=9, tau_groups=3))
    static = compared("static", eprop)["static"]
    assert isinstance(static, StaticSettings)
    assert (static.seed, static.network) == (5, eprop.network)
    assert static.as_eprop().rehearsal.steps_per_bin == 0
    assert static.as_eprop().readout.rule == "rls"


def test_names_stand_once_and_the_decoder_in_question_comes_first():
    assert list(compared("wiener, rls,wiener", RLS)) == ["rls", "wiener"]
    everyone = ",".join(name for name in COMPARABLE if name != "lstm")
    assert next(iter(compared(everyone, EpropSettings()))) == "eprop"
    with pytest.raises(ConfigError, match="oracle"):
        compared("rls,oracle", RLS)


def odd(name):
    given = session(0, bins=100)
    values = given.signal.values.copy()
    match name:
        case "no labels":
            return dataclasses.replace(given, labels=None)
        case "labels that are no numbers":
            nothing = np.full_like(given.labels.values, np.nan)
            return dataclasses.replace(
                given, labels=dataclasses.replace(given.labels, values=nothing)
            )
        case "bins that are no numbers":
            values[10:30] = np.nan
            values[40, 2] = np.inf
        case "constant channels":
            values[:] = 3
        case "one bin":
            return session(0, bins=1)
    return dataclasses.replace(given, signal=dataclasses.replace(given.signal, values=values))


ODD = (
    "no labels",
    "labels that are no numbers",
    "bins that are no numbers",
    "constant channels",
    "one bin",
)


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("condition", [AS_RECORDED, Condition(0.2, 0.5)])
def test_an_odd_recording_is_decoded_to_finite_numbers_by_everyone(name, condition):
    network = NetworkSettings(neurons=8, tau_groups=2)
    eprop = EpropSettings(network=network, rehearsal=RehearsalSettings(steps_per_bin=0))
    names = [k for k in COMPARABLE if k != "lstm" or find_spec("torch") is not None]
    for settings in compared(",".join(names), eprop).values():
        (came,) = replay(settings, [odd(name)], None, condition)
        assert came.bins == len(odd(name).signal.stamps)
        assert np.isfinite(came.predicted).all(), settings.kind
