"""What there is to see of a decoder's weights: a norm for each group, and the same few again."""

import math

import numpy as np
from numpy.typing import NDArray

from eprop_rt.decoder import Decoder
from eprop_rt.good_state import Revertible
from eprop_rt.series import F32

SAMPLE = 512
LARGEST = 2**18  # of a larger group every so many rows are looked at

NETWORK, READOUT = "weights.w", "weights.w_out"
GROUPS = {"w": "weights", READOUT: "readout", "model.h": "tuning", "model.a": "dynamics"}


class WeightsSeen:
    """Looks at the weights of one decoder; nothing that is pending is written for it.

    With a schedule that writes synapses late, those that were silent for a while are as they were
    when they were written last.
    """

    def __init__(self, decoder: Decoder, inputs: int) -> None:
        self._decoder, self._inputs = decoder, inputs

    def look(self) -> tuple[dict[str, float], F32]:
        """The norms by group, and up to `SAMPLE` weights; both empty where there are none."""
        if not isinstance(self._decoder, Revertible):
            return {}, np.zeros(0, np.float32)
        arrays = self._decoder.learned()
        groups = {GROUPS[name]: arrays[name] for name in GROUPS if name in arrays}
        if (w := arrays.get(NETWORK)) is not None:
            groups = self._of_network(w) | groups
        norms = {name: norm(values) for name, values in groups.items()}
        main = next(iter(groups.values()), np.zeros(0)) if w is None else w
        return {name: value for name, value in norms.items() if math.isfinite(value)}, few(main)

    def _of_network(self, w: NDArray[np.floating]) -> dict[str, NDArray[np.floating]]:
        if w.ndim != 2:
            return {"synapses": w}
        return {"input": w[: self._inputs], "recurrent": w[self._inputs : -1]}


def norm(values: NDArray[np.floating]) -> float:
    """Root of the sum of squares, estimated from every k-th row of a large array."""
    every = 1 + values.size // LARGEST
    flat = values[::every].ravel()
    return math.sqrt(every * float(np.dot(flat, flat)))


def few(values: NDArray[np.floating]) -> F32:
    """Some of them, spread evenly, in a copy."""
    flat = values.reshape(-1)  # a view: learning keeps its arrays in one piece
    return flat[:: 1 + flat.size // SAMPLE][:SAMPLE].astype(np.float32)
