"""Retrospective inference: only what was selected in the end tells where the way there led.

Jarosiewicz et al. 2015, Sci. Transl. Med. 7:313ra179. No target needs to be known beforehand: at a
SUCCESS or a SELECTED the bins of the approach get their labels, all at once and late.
"""

from collections import deque
from dataclasses import replace

import numpy as np

from eprop_rt.closed_loop.labels.source import Labels, LabelSource, unknown
from eprop_rt.closed_loop.population import Seed
from eprop_rt.closed_loop.scene import Event, Scene
from eprop_rt.series import F64

_ENDS = (Event.SUCCESS, Event.SELECTED, Event.FAILURE)


class RetrospectiveSource:
    """Asks `source` about each bin of an approach again, as though its target had been known.

    An approach begins when a target comes on or the one before has ended, and goes back by
    `lookback` bins at most. A FAILURE teaches nothing.
    """

    def __init__(self, source: LabelSource, lookback: int) -> None:
        self._source = source
        self._approach: deque[Scene] = deque(maxlen=lookback)

    def label(self, scene: Scene) -> Labels:
        """Nothing until a selection; then labels of all bins that led there."""
        if scene.event is Event.TARGET_ON:
            self._approach.clear()
        shown = self._approach[-1] if self._approach else scene
        self._approach.append(scene)
        if scene.event not in _ENDS:
            return Labels(unknown(scene))
        approach = tuple(self._approach)
        self._approach.clear()
        if scene.event is Event.FAILURE:
            return Labels(unknown(scene))
        target, radius_cm = selected(scene, shown)
        *before, now = (self._source.label(aimed(one, target, radius_cm)).now for one in approach)
        earlier = zip(range(len(before), 0, -1), before, strict=True)
        return Labels(now, tuple((age, one) for age, one in earlier if not np.isnan(one).any()))

    def restart(self, seed: Seed) -> None:
        """Forget the approach."""
        self._approach.clear()
        self._source.restart(seed)


def selected(scene: Scene, before: Scene) -> tuple[F64, float]:
    """Where a selection was, and how wide: a target that was won, else where the cursor rests.

    `before` is the bin before: by its end, the next target may be there already.
    """
    won = scene.event is Event.SUCCESS and not np.isnan(before.target).any()
    return (before.target, before.radius_cm) if won else (scene.position, scene.radius_cm)


def aimed(scene: Scene, target: F64, radius_cm: float) -> Scene:
    """The same scene with another target (axes,)."""
    way = target - scene.position
    inside = bool(way @ way <= radius_cm * radius_cm)
    return replace(scene, target=target, radius_cm=radius_cm, inside=inside)
