"""Gating by the state of the task: nothing is learned while nothing is asked of anybody."""

from eprop_rt.closed_loop.labels.source import Labels, LabelSource, absent, unknown
from eprop_rt.closed_loop.population import Seed
from eprop_rt.closed_loop.scene import Scene

_ROUNDING_S = 1e-9  # times are sums of ticks


class Gate:
    """Lets no label through in a pause, nor until `after_s` after a target came on.

    People take so long to react to it.
    """

    def __init__(self, source: LabelSource, after_s: float) -> None:
        self._source = source
        self._after_s = after_s

    def label(self, scene: Scene) -> Labels:
        """What the source says; of this bin nothing where the gate is shut."""
        said = self._source.label(scene)
        reacted = scene.since_onset_s >= self._after_s - _ROUNDING_S
        if reacted and not absent(scene.target):
            return said
        return Labels(unknown(scene), said.earlier)

    def restart(self, seed: Seed) -> None:
        """Restart the source."""
        self._source.restart(seed)
