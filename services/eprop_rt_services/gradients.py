"""E-prop's gradient beside backpropagation's, every so often while a session replays."""

from typing import Any

import numpy as np

from eprop_rt.comparison import LAYERS, GradientComparison
from eprop_rt.decoder import Decoder
from eprop_rt.engine import Engine
from eprop_rt.errors import ConfigError
from eprop_rt.pipeline import Output
from eprop_rt.series import F64


class GradientWatch:
    """Compares, every `every_s` of a session, at the weights of that time; it only reads."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._next_s: float | None = None
        self._times_s: list[float] = []
        self._found: list[GradientComparison] = []

    def see(self, output: Output, bin_s: float, decoder: Decoder) -> None:
        """A bin has been decoded, and not yet learned from."""
        if not isinstance(decoder, Engine):
            raise ConfigError("gradients are compared of decoder.kind eprop: set it")
        time_s = (output.index + 1) * bin_s
        if self._next_s is None:
            self._next_s = self._every_s
        if time_s < self._next_s:
            return
        self._next_s = time_s + self._every_s
        found = decoder.compare_gradients()
        if found is not None:
            self._times_s.append(time_s)
            self._found.append(found)

    def take(self) -> dict[str, Any]:
        """What was found since the last call: lists (times, layers), layers in the order given."""
        found, times_s = self._found, self._times_s
        self._found, self._times_s, self._next_s = [], [], None
        return {
            "layers": list(LAYERS),
            "time_s": times_s,
            "cosine": [one.cosine.tolist() for one in found],
            "eprop_norm": [one.eprop_norm.tolist() for one in found],
            "bptt_norm": [one.bptt_norm.tolist() for one in found],
        }


def summary(figures: dict[str, Any]) -> str:
    """One line for people: the median cosine of each layer."""
    if not figures["time_s"]:
        return "gradients: the session is too short to compare any"
    cosines = np.array(figures["cosine"], float).T
    told = ", ".join(median_of(*pair) for pair in zip(figures["layers"], cosines, strict=True))
    return f"e-prop beside BPTT, {len(figures['time_s'])} times, median cosine: {told}"


def median_of(layer: str, cosines: F64) -> str:
    """Of the times at which there was a gradient."""
    known = cosines[np.isfinite(cosines)]
    return f"{layer} {np.median(known):.3f}" if known.size else f"{layer} -"
