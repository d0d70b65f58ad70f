"""From raw chunks to the bins that are decoded: check -> condition -> bin -> condition bins.

Live, in a replay and for an offline fit, this is the one way in.
"""

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from eprop_rt.bins.binner import Bin, Binner
from eprop_rt.bins.grid import BinGrid, Gaps
from eprop_rt.bins.joined import JoinedBinner
from eprop_rt.conditioning.after import After
from eprop_rt.conditioning.chain import Chain
from eprop_rt.conditioning.check import ChunkCheck
from eprop_rt.conditioning.spike_events import SpikeEventsSettings
from eprop_rt.conditioning.stages import check_streams, of_bins, of_samples, stages_of
from eprop_rt.config import BinSettings
from eprop_rt.series import Chunk, StreamInfo


class Intake:
    """One signal or several side by side. `channels` are those that the decoder sees.

    Events that come as samples (`spike_events`) leave bins empty: where all streams are of events,
    such a bin is emitted, all 0, when a later event comes, unless the gap resets the decoder.

    With `InputSettings` samples and bins are conditioned; raises ConfigError where a stage does not
    fit its stream.
    """

    def __init__(self, settings: BinSettings, signals: tuple[StreamInfo, ...]) -> None:
        stages = stages_of(settings)
        check_streams(stages, len(signals))
        self.grid = BinGrid(settings.bin_s)
        self._checks = [ChunkCheck(info, settings.max_disorder_s) for info in signals]
        self._chains = [Chain(of_samples(stages, at), info) for at, info in enumerate(signals)]
        infos = tuple(chain.info for chain in self._chains)
        self._binner: Binner | JoinedBinner = (
            JoinedBinner(settings, self.grid, infos)
            if len(infos) > 1
            else Binner(settings, self.grid, infos[0])
        )
        self._after = After(of_bins(stages), sum(info.channels for info in infos), settings)
        self.channels = self._after.channels
        self._silence = all(  # else a stream that is not of events says which bins there are
            any(isinstance(stage, SpikeEventsSettings) for stage in of_samples(stages, at))
            for at in range(len(signals))
        )
        self._gaps = Gaps(settings)

    def push(self, chunk: Chunk) -> Iterator[Bin]:
        """Yield the bins that this chunk completes; DataError on a wrong shape."""
        clean = self._chains[chunk.stream].apply(self._checks[chunk.stream].apply(chunk))
        closed = self._binner.push(clean)
        return map(self._after.apply, self._with_silence(closed) if self._silence else closed)

    def _with_silence(self, bins: Iterator[Bin]) -> Iterator[Bin]:
        """The bins, and those between them in which no event came."""
        for closed in bins:
            newest = self._gaps.newest
            if not self._gaps.before(closed.index) and newest is not None:
                for index in range(newest + 1, closed.index):
                    end_s = self.grid.end_s(index)
                    yield Bin(index, end_s, end_s, np.zeros_like(closed.values))
            yield closed

    @property
    def last_due_s(self) -> float | None:
        """Stamp of the sample that completes the open bin, where that can be told before."""
        return self._binner.last_due_s

    @property
    def events(self) -> Counter[str]:
        """Everything unusual so far, by name."""
        parts = (*self._checks, *self._chains, self._binner, self._after)
        return sum((part.events for part in parts), Counter())


def channels_of(settings: BinSettings, signals: tuple[StreamInfo, ...]) -> int:
    """How many channels a decoder of these streams sees; raises ConfigError where none can."""
    if not stages_of(settings):
        return sum(info.channels for info in signals)
    return _conditioned(settings, signals)


@lru_cache
def _conditioned(settings: BinSettings, signals: tuple[StreamInfo, ...]) -> int:
    return Intake(settings, signals).channels
