"""The stages that work on bins, one after the other."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from eprop_rt.bins.binner import Bin
from eprop_rt.bins.grid import Gaps
from eprop_rt.conditioning.stage import BinStage, BinStageSettings
from eprop_rt.config import BinSettings
from eprop_rt.kernels.binning import any_nan


class After:
    """All stages behind the binner; a gap that resets the decoder resets them.

    A channel that is absent goes through them as NaN, and is 0 for the decoder. What a stage cannot
    hold in single precision is infinite then, as in a bin that came so.
    """

    def __init__(
        self, stages: Sequence[BinStageSettings], channels: int, bins: BinSettings
    ) -> None:
        self._stages: list[BinStage] = []
        for one in stages:
            stage = one.build(channels, bins.bin_s)
            self._stages.append(stage)
            channels = stage.channels
        self.channels = channels  # of what comes out
        self._gaps = Gaps(bins)

    def apply(self, closed: Bin) -> Bin:
        """The bin that is decoded."""
        return _without_holes(self._through(closed) if self._stages else closed)

    def _through(self, closed: Bin) -> Bin:
        if self._gaps.before(closed.index):
            for stage in self._stages:
                stage.reset()
        values = closed.values.astype(np.float64)
        for stage in self._stages:
            values = stage.apply(values)
        with np.errstate(over="ignore"):
            return replace(closed, values=values.astype(np.float32))

    @property
    def events(self) -> Counter[str]:
        """Of all stages."""
        return sum((stage.events for stage in self._stages), Counter())


def _without_holes(closed: Bin) -> Bin:
    """0 where a channel is absent."""
    if not any_nan(closed.values):
        return closed
    values = np.where(np.isnan(closed.values), np.float32(0), closed.values)
    return replace(closed, values=values)
