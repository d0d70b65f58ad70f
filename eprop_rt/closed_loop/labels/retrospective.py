"""Retrospective inference: only what was selected in the end tells where the way there led.

Jarosiewicz et al. 2015, Sci. Transl. Med. 7:313ra179. At the end of a trial the bins of the
approach get their labels, all at once and late. Where something was selected nobody knows whether
it was what the user wanted: it is taken for the target, right or wrong, and no target needs to be
known. Where nothing can be selected but the target, a SUCCESS says that it was wanted.
"""

from collections import deque
from dataclasses import replace

from eprop_rt.closed_loop.labels.source import Labels, LabelSource, absent, unknown
from eprop_rt.closed_loop.population import Seed
from eprop_rt.closed_loop.scene import Event, Scene, within
from eprop_rt.series import F64

_ENDS = (Event.SUCCESS, Event.FAILURE)


class RetrospectiveSource:
    """Asks `source` about each bin of an approach again, as though its target had been known.

    An approach begins when a target comes on or the one before has ended, and goes back by
    `lookback` bins at most. The bin of the selection is not part of it: by its end the cursor may
    have been put back, and the next target be there. Who selects nothing and wins nothing
    teaches nothing.
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
        target = chosen(scene, approach[-1]) if approach else None
        if target is None:
            return Labels(unknown(scene))
        radius_cm = approach[-1].radius_cm
        known = (self._source.label(aimed(one, target, radius_cm)).now for one in approach)
        aged = zip(range(len(approach), 0, -1), known, strict=True)
        earlier = tuple((age, label) for age, label in aged if not absent(label))
        return Labels(unknown(scene), earlier)

    def restart(self, seed: Seed) -> None:
        """Forget the approach."""
        self._approach.clear()
        self._source.restart(seed)


def chosen(end: Scene, last: Scene) -> F64 | None:
    """What an approach led to: what was selected at its end, else a target that was won."""
    if end.selected is not None:
        return end.selected
    return last.target if end.event is Event.SUCCESS and not absent(last.target) else None


def aimed(scene: Scene, target: F64, radius_cm: float) -> Scene:
    """The same scene with another target (axes,)."""
    inside = within(scene.position, target, radius_cm, box=scene.box)
    return replace(scene, target=target, radius_cm=radius_cm, inside=inside)
