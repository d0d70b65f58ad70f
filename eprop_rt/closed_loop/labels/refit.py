"""The rotation of ReFIT: the cursor's velocity turned towards the target, its speed kept.

Gilja et al. 2012, Nat. Neurosci. 15:1752. A cursor that rests teaches to rest: the decoder
must be calibrated first, or `least_speed_cm_s` be above 0.
"""

import math

import numpy as np

from eprop_rt.closed_loop.labels.source import Labels, absent, unknown
from eprop_rt.closed_loop.population import Seed
from eprop_rt.closed_loop.scene import Scene
from eprop_rt.intention import towards


class RefitSource:
    """The cursor's speed, at least `least_speed_cm_s`, straight to the target; zero inside it."""

    def __init__(self, least_speed_cm_s: float = 0.0) -> None:
        self._least_speed_cm_s = least_speed_cm_s

    def label(self, scene: Scene) -> Labels:
        """The velocity of this bin, turned; unknown where there is no target."""
        speed = math.hypot(*scene.velocity)
        if absent(scene.target):
            return Labels(unknown(scene))
        if scene.inside:
            return Labels(np.zeros(len(scene.target)))
        speed = max(speed, self._least_speed_cm_s)
        return Labels(towards(scene.position, scene.target, speed))

    def restart(self, seed: Seed) -> None:
        """Change nothing: there is nothing to draw or to remember."""
