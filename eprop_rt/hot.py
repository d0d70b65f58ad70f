"""Hot settings: what may change while a session runs, declared here and nowhere else."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel, ValidationError

from eprop_rt.config import EpropSettings
from eprop_rt.errors import ConfigError
from eprop_rt.guard_settings import GuardSettings
from eprop_rt.orders import HotValue

M = TypeVar("M", bound=BaseModel)


@runtime_checkable
class Adjustable(Protocol):
    """A decoder with hot settings; `settings` are those in force."""

    settings: EpropSettings

    def adopt(self, settings: EpropSettings) -> None:
        """Go on as if built with these settings, which differ in hot ones only."""
        ...


@dataclass(frozen=True, slots=True)
class HotSettings:
    """What is in force; `decoder` None: one without hot settings."""

    decoder: EpropSettings | None
    guard: GuardSettings

    def names(self) -> list[str]:
        """Every name that may be set now."""
        guard = [f"guard.{name}" for name in GuardSettings.model_fields]
        return [*_of_decoder(self.decoder), *guard]

    def values(self) -> dict[str, HotValue]:
        """Every value in force, by name."""
        nested = {
            "decoder": {} if self.decoder is None else self.decoder.model_dump(mode="json"),
            "guard": self.guard.model_dump(mode="json"),
        }
        return {name: _look_up(nested, name) for name in self.names()}

    def changed(self, values: Mapping[str, HotValue]) -> "HotSettings":
        """The same with other values; raises ConfigError where a name or a value does not fit."""
        known = self.names()
        for name in values:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
                raise ConfigError(
                    f"{name} cannot be set while running: did you mean {near}? Others take a "
                    "restart"
                )
        sections = {section: _nested(values, section) for section in ("decoder", "guard")}
        decoder = self.decoder
        if decoder is not None and sections["decoder"]:
            decoder = _validated(decoder, sections["decoder"], "decoder")
        guard = _validated(self.guard, sections["guard"], "guard")
        return HotSettings(decoder, guard)


def _of_decoder(settings: EpropSettings | None) -> list[str]:
    """Rates, where there is something that has them."""
    if settings is None:
        return []
    learns = settings.online.optimiser != "none"
    rehearses = learns or settings.rehearsal.steps_per_bin > 0
    has = {
        "decoder.online.learning_rate": learns,
        "decoder.rehearsal.learning_rate": rehearses,
        "decoder.rehearsal.steps_per_bin": rehearses,
        "decoder.readout.learning_rate": settings.readout.rule in ("delta", "adam"),
    }
    return [name for name, there in has.items() if there]


def _nested(values: Mapping[str, HotValue], section: str) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, value in values.items():
        first, *sections, key = name.split(".")
        if first == section:
            level = nested
            for part in sections:
                level = level.setdefault(part, {})
            level[key] = value
    return nested


def _look_up(nested: Any, name: str) -> HotValue:
    for part in name.split("."):
        nested = nested[part]
    found: HotValue = nested
    return found


def _validated(settings: M, change: dict[str, Any], section: str) -> M:
    try:
        return type(settings).model_validate(merged(settings.model_dump(), change))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join([section, *(str(part) for part in first["loc"])])
        came = "" if isinstance(first["input"], dict) else f", got {first['input']!r}"
        raise ConfigError(f"{where}: {first['msg'].removeprefix('Value error, ')}{came}") from None


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`below` with every key that `above` gives, section by section."""
    result = dict(below)
    for key, value in above.items():
        inner = result.get(key)
        if isinstance(inner, dict) and isinstance(value, dict):
            result[key] = merged(inner, value)
        else:
            result[key] = value
    return result
