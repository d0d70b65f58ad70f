import pytest
import yaml

from eprop_rt.errors import ConfigError
from eprop_rt_services.config import load_config
from eprop_rt_services.rooms.config import PRESETS, entered, load_room_config

NAMES = sorted(p.name.removesuffix(".yaml") for p in PRESETS.iterdir())


def write(folder, text):
    path = folder / "room.yaml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_of_a_room_loads_and_comes_back_from_its_own_print(name, tmp_path):
    config = load_room_config(f"preset:{name}")
    printed = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)
    again = load_room_config(write(tmp_path, printed))
    assert again == config
    assert list(again.decoders) == list(config.decoders)


def test_the_preset_of_the_literature_has_its_published_constants():
    room = load_room_config("preset:literature").room
    assert (room.tick_s, room.bin_s, room.population.units) == (0.01, 0.01, 46)
    assert (room.population.slope, room.population.noise) == (1.5, 0.3)
    assert room.population.full_change_cm_s * room.tick_s == pytest.approx(0.06)  # max_accel
    assert room.user.max_speed_cm_s * room.tick_s == pytest.approx(0.2)
    assert room.user.share == 0.3  # accel_const
    assert (room.task.distance_cm, room.task.radius_cm, room.task.timeout_s) == (8.0, 2.5, 3.0)
    assert (room.population.least_hz, room.population.most_hz) == ((0, 5), (40, 100))


def test_an_override_reaches_into_a_decoder_and_into_the_room():
    config = load_room_config(
        "preset:literature", ["decoders.rls.lags=7", "room.population.units=92"]
    )
    assert config.decoders["rls"].lags == 7
    assert config.room.population.units == 92


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("room: {task: {kind: centre_out, radius: 3}}", "unknown key room.task.radius: did you"),
        ("room: {population: {kind: cosine, unit: 3}}", "unknown key room.population.unit: did"),
        ("decoders: {a: {kind: rls, lag: 3}}", "unknown key decoders.a.lag: did you mean lags"),
        ("perturbations: [{kind: zero}, {kind: zero}]", "zero came twice"),
        ("decoders: {}", "decoders: "),
        ("output: {bounds: [2.0, 0.5]}", "bounds"),
    ],
)
def test_a_mistake_in_a_configuration_is_one_line(text, expected, tmp_path):
    with pytest.raises(ConfigError) as error:
        load_room_config(write(tmp_path, text))
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_a_decoder_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(ConfigError, match="--decoders lms: the configuration has eprop, rls"):
        entered(load_room_config("preset:literature"), "rls,lms")
    assert list(entered(load_room_config("preset:literature"), "rls").decoders) == ["rls"]


def test_a_preset_of_the_daemon_is_no_room_and_the_other_way_round():
    with pytest.raises(ConfigError, match="there is no preset:demo: take one of bench-cosine"):
        load_room_config("preset:demo")
    with pytest.raises(ConfigError, match="there is no preset:literature"):
        load_config("preset:literature")
