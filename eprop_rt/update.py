"""One update of a network's weights by Adam, with all that goes with it."""

import math

import numpy as np

from eprop_rt.aligned import aligned
from eprop_rt.build import Mask, Network
from eprop_rt.config import PenaltySettings
from eprop_rt.optimiser import Adam
from eprop_rt.structs import Floats, Ints, Weights


def dense(weights: Weights, connected: Mask | None) -> Weights:
    """Every synapse in its place: w (P, N), the very array where that is how it is kept."""
    if connected is None:
        return weights
    w = aligned(connected.shape, weights.w.dtype)
    w[connected] = weights.w
    return Weights(w, weights.w_out)


class Update:
    """Adam, weight decay and clamp over `weights`, w (P, N) and w_out (F, M).

    Those are the network's own; where its connectivity is compressed, w is a copy with every
    synapse in its place, which `spread` fills and `apply` writes back.
    """

    def __init__(
        self, network: Network, penalties: PenaltySettings, learning_rate: float, clip_norm: float
    ) -> None:
        self._network = network
        self.weights = dense(network.weights, network.connected)
        self._adam = Adam(self.weights, learning_rate, clip_norm)
        self._decay = penalties.weight_decay
        self._clamp = penalties.weight_clamp or math.inf

    def spread(self) -> None:
        """Read the network's weights, which something else may have written since."""
        if self._network.connected is not None:
            self.weights.w[self._network.connected] = self._network.weights.w

    def mask(self, gradient: Weights) -> None:
        """Zero where there is no synapse: autapses, and what connectivity leaves out."""
        k, n = self._network.inputs, self._network.neurons
        np.fill_diagonal(gradient.w[k : k + n], 0)
        if self._network.connected is not None:
            gradient.w[~self._network.connected] = 0

    def apply(self, gradient: Weights, factor: float) -> bool:
        """One step along `factor` * `gradient`, which is cleared; False: it was not finite."""
        self.mask(gradient)
        finite = self._adam.update(gradient, factor, self._network.inputs)
        w, connected = self.weights.w, self._network.connected
        if self._decay != 0:
            w *= w.dtype.type(1 - self._adam.rate * self._decay)
        if self._clamp < math.inf:
            np.clip(w, -self._clamp, self._clamp, out=w)
        if connected is not None:
            self._network.weights.w[:] = w[connected]
        return finite

    def set_rate(self, learning_rate: float) -> None:
        """Of the updates to come."""
        self._adam.rate = learning_rate

    @property
    def clipped(self) -> int:
        """How many updates were shortened to the bound on their norm."""
        return self._adam.clipped

    def arrays(self) -> dict[str, Floats | Ints]:
        """The optimiser's state, by name; the arrays themselves, not copies."""
        return self._adam.arrays()
