"""Intention as optimal feedback control: what somebody who minimises error and effort would do.

Of each axis, with e = position - target and v the cursor's velocity, the plant of one bin is

    v' = a v + (1 - a) u,   e' = e + dt v',   a = exp(-dt / smoothing_s)

and the command u = -(k_e e + k_v v) minimises the sum over all bins to come of

    e^2 + (velocity_s v)^2 + (effort_s u)^2.

The gain follows from the discrete algebraic Riccati equation, solved once, when built:

    P = Q + A'PA - A'PB (R + B'PB)^-1 B'PA,   k = (R + B'PB)^-1 B'PA.

Benyamini and Zacksenhouse 2015, Front. Syst. Neurosci. 9:71, explain neural modulation by such a
policy; Shanechi et al. 2016, PLoS Comput. Biol. 12:e1004730, teach a decoder from one.
"""

import math

import numpy as np

from eprop_rt.closed_loop.labels.source import Labels, absent, unknown
from eprop_rt.closed_loop.population import Seed
from eprop_rt.closed_loop.scene import Scene
from eprop_rt.config import NonNegative, Positive, Settings
from eprop_rt.errors import ConfigError
from eprop_rt.series import F64

DOUBLINGS = 60  # 2^60 bins ahead


class OptimalSettings(Settings):
    """The plant, and what velocity and effort cost beside a distance: times, as cm/s become cm."""

    smoothing_s: NonNegative = 0.05
    velocity_s: NonNegative = 0.1
    effort_s: Positive = 0.2


class OptimalSource:
    """The optimal command from where the cursor is and how it moves, at most `speed_cm_s`."""

    def __init__(self, settings: OptimalSettings, speed_cm_s: float, bin_s: float) -> None:
        self._speed_cm_s = speed_cm_s
        self.of_error, self.of_velocity = feedback_gain(settings, bin_s)

    def label(self, scene: Scene) -> Labels:
        """The policy's command; unknown where there is no target. On the target it brakes."""
        if absent(scene.target):
            return Labels(unknown(scene))
        wanted = self.of_error * (scene.target - scene.position) - self.of_velocity * scene.velocity
        speed = math.hypot(*wanted)
        return Labels(wanted * min(1.0, self._speed_cm_s / max(speed, 1e-12)))

    def restart(self, seed: Seed) -> None:
        """Change nothing: there is nothing to draw or to remember."""


def feedback_gain(settings: OptimalSettings, bin_s: float) -> tuple[float, float]:
    """The gains on error (1/s) and on velocity (no unit) of one axis."""
    keeps = math.exp(-bin_s / settings.smoothing_s) if settings.smoothing_s > 0 else 0.0
    a = np.array([[1.0, bin_s * keeps], [0.0, keeps]])
    b = np.array([[bin_s * (1 - keeps)], [1 - keeps]])
    q = np.diag([1.0, settings.velocity_s**2])
    r = np.array([[settings.effort_s**2]])
    p = riccati(a, b, q, r)
    of_error, of_velocity = np.linalg.solve(r + b.T @ p @ b, b.T @ p @ a)[0]
    return float(of_error), float(of_velocity)


def riccati(a: F64, b: F64, q: F64, r: F64) -> F64:
    """The stabilising solution P of the discrete algebraic Riccati equation, by doubling.

    Chu, Fan, Lin and Wang 2004, Int. J. Control 77:767. ConfigError where it does not converge.
    """
    one = np.eye(len(a))
    g, p = b @ np.linalg.solve(r, b.T), q
    for _ in range(DOUBLINGS):
        ahead = np.linalg.solve(one + g @ p, np.hstack((a, g)))
        through, grown = ahead[:, : len(a)], ahead[:, len(a) :]
        change = a.T @ p @ through
        g = g + a @ grown @ a.T
        a, p = a @ through, p + change
        if np.abs(change).max() <= 1e-14 * np.abs(p).max():
            return np.asarray(p)
    raise ConfigError("labels.optimal has no steady policy: raise effort_s, or lower smoothing_s")
