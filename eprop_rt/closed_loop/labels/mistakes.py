"""Mistaken labels: in a share of the trials they lead to a target that was never there."""

import math
from dataclasses import replace
from typing import cast

import numpy as np

from eprop_rt.closed_loop.labels.retrospective import aimed
from eprop_rt.closed_loop.labels.source import Labels, LabelSource, absent
from eprop_rt.closed_loop.population import Seed
from eprop_rt.closed_loop.scene import Scene
from eprop_rt.series import F64


class Mistakes:
    """Shows a source another target in a `share` of the trials, drawn when its target comes on.

    The wrong one lies as far from where the cursor was then, turned by a multiple of 45 degrees;
    on the other side where there are not 2 axes. The oracle's intention is turned with it.
    """

    def __init__(self, source: LabelSource, share: float, seed: Seed = 0) -> None:
        self._source, self._share = source, share
        self._turn: F64 | None = None  # (axes, axes); none: this trial is not mistaken
        self._pivot = self._shown = np.full(1, np.nan)
        self._draws = np.random.default_rng(seed)

    def label(self, scene: Scene) -> Labels:
        """What the source says of the target that it is shown."""
        if scene.selected is not None and self._turn is not None:  # of the trial that ended
            scene = replace(scene, selected=self._turned(self._turn, scene.selected))
        if not np.array_equal(scene.target, self._shown, equal_nan=True):
            self._shown = scene.target.copy()
            self._pivot = scene.position.copy()
            self._turn = None if absent(scene.target) else self._drawn(len(scene.target))
        if self._turn is None:
            return self._source.label(scene)
        mistaken = aimed(scene, self._turned(self._turn, scene.target), scene.radius_cm)
        return self._source.label(replace(mistaken, intent=self._turn @ scene.intent))

    def _turned(self, turn: F64, target: F64) -> F64:
        return cast(F64, self._pivot + turn @ (target - self._pivot))

    def _drawn(self, axes: int) -> F64 | None:
        mistaken, eighths = self._draws.random() < self._share, self._draws.integers(1, 8)
        if not mistaken:
            return None
        if axes != 2:
            return -np.eye(axes)
        cosine, sine = math.cos(math.pi / 4 * eighths), math.sin(math.pi / 4 * eighths)
        return np.array([[cosine, -sine], [sine, cosine]])

    def restart(self, seed: Seed) -> None:
        """Draw from a new seed, and restart the source."""
        self._draws, others = np.random.default_rng(seed).spawn(2)
        self._turn, self._shown = None, np.full(1, np.nan)
        self._source.restart(others)
