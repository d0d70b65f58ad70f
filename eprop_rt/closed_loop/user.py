"""A simulated person who steers a cursor that they see late.

Every tick: `see` what is on the screen, then `intend` a velocity. What is on the screen reaches
the person `delay_s` later; the gap is bridged by an internal forward model, which lets the
seen cursor follow the person's own intents since then.

After the feedback control model of Willett et al. 2019, "Principled BCI Decoder Design and
Parameter Selection Using a Feedback Control Model", Scientific Reports 9:8881: a push towards
the target that is piecewise linear in distance, a damping that is piecewise linear in the estimated
speed, and autoregressive noise. Ours differs in that the noise of decoding comes from the
population.
"""

import math
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from eprop_rt.closed_loop.population import Seed
from eprop_rt.errors import ConfigError
from eprop_rt.series import F64

_ROUNDING_S = 1e-9  # times are sums of ticks


class UserSettings(BaseModel):
    """How the person sees, believes and pushes.

    `push_cm_s` holds the push at each of `push_distances_cm` from the edge of the resting zone,
    linear in between and constant beyond; inside `rest_fraction` of the target's radius there is
    none. `damping` times the estimated velocity is taken from the push, so that a cursor that
    follows well cruises at push / (1 + damping); where there are `damping_speeds_cm_s`, what is
    taken has the size `damping_cm_s` at each of them, linear in between and constant beyond, and
    `damping` is not looked at. `follows_s` is the time constant with which the
    person believes the cursor to follow. `reaction_s` comes on top of `delay_s`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["late"] = "late"
    delay_s: float = Field(default=0.1, ge=0)
    reaction_s: float = Field(default=0.2, ge=0)
    velocity_window_s: float = Field(default=0.05, gt=0)
    follows_s: float = Field(default=0.08, gt=0)
    push_distances_cm: tuple[float, ...] = (0.0, 5.0)
    push_cm_s: tuple[float, ...] = (0.0, 22.0)
    rest_fraction: float = Field(default=0.2, ge=0, le=1)
    damping: float = Field(default=0.3, ge=0)
    damping_speeds_cm_s: tuple[float, ...] = ()
    damping_cm_s: tuple[float, ...] = ()
    noise_cm_s: float = Field(default=1.5, ge=0)
    noise_time_s: float = Field(default=0.1, gt=0)

    @model_validator(mode="after")
    def _push_and_damping_are_curves(self) -> Self:
        if not self.push_distances_cm or not _make_a_curve(self.push_distances_cm, self.push_cm_s):
            raise ConfigError(
                f"push_distances_cm {self.push_distances_cm} and push_cm_s {self.push_cm_s} do not "
                "make a curve; expected as many of each, distances rising"
            )
        if not _make_a_curve(self.damping_speeds_cm_s, self.damping_cm_s):
            raise ConfigError(
                f"damping_speeds_cm_s {self.damping_speeds_cm_s} and damping_cm_s "
                f"{self.damping_cm_s} do not make a curve; expected as many of each, speeds rising"
            )
        return self


def _make_a_curve(at: tuple[float, ...], values: tuple[float, ...]) -> bool:
    return len(at) == len(values) and all(a < b for a, b in pairwise(at))


@dataclass(frozen=True, slots=True)
class _Frame:
    """What the screen showed at one tick; a target of NaN means none."""

    time_s: float
    position: F64
    target: F64
    radius_cm: float


@dataclass(frozen=True, slots=True)
class _Intent:
    """What the person wanted during one tick, before noise, and what share of it should follow."""

    time_s: float
    dt_s: float
    vx: float
    vy: float
    follows: float


class User:
    """A person who pushes towards the target from delayed vision and a memory of own intents."""

    def __init__(self, settings: UserSettings, seed: Seed) -> None:
        self._settings = settings
        self.restart(seed)

    def restart(self, seed: Seed) -> None:
        """Forget everything seen and intended, and draw noise from a new seed."""
        self._rng = np.random.default_rng(seed)
        self._time_s = 0.0
        self._frames: deque[_Frame] = deque()
        self._intents: deque[_Intent] = deque()
        self._noise = np.zeros(2)
        nothing = _Frame(0.0, np.zeros(2), np.full(2, np.nan), 0.0)
        self._aim = nothing
        self._next_aim = nothing

    def see(self, position: F64, target: F64, radius_cm: float) -> None:
        """Show the screen of this tick: cursor (2,), target (2,) or NaN, the target's radius."""
        frame = _Frame(self._time_s, position.copy(), target.copy(), radius_cm)
        self._frames.append(frame)

    def intend(self, dt_s: float) -> F64:
        """Return the velocity (2,) in cm/s that the person intends during the next `dt_s`."""
        wanted = np.zeros(2)
        seen = self._delayed_frame()
        if seen is not None:
            self._notice_target(seen)
            wanted = self._push(*self._estimate(seen))
        follows = 1 - math.exp(-dt_s / self._settings.follows_s)
        vx, vy = wanted.tolist()
        self._intents.append(_Intent(self._time_s, dt_s, vx, vy, follows))
        self._time_s += dt_s
        return wanted + self._next_noise(dt_s)

    def _delayed_frame(self) -> _Frame | None:
        """Return the newest frame that is `delay_s` old, dropping those too old for use."""
        settings, frames = self._settings, self._frames
        newest_s = self._time_s - settings.delay_s + _ROUNDING_S
        while len(frames) > 1 and frames[1].time_s <= newest_s - settings.velocity_window_s:
            frames.popleft()
        return next((frame for frame in reversed(frames) if frame.time_s <= newest_s), None)

    def _notice_target(self, seen: _Frame) -> None:
        """Take up a new target once the reaction time has passed since it was noticed."""
        if not np.array_equal(seen.target, self._next_aim.target, equal_nan=True):
            self._next_aim = seen
        noticed_s = self._next_aim.time_s + self._settings.delay_s
        if self._time_s >= noticed_s + self._settings.reaction_s - _ROUNDING_S:
            self._aim = self._next_aim

    def _estimate(self, seen: _Frame) -> tuple[F64, F64]:
        """Estimate position and velocity now: the seen cursor, led on by the intents since."""
        while self._intents and self._intents[0].time_s < seen.time_s - _ROUNDING_S:
            self._intents.popleft()
        oldest = self._frames[0]
        span_s = seen.time_s - oldest.time_s
        x, y = seen.position.tolist()
        vx, vy = 0.0, 0.0
        if span_s > 0:
            vx, vy = ((seen.position - oldest.position) / span_s).tolist()
        for intent in self._intents:  # in plain numbers: the ticks of a delay, at every tick
            vx += intent.follows * (intent.vx - vx)
            vy += intent.follows * (intent.vy - vy)
            x += vx * intent.dt_s
            y += vy * intent.dt_s
        return np.array([x, y]), np.array([vx, vy])

    def _push(self, position: F64, velocity: F64) -> F64:
        """Push towards the aim, less the damping; only damp where there is no aim."""
        settings, aim = self._settings, self._aim
        damping = self._damping(velocity)
        if np.isnan(aim.target[0]):
            return -damping
        way = aim.target - position
        distance = math.hypot(way[0], way[1])
        beyond_rest = distance - settings.rest_fraction * aim.radius_cm
        if beyond_rest <= 0:
            return -damping
        push = np.interp(beyond_rest, settings.push_distances_cm, settings.push_cm_s)
        return way * (push / distance) - damping

    def _damping(self, velocity: F64) -> F64:
        """What is taken from the push (2,), along the estimated velocity (2,)."""
        settings = self._settings
        if not settings.damping_speeds_cm_s:
            return settings.damping * velocity
        speed = math.hypot(velocity[0], velocity[1])
        size = np.interp(speed, settings.damping_speeds_cm_s, settings.damping_cm_s)
        return velocity * (size / speed) if speed > 0 else np.zeros(2)

    def _next_noise(self, dt_s: float) -> F64:
        """Step the first-order autoregressive noise (2,), stationary at `noise_cm_s`."""
        keep = math.exp(-dt_s / self._settings.noise_time_s)
        fresh = self._settings.noise_cm_s * math.sqrt(1 - keep * keep)
        self._noise = keep * self._noise + fresh * self._rng.standard_normal(2)
        return self._noise
