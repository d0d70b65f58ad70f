"""Direct to the target: the velocity that somebody who goes straight there would intend.

Gilja et al. 2012, Nat. Neurosci. 15:1752, with a speed of its own in place of the decoded one.
"""

import math

import numpy as np

from eprop_rt.closed_loop.labels.source import Labels, unknown
from eprop_rt.closed_loop.population import Seed
from eprop_rt.closed_loop.scene import Scene
from eprop_rt.intention import towards


class DirectSource:
    """Zero inside the target; outside `speed_cm_s`, less in proportion nearer than `slows_cm`."""

    def __init__(self, speed_cm_s: float, slows_cm: float) -> None:
        self._speed_cm_s, self._slows_cm = speed_cm_s, slows_cm

    def label(self, scene: Scene) -> Labels:
        """Straight to the target; unknown where there is none."""
        distance = math.dist(scene.target, scene.position)
        if math.isnan(distance):
            return Labels(unknown(scene))
        if scene.inside:
            return Labels(np.zeros(len(scene.target)))
        speed = self._speed_cm_s * min(1.0, distance / self._slows_cm)
        return Labels(towards(scene.position, scene.target, speed))

    def restart(self, seed: Seed) -> None:
        """Change nothing: there is nothing to draw or to remember."""
