"""Configuration of `eprop-rt closedloop`: a room, a course, and the decoders that take it."""

from collections.abc import Sequence
from importlib import resources
from typing import Annotated

from pydantic import Field, ValidationError, field_validator

from eprop_rt.closed_loop.course import BenchSettings
from eprop_rt.closed_loop.perturbation import PerturbationSettings
from eprop_rt.closed_loop.refitted import RefitSettings
from eprop_rt.config import DecoderSettings, EpropSettings, Positive, RlsSettings
from eprop_rt.errors import ConfigError
from eprop_rt.hot import merged
from eprop_rt_services.config import explain, parse_overrides, read_mapping

PRESETS = resources.files("eprop_rt_services.rooms") / "presets"


class RoomConfig(BenchSettings):
    """Everything that `closedloop` can be told; the decoders are compared on the same draws."""

    decoders: dict[str, DecoderSettings] = Field(
        {"eprop": EpropSettings(), "rls": RlsSettings()}, min_length=1
    )
    refit: RefitSettings = Field(
        RefitSettings(), description="of decoders that are fitted at once: wiener, kalman, lstm"
    )
    half_life_s: Positive | None = Field(
        None, description="age at which what any decoder was taught counts half; none: its own"
    )
    perturbations: tuple[PerturbationSettings, ...] = Field(
        (PerturbationSettings(),), min_length=1, description="each from the same learned decoder"
    )
    simulations: Annotated[int, Field(ge=1, le=10_000)] = 10
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0

    @field_validator("perturbations")
    @classmethod
    def _each_once(
        cls, given: tuple[PerturbationSettings, ...]
    ) -> tuple[PerturbationSettings, ...]:
        names = [each.name for each in given]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"{twice[0]} came twice: leave one of them out")
        return given


def load_room_config(name: str, overrides: Sequence[str] = ()) -> RoomConfig:
    """Read a YAML file or `preset:NAME`; `-o` goes before it. Raises ConfigError in one line."""
    content = merged(read_mapping(name, PRESETS), parse_overrides(overrides))
    try:
        return RoomConfig.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{name}: {explain(error, RoomConfig)}") from None


def entered(config: RoomConfig, names: str) -> RoomConfig:
    """With only those decoders that are named, as in `eprop,rls`; all where none is."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in config.decoders]
    if unknown:
        raise ConfigError(
            f"--decoders {unknown[0]}: the configuration has {', '.join(config.decoders)}; take "
            f"some of them, or add -o decoders.{unknown[0]}.kind=KIND"
        )
    chosen = {name: config.decoders[name] for name in wanted} or config.decoders
    return config.model_copy(update={"decoders": chosen})
