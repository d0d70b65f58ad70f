"""Retrospective inference: only what was selected in the end tells where the way there led.

Jarosiewicz et al. 2015, Sci. Transl. Med. 7:313ra179. No target needs to be known beforehand: at a
SUCCESS or a SELECTED the bins of the approach get their labels, all at once and late.
"""

from collections import deque
from dataclasses import replace

from eprop_rt.closed_loop.labels.source import Labels, LabelSource, absent, unknown
from eprop_rt.closed_loop.population import Seed
from eprop_rt.closed_loop.scene import Event, Scene
from eprop_rt.series import F64

_ENDS = (Event.SUCCESS, Event.SELECTED, Event.FAILURE)


class RetrospectiveSource:
    """Asks `source` about each bin of an approach again, as though its target had been known.

    An approach begins when a target comes on or the one before has ended, and goes back by
    `lookback` bins at most. The bin of the selection is not part of it: by its end the cursor may
    have been put back, and the next target be there. A FAILURE teaches nothing.
    """

    def __init__(self, source: LabelSource, lookback: int) -> None:
        self._source = source
        self._approach: deque[Scene] = deque(maxlen=lookback)

    def label(self, scene: Scene) -> Labels:
        """Nothing until a selection; then labels of all bins that led there."""
        if scene.event is Event.TARGET_ON:
            self._approach.clear()
        if scene.event not in _ENDS:
            self._approach.append(scene)
            return Labels(unknown(scene))
        approach = tuple(self._approach)
        self._approach.clear()
        if scene.event is Event.FAILURE or not approach:
            return Labels(unknown(scene))
        target, radius_cm = selected(scene.event, approach[-1])
        known = (self._source.label(aimed(one, target, radius_cm)).now for one in approach)
        aged = zip(range(len(approach), 0, -1), known, strict=True)
        earlier = tuple((age, label) for age, label in aged if not absent(label))
        return Labels(unknown(scene), earlier)

    def restart(self, seed: Seed) -> None:
        """Forget the approach."""
        self._approach.clear()
        self._source.restart(seed)


def selected(event: Event, last: Scene) -> tuple[F64, float]:
    """Where a selection was, and how wide: a target that was won, else where the cursor rested."""
    won = event is Event.SUCCESS and not absent(last.target)
    return (last.target if won else last.position), last.radius_cm


def aimed(scene: Scene, target: F64, radius_cm: float) -> Scene:
    """The same scene with another target (axes,)."""
    way = target - scene.position
    inside = bool(way @ way <= radius_cm * radius_cm)
    return replace(scene, target=target, radius_cm=radius_cm, inside=inside)
