"""What a source of labels is: scenes go in, labels come out, of this bin and of earlier ones."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from eprop_rt.closed_loop.population import Seed
from eprop_rt.closed_loop.scene import Scene
from eprop_rt.series import F64


@dataclass(frozen=True, slots=True)
class Labels:
    """What became known at the end of a bin.

    `now` (outputs,) is of this bin, NaN where unknown. `earlier` holds labels (outputs,) of bins
    gone by with their age in bins, 0 for this one: for `decoder.relabel`, after `learn_one`.
    """

    now: F64
    earlier: tuple[tuple[int, F64], ...] = ()


class LabelSource(Protocol):
    """Asked once at the end of every bin that is learned from, and of no other."""

    def label(self, scene: Scene) -> Labels:
        """What is known by now."""

    def restart(self, seed: Seed) -> None:
        """Forget the bins gone by, and draw from a new seed."""


def unknown(scene: Scene) -> F64:
    """No label (axes,)."""
    return np.full(len(scene.position), np.nan)


def absent(vector: F64) -> bool:
    """Whether a target or label (axes,) is NaN; it is so on all axes or on none."""
    return math.isnan(vector[0])
