"""What happens to an array in the middle of its use; every kind acts on a share of the units.

loss        they fall silent
shift       they hear other directions (new weights from the same distribution)
drift       the depth of their modulation moves to another, over `over_trials`
shuffle     they change channels among each other
noisy       they fire at a rate of their own, whatever is intended
baseline    their rate at rest rises
added_noisy channels that were silent begin to fire, as many as the share of the units
added_dead  as many silent channels were there all the time: what they cost
latency     in that share of the bins the counts come late, by up to `latest_bins`
restart     that share of the trials begins with a gap and a decoder reset
zero        nothing, and nothing was learned before: from zero weights
none        nothing
"""

import math
from typing import Annotated, Literal, Self, get_args

import numpy as np
from pydantic import Field, model_validator

from eprop_rt.config import Positive, Settings, Share
from eprop_rt.errors import ConfigError
from eprop_rt.kernels.closed_loop.population import Tuning
from eprop_rt.series import F64
from eprop_rt.structs import Ints

PerturbationKind = Literal[
    "loss", "shift", "drift", "shuffle", "noisy", "baseline", "added_noisy", "added_dead",
    "latency", "restart", "zero", "none",
]  # fmt: skip
NEEDS_NO_SHARE = ("zero", "none")
LATEST_BINS = 100  # counts come so late at most


class PerturbationSettings(Settings):
    """A kind, and how much of the array it takes."""

    kind: PerturbationKind = "shift"
    share: Share = 0.6
    over_trials: Annotated[int, Field(ge=1)] = Field(50, description="of drift")
    drift_to: tuple[Positive, Positive] = Field((0.2, 1.5), description="of drift: times the depth")
    noise_hz: tuple[float, float] = Field((5.0, 60.0), description="of noisy channels")
    baseline_hz: tuple[float, float] = Field((5.0, 25.0), description="of baseline: the rise")
    latest_bins: Annotated[int, Field(ge=1, le=LATEST_BINS)] = 5
    gap_s: Positive = Field(0.5, description="of restart")

    @model_validator(mode="after")
    def _bounds_are_ordered(self) -> Self:
        for name in ("drift_to", "noise_hz", "baseline_hz"):
            low, high = getattr(self, name)
            if not 0 <= low <= high:
                raise ConfigError(
                    f"{name} is ({low}, {high}); expected 0 <= low <= high: swap them"
                )
        return self

    @property
    def name(self) -> str:
        """Such as `shift 60 %`."""
        return self.kind if self.kind in NEEDS_NO_SHARE else f"{self.kind} {100 * self.share:g} %"

    def spare(self, units: int) -> int:
        """How many channels it needs beside those of the array."""
        return round(self.share * units) if self.kind.startswith("added") else 0


def parse_perturbation(text: str) -> PerturbationSettings:
    """`shift:0.6`, `zero`; raises ConfigError in one line."""
    kind, _, share = text.partition(":")
    try:
        given = {"kind": kind} | ({"share": float(share)} if share else {})
        return PerturbationSettings.model_validate(given)
    except ValueError:
        known = ", ".join(get_args(PerturbationKind))
        raise ConfigError(
            f"perturbation {text!r}: expected KIND or KIND:SHARE with a share from 0 to 1; KIND is "
            f"one of {known}"
        ) from None


class Perturbation:
    """One strike on one population; `other` is a second draw of the same kind of population."""

    def __init__(
        self, settings: PerturbationSettings, units: int, rng: np.random.Generator
    ) -> None:
        self._settings, self._units, self._rng = settings, units, rng
        self._drift: F64 = np.ones(units)

    def strike(self, tuning: Tuning, other: Tuning) -> None:
        """Change the arrays of `tuning`."""
        settings, rng = self._settings, self._rng
        hit = np.sort(rng.permutation(self._units)[: round(settings.share * self._units)])
        match settings.kind:
            case "loss":
                tuning.alive[hit] = 0.0
            case "shift":
                tuning.w[hit] = other.w[hit]
            case "drift":
                low, high = (math.log(x) for x in settings.drift_to)
                self._drift[hit] = np.exp(rng.uniform(low, high, len(hit)))
            case "shuffle":
                _shuffle(tuning, hit, rng)
            case "noisy":
                _make_noisy(tuning, hit, rng.uniform(*settings.noise_hz, len(hit)))
            case "baseline":
                tuning.floor_hz[hit] += rng.uniform(*settings.baseline_hz, len(hit))
            case "added_noisy":
                spare = np.arange(self._units, len(tuning.b))
                _make_noisy(tuning, spare, rng.uniform(*settings.noise_hz, len(spare)))
            case _:
                pass

    def go_on(self, tuning: Tuning, trial: int) -> None:
        """Move what moves gradually to where it is after so many trials."""
        if self._settings.kind == "drift":
            share = min(1.0, trial / self._settings.over_trials)
            tuning.gain[: self._units] = self._drift**share


def _make_noisy(tuning: Tuning, hit: Ints, rates_hz: F64) -> None:
    for modulation in (tuning.w, tuning.b, tuning.s, tuning.c, tuning.span_hz):
        modulation[hit] = 0.0
    tuning.floor_hz[hit] = rates_hz
    tuning.alive[hit] = 1.0


def _shuffle(tuning: Tuning, hit: Ints, rng: np.random.Generator) -> None:
    source = hit[rng.permutation(len(hit))]
    t = tuning
    for each in (t.w, t.b, t.h, t.k, t.s, t.c, t.floor_hz, t.span_hz, t.gain, t.alive):
        each[hit] = each[source]


def silence(tuning: Tuning) -> None:
    """The dead array: nothing is heard on any channel."""
    tuning.alive[:] = 0.0
