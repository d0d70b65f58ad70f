"""Populations of the bench: settings of each kind, drawn from a seed into a kernel's arrays."""

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field, ValidationInfo

from eprop_rt.config import NonNegative, Positive, Settings, Share
from eprop_rt.errors import ConfigError
from eprop_rt.kernels.closed_loop.population import Tuning
from eprop_rt.series import F64

Units = Annotated[int, Field(ge=1, le=4096)]


def _in_order(least: float) -> AfterValidator:
    """Bounds of a uniform draw, in order and not below `least`; ConfigError where they are not."""

    def check(bounds: tuple[float, float], field: ValidationInfo) -> tuple[float, float]:
        low, high = bounds
        if not least <= low <= high < math.inf:
            raise ConfigError(
                f"{field.field_name} is ({low}, {high}); expected {least:g} <= low <= high: swap "
                "or raise them"
            )
        return bounds

    return AfterValidator(check)


Range = Annotated[tuple[float, float], _in_order(0.0)]


class CosineTuning(Settings):
    """Rates follow a rectified cosine of the intended direction, linear in speed.

    `depths_hz` is the change of rate from rest to a movement at `typical_speed_cm_s` along the
    preferred direction. Ranges are bounds of uniform draws. Source: Georgopoulos et al. 1982, J.
    Neurosci. 2:1527; Moran and Schwartz 1999, J. Neurophysiol. 82:2676.
    """

    kind: Literal["cosine"] = "cosine"
    units: Units = 96
    baselines_hz: Range = (4.0, 20.0)
    depths_hz: Range = (5.0, 25.0)
    typical_speed_cm_s: Positive = 17.0
    untuned_fraction: Share = 0.15


class AccelerationTuning(Settings):
    """The population of the literature's common simulator: tuned to the change of velocity.

    ip = clip(slope c.dv / full_change + N(0, noise), 0, 1), rate = least + (most - least) ip, at
    most one spike a tick; c a random unit vector, `least_hz` 0 in half of the units. Source:
    Taeckens and Shah 2024, J. Neural Eng. 20:066042; Zhou and Basu.
    """

    kind: Literal["acceleration"] = "acceleration"
    units: Units = 46
    slope: Positive = 1.5
    full_change_cm_s: Positive = Field(6.0, description="max_accel: of velocity, in one tick")
    noise: NonNegative = 0.3
    least_hz: Range = (0.0, 5.0)
    most_hz: Range = (40.0, 100.0)
    silent_at_rest: Share = 0.5


class HistoryTuning(Settings):
    """Units that hear velocity through a memory of their own, and position.

    The drive by velocity passes a first-order filter with the unit's time constant; `memory` is how
    much of that past stands in for the present: 1 is the past alone, below 0 the unit adapts.
    `position_depths_hz` is the change of rate `typical_distance_cm` away from the centre. A drive
    of `bend_at_hz` is a rate of as much; others go with its `power`. Sources: Paninski et al. 2004,
    J. Neurophysiol. 91:515 (position and velocity at many lags) and J. Neurosci. 24:8551 (rates
    rise faster than linearly); Churchland and Shenoy 2007, J. Neurophysiol. 97:4235 (time courses
    that differ from unit to unit).
    """

    kind: Literal["history"] = "history"
    units: Units = 96
    baselines_hz: Range = (4.0, 20.0)
    depths_hz: Range = (10.0, 40.0)
    typical_speed_cm_s: Positive = 17.0
    position_depths_hz: Range = (0.0, 15.0)
    typical_distance_cm: Positive = 9.0
    memory: Annotated[tuple[float, float], _in_order(-2.0)] = (-1.0, 1.0)
    memory_tau_s: Range = (0.05, 0.6)
    power: Annotated[float, Field(ge=1, le=4)] = 1.0
    bend_at_hz: Positive = 20.0


class NonlinearTuning(Settings):
    """Units that mix saturating combinations of velocity and position, with noise in common.

    z = tanh(M [velocity / typical, position / typical, 1]) with `mixtures` rows of normal numbers
    of size `mixing`, rates are rectified sums over z; slow noise of `shared_hz` is common to the
    units along `latents` directions. Sources: Rigotti et al. 2013, Nature 497:585 (mixed
    selectivity); Cohen and Kohn 2011, Nat. Neurosci. 14:811 (noise correlations).
    """

    kind: Literal["nonlinear"] = "nonlinear"
    units: Units = 96
    baselines_hz: Range = (4.0, 20.0)
    depths_hz: Range = (10.0, 40.0)
    typical_speed_cm_s: Positive = 17.0
    typical_distance_cm: Positive = 9.0
    mixtures: Annotated[int, Field(ge=1, le=256)] = 16
    mixing: Positive = 1.5
    latents: Annotated[int, Field(ge=0, le=64)] = 3
    shared_hz: NonNegative = 3.0
    shared_tau_s: Positive = 0.1


class GainFieldTuning(Settings):
    """Units that multiply a Gaussian of velocity with a slope of position, with noise in common.

    rate = baseline + depth max(0, 1 + k.position) exp(-|velocity - c|^2 / (2 width^2)): c of every
    direction and up to `farthest_cm_s`, k of every direction, `slopes` its size at
    `typical_distance_cm`. `shared_hz` of slow noise is common to the units along `latents`
    directions. Sources: Hwang et al. 2003, PLoS Biology 1:e25 (a gain field of position and
    velocity); Cohen and Kohn 2011, Nat. Neurosci. 14:811 (noise correlations).
    """

    kind: Literal["gain_field"] = "gain_field"
    units: Units = 96
    baselines_hz: Range = (2.0, 10.0)
    depths_hz: Range = (15.0, 45.0)
    farthest_cm_s: Positive = 20.0
    width_cm_s: Positive = 10.0
    slopes: Range = (0.5, 1.5)
    typical_distance_cm: Positive = 9.0
    latents: Annotated[int, Field(ge=0, le=64)] = 3
    shared_hz: NonNegative = 3.0
    shared_tau_s: Positive = 0.1


TuningSettings = Annotated[
    CosineTuning | AccelerationTuning | HistoryTuning | NonlinearTuning | GainFieldTuning,
    Field(discriminator="kind"),
]


def draw_tuning(
    settings: TuningSettings, axes: int, tick_s: float, rng: np.random.Generator, spare: int = 0
) -> Tuning:
    """The arrays of one population; `spare` units after the others are silent."""
    units = settings.units
    tuning = _blank(units + spare, axes, settings)
    tuning.alive[units:] = 0.0
    match settings:
        case CosineTuning():
            _draw_cosine(settings, tuning, axes, rng)
        case AccelerationTuning():
            _draw_acceleration(settings, tuning, axes, rng)
        case HistoryTuning():
            _draw_history(settings, tuning, axes, tick_s, rng)
        case NonlinearTuning():
            _draw_nonlinear(settings, tuning, axes, tick_s, rng)
        case GainFieldTuning():
            _draw_gain_field(settings, tuning, axes, tick_s, rng)
    return tuning


def _blank(units: int, axes: int, settings: TuningSettings) -> Tuning:
    """A population that hears nothing and never fires."""
    hidden = settings.mixtures if isinstance(settings, NonlinearTuning) else 0
    latents = settings.latents if isinstance(settings, NonlinearTuning | GainFieldTuning) else 0
    heard = 1 + 2 * axes if isinstance(settings, GainFieldTuning) else hidden or 3 * axes
    zeros = [np.zeros(units) for _ in range(6)]
    return Tuning(
        w=np.zeros((units, heard)),
        b=zeros[0],
        h=zeros[1],
        k=zeros[2],
        s=zeros[3],
        c=np.zeros((units, latents)),
        q=np.zeros(latents),
        m=np.zeros((hidden, 3 * axes + 1)),
        floor_hz=zeros[4],
        span_hz=zeros[5],
        gain=np.ones(units),
        alive=np.ones(units),
        top=np.array([np.inf]),
        width=np.zeros(1),
        bend=np.ones(2),
        at_most_one=np.zeros(1),
    )


def unit_vectors(units: int, axes: int, rng: np.random.Generator) -> F64:
    """Directions (units, axes), spread evenly in two dimensions, drawn in any other number."""
    if axes == 2:
        angle = 2 * np.pi * (np.arange(units) + rng.uniform(0, 1, units)) / units
        angle = rng.permutation(angle)
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return random_vectors(units, axes, rng)


def random_vectors(units: int, axes: int, rng: np.random.Generator) -> F64:
    """Directions (units, axes), every one as likely."""
    drawn = rng.standard_normal((units, axes))
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), np.float64)


def _draw_cosine(
    settings: CosineTuning, tuning: Tuning, axes: int, rng: np.random.Generator
) -> None:
    units = settings.units
    tuning.b[:units] = rng.uniform(*settings.baselines_hz, units)
    depth_hz = rng.uniform(*settings.depths_hz, units)
    depth_hz[rng.permutation(units)[: round(settings.untuned_fraction * units)]] = 0.0
    gain = depth_hz / settings.typical_speed_cm_s
    tuning.w[:units, :axes] = unit_vectors(units, axes, rng) * gain[:, None]
    tuning.span_hz[:units] = 1.0


def _draw_acceleration(
    settings: AccelerationTuning, tuning: Tuning, axes: int, rng: np.random.Generator
) -> None:
    units = settings.units
    directions = random_vectors(units, axes, rng)
    tuning.w[:units, axes : 2 * axes] = directions * settings.slope / settings.full_change_cm_s
    tuning.s[:units] = settings.noise
    least_hz = rng.uniform(*settings.least_hz, units)
    least_hz *= rng.uniform(0, 1, units) >= settings.silent_at_rest
    tuning.floor_hz[:units] = least_hz
    tuning.span_hz[:units] = rng.uniform(*settings.most_hz, units) - least_hz
    tuning.top[0] = 1.0
    tuning.at_most_one[0] = 1.0


def _draw_history(
    settings: HistoryTuning, tuning: Tuning, axes: int, tick_s: float, rng: np.random.Generator
) -> None:
    units = settings.units
    tuning.b[:units] = rng.uniform(*settings.baselines_hz, units)
    gain = rng.uniform(*settings.depths_hz, units) / settings.typical_speed_cm_s
    tuning.w[:units, :axes] = unit_vectors(units, axes, rng) * gain[:, None]
    gain = rng.uniform(*settings.position_depths_hz, units) / settings.typical_distance_cm
    tuning.w[:units, 2 * axes :] = unit_vectors(units, axes, rng) * gain[:, None]
    tuning.h[:units] = rng.uniform(*settings.memory, units)
    low_s, high_s = settings.memory_tau_s
    tau_s = np.exp(rng.uniform(math.log(low_s), math.log(high_s), units))
    tuning.k[:units] = np.exp(-tick_s / tau_s)
    tuning.span_hz[:units] = 1.0
    tuning.bend[:] = settings.power, settings.bend_at_hz


def _draw_nonlinear(
    settings: NonlinearTuning, tuning: Tuning, axes: int, tick_s: float, rng: np.random.Generator
) -> None:
    units, mixtures = settings.units, settings.mixtures
    mixing = settings.mixing * rng.standard_normal((mixtures, 2 * axes + 1))
    tuning.m[:, :axes] = mixing[:, :axes] / settings.typical_speed_cm_s
    tuning.m[:, 2 * axes : 3 * axes] = mixing[:, axes:-1] / settings.typical_distance_cm
    tuning.m[:, -1] = mixing[:, -1] / 2
    tuning.b[:units] = rng.uniform(*settings.baselines_hz, units)
    depth_hz = rng.uniform(*settings.depths_hz, units)
    tuning.w[:units] = rng.standard_normal((units, mixtures)) * depth_hz[:, None]
    tuning.w[:units] /= math.sqrt(mixtures)
    tuning.c[:units] = settings.shared_hz * rng.standard_normal((units, settings.latents))
    tuning.q[:] = math.exp(-tick_s / settings.shared_tau_s)
    tuning.span_hz[:units] = 1.0


def _draw_gain_field(
    settings: GainFieldTuning, tuning: Tuning, axes: int, tick_s: float, rng: np.random.Generator
) -> None:
    units = settings.units
    tuning.b[:units] = rng.uniform(*settings.baselines_hz, units)
    tuning.w[:units, 0] = rng.uniform(*settings.depths_hz, units)
    speeds = rng.uniform(0, settings.farthest_cm_s, units)
    tuning.w[:units, 1 : 1 + axes] = unit_vectors(units, axes, rng) * speeds[:, None]
    slopes = rng.uniform(*settings.slopes, units) / settings.typical_distance_cm
    tuning.w[:units, 1 + axes :] = random_vectors(units, axes, rng) * slopes[:, None]
    tuning.width[0] = settings.width_cm_s
    tuning.c[:units] = settings.shared_hz * rng.standard_normal((units, settings.latents))
    tuning.q[:] = math.exp(-tick_s / settings.shared_tau_s)
    tuning.span_hz[:units] = 1.0
