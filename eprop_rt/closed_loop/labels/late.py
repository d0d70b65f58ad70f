"""Late labels: they come some bins after what they are about."""

from collections import deque

from eprop_rt.closed_loop.labels.source import Labels, LabelSource, absent, unknown
from eprop_rt.closed_loop.population import Seed
from eprop_rt.closed_loop.scene import Scene


class Late:
    """Holds back what a source says for `bins` bins, at least one.

    `handled`: it then comes with its right age. Otherwise it is taken as though it had only just
    been said, a label of then for the bin of now: what happens where nobody looks at stamps.
    """

    def __init__(self, source: LabelSource, bins: int, *, handled: bool = True) -> None:
        self._source, self._bins, self._handled = source, bins, handled
        self._held: deque[Labels] = deque()

    def label(self, scene: Scene) -> Labels:
        """What the source said `bins` bins ago."""
        self._held.append(self._source.label(scene))
        if len(self._held) <= self._bins:
            return Labels(unknown(scene))
        said = self._held.popleft()
        if not self._handled:
            return said
        known = () if absent(said.now) else ((0, said.now),)
        late = tuple((age + self._bins, one) for age, one in (*said.earlier, *known))
        return Labels(unknown(scene), late)

    def restart(self, seed: Seed) -> None:
        """Forget what is held back, and restart the source."""
        self._held.clear()
        self._source.restart(seed)
