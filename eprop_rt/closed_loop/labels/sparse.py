"""Sparse labels: most bins have none."""

import numpy as np

from eprop_rt.closed_loop.labels.source import Labels, LabelSource, unknown
from eprop_rt.closed_loop.population import Seed
from eprop_rt.closed_loop.scene import Scene


class Sparse:
    """Lets a `share` of the labels through, drawn for each bin apart."""

    def __init__(self, source: LabelSource, share: float, seed: Seed = 0) -> None:
        self._source, self._share = source, share
        self._draws = np.random.default_rng(seed)

    def label(self, scene: Scene) -> Labels:
        """What the source says, thinned."""
        said = self._source.label(scene)
        now = said.now if self._kept() else unknown(scene)
        return Labels(now, tuple(one for one in said.earlier if self._kept()))

    def _kept(self) -> bool:
        return bool(self._draws.random() < self._share)

    def restart(self, seed: Seed) -> None:
        """Draw from a new seed, and restart the source."""
        self._draws, others = np.random.default_rng(seed).spawn(2)
        self._source.restart(others)
