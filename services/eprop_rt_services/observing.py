"""A network looked at while a session replays: its spikes, its weights, its gradients."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eprop_rt.comparison import LAYERS, Look
from eprop_rt.decoder import Decoder
from eprop_rt.engine import Engine
from eprop_rt.pipeline import Output
from eprop_rt.series import F64

EVERY = 600  # bins: without rehearsal a look takes as long as some ten of them


@dataclass(frozen=True, slots=True)
class Seen:
    """A network along one recording; layers in the order of LAYERS.

    `packed` (bins, bytes) has the spikes, eight neurons a byte. Looks are at the bins numbered
    `looks` (looks,); norms (looks, layers) are of the weights, of what changed in them since the
    look before (NaN at the first), and of e-prop's gradient over the newest segments.
    """

    neurons: int
    packed: NDArray[np.uint8]
    looks: NDArray[np.int64]
    weight_norm: F64
    change_norm: F64
    gradient_norm: F64

    def spikes(self, part: slice = slice(None)) -> NDArray[np.uint8]:
        """0 or 1 of each neuron (bins, neurons)."""
        return np.unpackbits(self.packed[part], axis=1, count=self.neurons)


class SessionWatch:
    """Sees every bin of a network, and looks closer at some; it only reads.

    Decoders that are no network are let pass.
    """

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._neurons = 0
        self._bins = 0
        self._newest: list[NDArray[np.bool_]] = []
        self._packed: list[NDArray[np.uint8]] = []
        self._at: list[int] = []
        self._looks: list[Look] = []
        self._changes: list[F64] = []

    def see(self, output: Output, bin_s: float, decoder: Decoder) -> None:
        """A bin has been decoded, and not yet learned from."""
        if not isinstance(decoder, Engine):
            return
        if self._bins % EVERY == 0:
            self._pack()
            self._keep(decoder.look())
        self._newest.append(decoder.spikes())
        self._bins += 1

    def _pack(self) -> None:
        if self._newest:
            self._neurons = len(self._newest[0])
            self._packed.append(np.packbits(np.array(self._newest), axis=1))
            self._newest.clear()

    def _keep(self, look: Look) -> None:
        change = np.full(len(LAYERS), np.nan)
        if self._looks:
            pairs = zip(look.weights, self._looks[-1].weights, strict=True)
            change[:] = [np.linalg.norm(now - before) for now, before in pairs]
            self._looks[-1] = self._looks[-1]._replace(weights=())  # norms are all that is kept
        self._at.append(self._bins)
        self._looks.append(look)
        self._changes.append(change)

    def take(self) -> Seen | None:
        """What was seen since the last call; None where there was no network."""
        self._pack()
        if not self._packed:
            return None
        seen = Seen(
            self._neurons,
            np.concatenate(self._packed),
            np.array(self._at, np.int64),
            np.array([look.norm for look in self._looks]),
            np.array(self._changes),
            np.array([look.gradient_norm for look in self._looks]),
        )
        self._forget()
        return seen
