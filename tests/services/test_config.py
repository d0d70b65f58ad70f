import pytest
import yaml

from eprop_rt.config import EpropSettings, RlsSettings
from eprop_rt.errors import ConfigError
from eprop_rt_services.config import PRESETS, load_config

NAMES = sorted(p.name.removesuffix(".yaml") for p in PRESETS.iterdir())


def write(folder, text):
    path = folder / "settings.yaml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_loads_and_comes_back_from_its_own_print(name, tmp_path):
    config = load_config(f"preset:{name}")
    printed = yaml.safe_dump(config.model_dump(mode="json"))
    assert load_config(write(tmp_path, printed)) == config


def test_an_empty_file_means_the_defaults(tmp_path):
    assert isinstance(load_config(write(tmp_path, "")).decoder, EpropSettings)


def test_an_override_goes_before_the_environment_and_that_before_the_file(tmp_path, monkeypatch):
    path = write(tmp_path, "decoder: {kind: eprop, seed: 1}\nbins: {bin_s: 0.1}")
    monkeypatch.setenv("EPROP_RT__DECODER__SEED", "2")
    monkeypatch.setenv("EPROP_RT__BINS__BIN_S", "0.2")
    config = load_config(path, ["decoder.seed=3"])
    assert (config.decoder.seed, config.bins.bin_s) == (3, 0.2)


def test_an_override_replaces_one_key_and_leaves_its_neighbours():
    before = load_config("preset:reaching").decoder
    after = load_config("preset:reaching", ["decoder.rehearsal.steps_per_bin=7"]).decoder
    assert after.rehearsal.steps_per_bin == 7
    assert after.rehearsal.segment_s == before.rehearsal.segment_s
    assert after.network == before.network


def test_another_kind_of_decoder_takes_its_own_keys():
    config = load_config("preset:reaching", ["decoder.kind=rls", "decoder.lags=4"])
    assert config.decoder == RlsSettings(lags=4)
    assert config.bins == load_config("preset:reaching").bins
    with pytest.raises(ConfigError, match=r"unknown key decoder\.rehearsal"):
        load_config("preset:reaching", ["decoder.kind=rls", "decoder.rehearsal.segment_s=1"])


def test_a_file_may_name_another_kind_of_decoder(tmp_path):
    config = load_config(write(tmp_path, "decoder: {kind: rls, lags: 4}"))
    assert config.decoder == RlsSettings(lags=4)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("decoder: {kind: eprop, netwrk: {neurons: 4}}", "decoder.netwrk: did you mean network"),
        ("bins: {bin_ms: 50}", "bins.bin_ms: did you mean bin_s"),
        ("bns: {}", "bns: did you mean bins"),
        ("decoder: {kind: eprop, network: {neurns: 3}}", "did you mean neurons"),
        ("bins: {bin_s: -1}", "bins.bin_s.*greater than 0.*-1"),
        ("bins: {bin_s: fast}", "bins.bin_s.*'fast'"),
        ("decoder: {kind: magic}", "decoder"),
        (
            "decoder: {kind: eprop, online: {schedule: deferred, update_every: 4}}",
            "set update_every: 1, or schedule: accumulated",
        ),
        ("decoder: {kind: eprop, rehearsal: {warm_up_s: 9, segment_s: 3}}", "must hold"),
        ("[1, 2]", "holds a list"),
        ("a: [1", "not valid YAML in line"),
    ],
)
def test_a_mistake_is_told_in_one_line(text, told, tmp_path):
    with pytest.raises(ConfigError, match=told) as caught:
        load_config(write(tmp_path, text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("override", ["seed", "=3", "decoder.seed=1 more", "bins=3"])
def test_a_crooked_override_is_refused(override):
    with pytest.raises(ConfigError):
        load_config("preset:reaching", [override])


def test_a_missing_file_and_an_unknown_preset_say_what_to_give():
    with pytest.raises(ConfigError, match="preset:NAME"):
        load_config("no/such/file.yaml")
    with pytest.raises(ConfigError, match="reaching"):
        load_config("preset:rowing")
