"""Weights that run ahead in rehearsal; the network's own follow as their running mean."""

from dataclasses import replace

import numpy as np

from eprop_rt.aligned import aligned
from eprop_rt.build import Network
from eprop_rt.structs import Floats, Ints, Weights

SHARE_AT_START = 5  # the mean is over one update in so many, until those are enough


class Lead:
    """A `network` to rehearse with, whose weights the live ones follow (Polyak & Juditsky 1992).

    What else changes the live weights between two runs (learning at every bin) moves those ahead
    by as much: between runs the arrays hold how far ahead they are. A mean over one update is that
    update: the network to rehearse with is then the live one.
    """

    def __init__(self, live: Network, updates: int) -> None:
        """The mean is over about `updates` of them, over fewer at the start."""
        self._live, self._least_share = live.weights, 1 / updates
        self._alone = updates == 1
        self._updates: Ints = np.zeros(1, np.int64)
        ahead = Weights(*(aligned(w.shape, w.dtype) for w in live.weights))
        self.network = live if self._alone else replace(live, weights=ahead)

    def begin(self) -> None:
        """Before a run: make weights of distances."""
        if not self._alone:
            for ahead, live in zip(self.network.weights, self._live, strict=True):
                np.add(ahead, live, out=ahead)

    def follow(self) -> None:
        """After an update: move the live weights."""
        self._updates += 1
        if not self._alone:
            share = max(self._least_share, 1 / (1 + int(self._updates[0]) / SHARE_AT_START))
            for ahead, live in zip(self.network.weights, self._live, strict=True):
                np.add(live, live.dtype.type(share) * (ahead - live), out=live)

    def end(self) -> None:
        """After a run: make distances of weights."""
        if not self._alone:
            for ahead, live in zip(self.network.weights, self._live, strict=True):
                np.subtract(ahead, live, out=ahead)

    def join(self) -> None:
        """Between two runs: be where the live weights are."""
        if not self._alone:
            for ahead in self.network.weights:
                ahead[:] = 0

    def arrays(self) -> dict[str, Floats | Ints]:
        """Everything that a snapshot keeps, by name; the arrays themselves, not copies."""
        if self._alone:
            return {}
        ahead = {f"ahead.{name}": w for name, w in self.network.weights._asdict().items()}
        return ahead | {"updates": self._updates}
