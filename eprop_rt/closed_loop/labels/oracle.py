"""The oracle: what the simulated user truly intended. Nobody knows that of a person."""

from eprop_rt.closed_loop.labels.source import Labels
from eprop_rt.closed_loop.population import Seed
from eprop_rt.closed_loop.scene import Scene


class OracleSource:
    """The best that any source could say, to compare the others with."""

    def label(self, scene: Scene) -> Labels:
        """The intention of this bin."""
        return Labels(scene.intent.copy())

    def restart(self, seed: Seed) -> None:
        """Change nothing: there is nothing to draw or to remember."""
