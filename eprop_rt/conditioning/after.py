"""The stages that work on bins, one after the other."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from eprop_rt.bins.binner import Bin
from eprop_rt.bins.grid import Gaps
from eprop_rt.conditioning.stage import BinStage, BinStageSettings
from eprop_rt.config import BinSettings


class After:
    """All stages behind the binner; a gap that resets the decoder resets them. None: bins pass.

    What a stage cannot hold in single precision is infinite then, as in a bin that came so.
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
        if not self._stages:
            return closed
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
