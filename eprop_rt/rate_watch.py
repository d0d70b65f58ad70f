"""Whether a network has fallen silent or runs away."""

from typing import Protocol, runtime_checkable

import numpy as np

from eprop_rt.build import Mask
from eprop_rt.decoder import Decoder
from eprop_rt.guard_settings import GuardSettings


@runtime_checkable
class Spiking(Protocol):
    """A decoder with neurons that may fall silent or run away."""

    def spikes(self) -> Mask:
        """Which neurons spiked at the newest step (neurons,)."""
        ...

    def hears(self) -> bool:
        """Whether anything has varied at its inputs, as far as it has learned them."""
        ...


class RateWatch:
    """Judges the rates of a decoder's neurons, window after window; none without neurons.

    A network is not judged while it cannot be otherwise: before anything at its inputs has varied
    it is silent, and while an operator has frozen it it learns nothing more of them. Learning would
    be frozen for what only learning mends.
    """

    def __init__(self, bin_s: float, decoder: Decoder) -> None:
        self._bin_s = bin_s
        self._spiking = decoder if isinstance(decoder, Spiking) else None
        self._heard = False
        self._bins = self._spikes = 0

    def judge(self, settings: GuardSettings, thawed: bool) -> str | None:
        """Why learning is to stop after this bin: `rate_high`, `rate_low`; None: it is not.

        `thawed`: no operator has frozen it.
        """
        if self._spiking is None:
            return None
        self._heard = self._heard or self._spiking.hears()
        if not (thawed and self._heard):
            self._bins = self._spikes = 0
            return None
        fired = self._spiking.spikes()
        self._spikes += int(np.count_nonzero(fired))
        self._bins += 1
        if self._bins < settings.rate_window_s / self._bin_s:
            return None
        share = self._spikes / (self._bins * max(len(fired), 1))
        self._bins = self._spikes = 0
        if share > settings.rate_max_share:
            return "rate_high"
        return "rate_low" if share < settings.rate_min_hz * self._bin_s else None
