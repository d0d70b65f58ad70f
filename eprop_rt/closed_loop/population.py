"""A population of motor-cortical units tuned to intended velocity: all that a decoder may hear."""

import math
from typing import Protocol, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from eprop_rt.errors import ConfigError
from eprop_rt.series import F64

Seed = int | np.random.SeedSequence | np.random.Generator


class Population(Protocol):
    """Anything that turns an intended velocity into spike counts, afresh from a seed."""

    @property
    def units(self) -> int:
        """How many units there are."""

    def counts(self, velocity_cm_s: F64, dt_s: float) -> F64:
        """Counts (units,) of one interval."""

    def restart(self, seed: Seed) -> None:
        """Begin new draws from the same tuning."""


class PopulationSettings(BaseModel):
    """How the units are tuned; ranges are bounds of uniform draws, rates in Hz.

    `depths_hz` is the change of rate from rest to a movement at `typical_speed_cm_s` along the
    preferred direction. `untuned_fraction` of the units fire at their baseline whatever happens.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    units: int = Field(default=96, ge=1)
    baselines_hz: tuple[float, float] = (4.0, 20.0)
    depths_hz: tuple[float, float] = (5.0, 25.0)
    typical_speed_cm_s: float = Field(default=17.0, gt=0)
    untuned_fraction: float = Field(default=0.15, ge=0, le=1)

    @model_validator(mode="after")
    def _ranges_are_ordered(self) -> Self:
        for name, (low, high) in (
            ("baselines_hz", self.baselines_hz),
            ("depths_hz", self.depths_hz),
        ):
            if not 0 <= low <= high < math.inf:
                raise ConfigError(
                    f"{name} is ({low}, {high}); expected 0 <= low <= high, in Hz: "
                    "swap or raise them"
                )
        return self


class CosinePopulation:
    """Poisson units whose rate is a rectified cosine of the direction, linear in speed.

    Source: Georgopoulos et al. 1982, J. Neurosci. 2:1527; scaled by speed as in Moran and
    Schwartz 1999, J. Neurophysiol. 82:2676.
    """

    def __init__(self, settings: PopulationSettings, seed: Seed) -> None:
        tuning, self._draws = np.random.default_rng(seed).spawn(2)
        self._baseline_hz = tuning.uniform(*settings.baselines_hz, settings.units)
        depth_hz = tuning.uniform(*settings.depths_hz, settings.units)
        untuned = round(settings.untuned_fraction * settings.units)
        depth_hz[tuning.permutation(settings.units)[:untuned]] = 0.0
        angle = _spread_angles(settings.units, tuning)
        directions = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        self._gain = directions * (depth_hz / settings.typical_speed_cm_s)[:, None]

    @property
    def units(self) -> int:
        """How many units there are."""
        return len(self._baseline_hz)

    def rates_hz(self, velocity_cm_s: F64) -> F64:
        """Rates (units,) at an intended velocity (2,)."""
        rates: F64 = np.maximum(self._baseline_hz + self._gain @ velocity_cm_s, 0.0)
        return rates

    def counts(self, velocity_cm_s: F64, dt_s: float) -> F64:
        """Poisson counts (units,) of an interval of `dt_s` at an intended velocity (2,)."""
        return self._draws.poisson(self.rates_hz(velocity_cm_s) * dt_s).astype(np.float64)

    def restart(self, seed: Seed) -> None:
        """Begin new Poisson draws; the tuning stays."""
        self._draws = np.random.default_rng(seed)


def _spread_angles(units: int, rng: np.random.Generator) -> F64:
    """Angles (units,) in radians, one in each equal sector of the circle, in random order."""
    angle: F64 = 2 * np.pi * (np.arange(units) + rng.uniform(0, 1, units)) / units
    return rng.permutation(angle)
