"""Several streams on one grid of bins: their channels side by side, in the order of the streams."""

import math
from collections import Counter, deque
from collections.abc import Iterator

import numpy as np

from eprop_rt.bins.binner import Bin, Binner
from eprop_rt.bins.grid import BinGrid
from eprop_rt.config import BinSettings
from eprop_rt.series import Chunk, StreamInfo


class JoinedBinner:
    """Closes bin k when every stream has, or with what has come when one is `max_wait_s` ahead.

    That is counted in bins that a stream has closed. Channels of a regular stream that has nothing
    in a bin are NaN, as all that is absent; those of an irregular one are 0: no event came. What
    comes out follows from the order of the samples, whatever the chunks were. Events:
    `stream_missing`, once a bin and stream that had nothing in it; `late_bin`, of a stream that
    closed it after it was waited for; those of the streams' own binners.
    """

    def __init__(self, settings: BinSettings, grid: BinGrid, infos: tuple[StreamInfo, ...]) -> None:
        self._grid = grid
        self._binners = [Binner(settings, grid, info) for info in infos]
        ends = np.cumsum([info.channels for info in infos]).tolist()
        self._places = [
            slice(end - info.channels, end) for end, info in zip(ends, infos, strict=True)
        ]
        self._channels = ends[-1]
        self._regular = [info.sample_rate_hz > 0 for info in infos]
        self._patience = max(1, math.ceil(settings.max_wait_s / settings.bin_s))
        self._waiting: list[deque[Bin]] = [deque() for _ in infos]
        self._closed = [-1 for _ in infos]  # the last bin that each stream has closed
        self._joined = -1  # the last one that came out
        self._events: Counter[str] = Counter()

    def push(self, chunk: Chunk) -> Iterator[Bin]:
        """Yield the bins that this chunk of stream `chunk.stream` completes, in order."""
        for closed in self._binners[chunk.stream].push(chunk):
            self._take(chunk.stream, closed)
            yield from self._complete()

    def _take(self, stream: int, closed: Bin) -> None:
        if closed.index <= self._joined:
            self._events["late_bin"] += 1
            return
        self._waiting[stream].append(closed)
        self._closed[stream] = closed.index

    def _complete(self) -> Iterator[Bin]:
        ready = max(min(self._closed), max(self._closed) - self._patience)
        self._cut(ready)
        while any(self._waiting):
            index = min(waiting[0].index for waiting in self._waiting if waiting)
            if index > ready:
                return
            yield self._join(index)

    def _cut(self, ready: int) -> None:
        """Wait no longer for streams that are behind; a stream of rare events always is."""
        for stream, binner in enumerate(self._binners):
            part = binner.cut(ready) if self._closed[stream] < ready else None
            if part is not None:
                self._take(stream, part)

    def _join(self, index: int) -> Bin:
        values = np.zeros(self._channels, np.float32)
        newest_s, absent = -math.inf, 0
        for stream, (waiting, place) in enumerate(zip(self._waiting, self._places, strict=True)):
            if waiting and waiting[0].index == index:
                part = waiting.popleft()
                values[place] = part.values
                newest_s = max(newest_s, part.origin_s)
                absent += part.absent
            else:
                if self._regular[stream]:
                    values[place] = np.nan
                    absent += place.stop - place.start
                self._events["stream_missing"] += 1
        self._joined = index
        return Bin(index, self._grid.end_s(index), newest_s, values, absent)

    @property
    def last_due_s(self) -> float | None:
        """Not told: any of the streams may be the one that completes a bin."""
        return None

    @property
    def events(self) -> Counter[str]:
        """Everything unusual so far, by name."""
        return sum((binner.events for binner in self._binners), self._events.copy())


def joined_info(infos: tuple[StreamInfo, ...]) -> StreamInfo:
    """What the streams are together; channels without a name are numbered within their stream."""
    if len(infos) == 1:
        return infos[0]
    rates = {info.sample_rate_hz for info in infos}
    return StreamInfo(
        name=" + ".join(info.name for info in infos),
        channels=sum(info.channels for info in infos),
        sample_rate_hz=rates.pop() if len(rates) == 1 else 0.0,
        channel_names=tuple(name for info in infos for name in _names(info)),
        units=tuple(unit for info in infos for unit in info.units or ("",) * info.channels),
    )


def _names(info: StreamInfo) -> tuple[str, ...]:
    return info.channel_names or tuple(f"{info.name} {at}" for at in range(info.channels))
