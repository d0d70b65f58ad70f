"""What carries the output's error back to the neurons: B in L = B error."""

import math

import numpy as np

from eprop_rt.build import Network
from eprop_rt.config import EpropSettings
from eprop_rt.errors import DataError
from eprop_rt.structs import Floats


class Feedback:
    """`matrix` (N, M): the readout's own weights, or a matrix drawn or given once.

    Adaptive feedback gets every change of the readout, and both decay: what set them apart at the
    start fades (Kolen & Pollack 1994; Akrout et al. 2019).
    """

    def __init__(
        self, settings: EpropSettings, network: Network, given: Floats | None = None
    ) -> None:
        n, outputs = network.neurons, network.outputs
        self._kind = settings.online.feedback
        self._w_out = network.weights.w_out[:n]
        if given is not None and (self._kind not in ("random", "adaptive")):
            raise DataError(
                f"a feedback matrix came with online.feedback {self._kind}: set it to random "
                "(fixed, as given) or adaptive"
            )
        if given is not None and given.shape != (n, outputs):
            raise DataError(
                f"a feedback matrix {given.shape} came for {n} neurons and {outputs} outputs: "
                f"give {(n, outputs)}"
            )
        if self._kind == "symmetric":
            self.matrix = self._w_out
        elif self._kind == "external":
            self.matrix = self._w_out[:0]
        elif given is not None:
            self.matrix = given.astype(self._w_out.dtype)
        else:
            rng = np.random.default_rng((settings.seed, 2))
            drawn = rng.normal(0, settings.network.readout_gain / math.sqrt(n), (n, outputs))
            self.matrix = drawn.astype(self._w_out.dtype)
        self._keep = self._w_out.dtype.type(1 - settings.online.feedback_decay)
        self._seen = self._w_out.copy()

    def follow(self) -> None:
        """Give adaptive feedback what the readout has learned since."""
        if self._kind != "adaptive" or np.array_equal(self._seen, self._w_out):
            return
        self.matrix += self._w_out - self._seen
        self.matrix *= self._keep
        self._w_out *= self._keep
        self._seen[:] = self._w_out

    def arrays(self) -> dict[str, Floats]:
        """Everything that a snapshot keeps, by name; the arrays themselves, not copies."""
        if self._kind in ("symmetric", "external"):
            return {}
        return {"matrix": self.matrix, "seen": self._seen}
