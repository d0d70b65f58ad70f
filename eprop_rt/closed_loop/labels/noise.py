"""Noisy labels: turned at random, and moved at random."""

import math

import numpy as np

from eprop_rt.closed_loop.labels.source import Labels, LabelSource
from eprop_rt.closed_loop.population import Seed
from eprop_rt.closed_loop.scene import Scene
from eprop_rt.errors import ConfigError
from eprop_rt.series import F64


class Noise:
    """Turns each label by a normal angle and adds normal noise, each bin and axis apart.

    `noise_deg` and `noise_cm_s` are standard deviations; a label of zero has no direction to turn.
    """

    def __init__(
        self, source: LabelSource, noise_deg: float, noise_cm_s: float, seed: Seed = 0
    ) -> None:
        self._source = source
        self._angle, self._cm_s = math.radians(noise_deg), noise_cm_s
        self._draws = np.random.default_rng(seed)

    def label(self, scene: Scene) -> Labels:
        """What the source says, with noise; ConfigError where there is nothing to turn in."""
        said = self._source.label(scene)
        earlier = tuple((age, self._disturbed(one)) for age, one in said.earlier)
        return Labels(self._disturbed(said.now), earlier)

    def _disturbed(self, label: F64) -> F64:
        if self._angle > 0:
            if len(label) != 2:
                raise ConfigError(
                    f"labels.noise_deg came with {len(label)} outputs, and turns labels of 2: "
                    "give labels.noise_cm_s instead"
                )
            angle = self._angle * self._draws.standard_normal()
            (x, y), cosine, sine = label, math.cos(angle), math.sin(angle)
            label = np.array([cosine * x - sine * y, sine * x + cosine * y])
        if self._cm_s > 0:
            label = label + self._cm_s * self._draws.standard_normal(len(label))
        return label

    def restart(self, seed: Seed) -> None:
        """Draw from a new seed, and restart the source."""
        self._draws, others = np.random.default_rng(seed).spawn(2)
        self._source.restart(others)
