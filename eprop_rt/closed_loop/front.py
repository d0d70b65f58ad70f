"""What stands between the electrodes of a room and a decoder: as in a live session."""

import numpy as np

from eprop_rt.bins.binner import Bin, Binner
from eprop_rt.bins.grid import BinGrid
from eprop_rt.conditioning.after import After
from eprop_rt.conditioning.chain import Chain
from eprop_rt.conditioning.stages import InputSettings, Stages, of_bins, of_samples
from eprop_rt.series import F32, Chunk, StreamInfo


class Front:
    """Conditioning of samples, the binner, conditioning of bins; every bin is asked for in turn."""

    def __init__(self, stages: Stages, reduce: str, info: StreamInfo, bin_s: float) -> None:
        settings = InputSettings.model_validate(
            {"bin_s": bin_s, "reduce": reduce, "conditioning": stages}
        )
        self._chain = Chain(of_samples(stages, 0), info)
        self._grid = BinGrid(bin_s)
        self._grid.start(0.0)
        self._binner = Binner(settings, self._grid, self._chain.info)
        self._after = After(of_bins(stages), self._chain.info.channels, settings)
        self._index = 0
        self.channels = self._after.channels

    @property
    def start_s(self) -> float:
        """Where the bin to come begins."""
        return self._grid.end_s(self._index - 1)

    def bin_of(self, chunk: Chunk) -> F32:
        """What the decoder gets (channels,) of all samples of the bin to come."""
        closed = [*self._binner.push(self._chain.apply(chunk))]
        cut = self._binner.cut(self._index)
        closed += [] if cut is None else [cut]
        end_s = self._grid.end_s(self._index)
        silent = np.zeros(self._chain.info.channels, np.float32)
        newest = closed[-1] if closed else Bin(self._index, end_s, end_s, silent)
        self._index += 1
        return self._after.apply(newest).values
