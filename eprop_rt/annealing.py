"""Quantities that change slowly while the network learns: annealing and homeostasis."""

import numpy as np

from eprop_rt.build import Network, decay, surrogate_height
from eprop_rt.config import EpropSettings
from eprop_rt.structs import Floats, Ints


class SlowChange:
    """Writes the thresholds and the surrogate's shape of `network.params`, once a learned bin.

    The voltage's unit and the size of the reset stay. A threshold is that of the annealing plus
    what homeostasis has added to it, never below a tenth of the unit.
    """

    def __init__(self, settings: EpropSettings, network: Network, bin_s: float) -> None:
        self._annealing, self._homeostasis = settings.annealing, settings.homeostasis
        self._surrogate = settings.network.surrogate
        self._params = network.params
        self._bin_s = bin_s
        self._steps: Ints = np.zeros(1, np.int64)
        self._base = np.full(1, float(network.params.v_th))
        self._added = np.zeros(network.neurons)
        self._rate_hz = np.zeros(network.neurons)
        self._write()

    def advance(self, spikes: Floats) -> None:
        """One bin of learning later; `spikes` (N,) are those of the newest bin."""
        if self._annealing is None and self._homeostasis is None:
            return
        self._steps += 1
        if self._homeostasis is not None:
            goal = self._homeostasis
            share = 1 - decay(goal.tau_s, self._bin_s)
            self._rate_hz += share * (spikes / self._bin_s - self._rate_hz)
            excess = self._rate_hz / goal.target_hz - 1
            unit = float(self._params.v_th)
            self._added += unit * goal.strength_per_s * self._bin_s * excess
            np.maximum(self._added, 0.1 * unit - self._base, out=self._added)
        self._write()

    def _write(self) -> None:
        annealing = self._annealing
        if annealing is not None:
            passed = min(1.0, float(self._steps[0]) * self._bin_s / annealing.over_s)
            if annealing.threshold is not None:
                start, end = annealing.threshold
                self._base[0] = start * (end / start) ** passed
            if annealing.surrogate_width is not None:
                start, end = annealing.surrogate_width
                width = start * (end / start) ** passed
                shape = self._surrogate.model_copy(update={"width": width})
                self._params.shape[:] = surrogate_height(shape), width
        self._params.threshold[:] = self._base + self._added

    def arrays(self) -> dict[str, Floats | Ints]:
        """Everything that a snapshot keeps, by name; the arrays themselves, not copies."""
        return {
            "steps": self._steps,
            "base": self._base,
            "added": self._added,
            "rate_hz": self._rate_hz,
            "threshold": self._params.threshold,
            "shape": self._params.shape,
        }
