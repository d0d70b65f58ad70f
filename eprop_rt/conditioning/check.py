"""The gate of the data path: what is wrong with a chunk is counted or refused here."""

import math
from collections import Counter, deque

import numpy as np

from eprop_rt.errors import DataError
from eprop_rt.kernels.binning import rows_not_finite
from eprop_rt.series import Chunk, LabelChunk, StreamInfo

STAMP_BOUND_S = 1e12  # beyond it is no time
GAP_STEPS = 1.9  # intervals without a sample
LONGEST_STEP = 1.8  # of which no rounding makes a gap


class ChunkCheck:
    """Refuses a chunk of the wrong shape, drops samples that cannot be placed, counts the rest.

    Events: `stamp_not_finite`, `stamp_too_old` (more than `max_disorder_s` before the newest
    sample), `stamp_repeated` (equal to the one before; of a regular stream to any that came, for a
    whole chunk may be sent twice): dropped. `stamp_out_of_order`: kept, a sender whose chunks
    overlap is common. `value_not_finite`: adds nothing to its bin. `gap`: a stretch of a regular
    stream that did not come.
    """

    def __init__(self, info: StreamInfo, max_disorder_s: float) -> None:
        self._info = info
        self._max_disorder_s = max_disorder_s
        self._newest_s = -np.inf
        self._last_s = -np.inf
        # Of a regular stream: stamps that came within the disorder, and the newest of each part.
        self._recent: deque[tuple[float, np.ndarray]] = deque()
        self.events: Counter[str] = Counter()

    def apply(self, chunk: Chunk) -> Chunk:
        """The chunk without the samples that cannot be used; raises DataError on a wrong shape."""
        stamps, samples = chunk.stamps, chunk.samples
        if samples.ndim != 2 or samples.shape[1] != self._info.channels:
            raise DataError(
                f"a chunk of shape {samples.shape} came from {self._info.name}, expected "
                f"(samples, {self._info.channels}): check which stream is connected"
            )
        if len(stamps) != len(samples):
            raise DataError(
                f"{len(stamps)} stamps came with {len(samples)} samples from {self._info.name}: "
                "give one stamp a sample"
            )
        if not len(stamps):
            return chunk
        if not self._goes_on(stamps):
            keep = self._placeable(stamps)
            if not keep.all():
                stamps, samples = stamps[keep], samples[keep]
        broken = rows_not_finite(samples)
        if broken:
            self.events["value_not_finite"] += broken
        return Chunk(stamps, samples, chunk.stream)

    def _goes_on(self, stamps: np.ndarray) -> bool:
        """Whether these come in order, one interval after the other: nearly always, and quick."""
        first_s, last_s = float(stamps[0]), float(stamps[-1])
        if not (self._newest_s == self._last_s < first_s and math.isfinite(last_s)):
            return False
        longest_s = first_s - self._newest_s
        if len(stamps) > 1:
            if not (stamps[1:] > stamps[:-1]).all():  # else all are finite, as both ends are
                return False
            longest_s = max(longest_s, float((stamps[1:] - stamps[:-1]).max()))
        if longest_s * self._info.sample_rate_hz > LONGEST_STEP:
            return False
        self._newest_s = self._last_s = last_s
        if self._info.sample_rate_hz > 0:
            from_s = last_s - self._max_disorder_s
            one = len(stamps) == 1
            self._remember(stamps if one else stamps[np.searchsorted(stamps, from_s) :], last_s)
        return True

    def _placeable(self, stamps: np.ndarray) -> np.ndarray:
        finite = np.isfinite(stamps)
        known = np.where(finite, stamps, -np.inf)
        newest = np.maximum.accumulate(np.concatenate([[self._newest_s], known]))
        before = np.concatenate([[self._last_s], known[:-1]])
        old = finite & (stamps < newest[:-1] - self._max_disorder_s)
        again = ~old & self._came_before(known, newest[:-1])
        repeated = finite & ((stamps == before) | again)
        out_of_order = finite & ~old & ~repeated & (stamps < newest[:-1])
        self.events["stamp_not_finite"] += int((~finite).sum())
        self.events["stamp_too_old"] += int(old.sum())
        self.events["stamp_repeated"] += int(repeated.sum())
        self.events["stamp_out_of_order"] += int(out_of_order.sum())
        self._count_gaps(newest)
        self._newest_s, self._last_s = float(newest[-1]), float(known[-1])
        if self._info.sample_rate_hz > 0:
            recent = known[known >= self._newest_s - self._max_disorder_s]
            if len(recent):
                self._remember(recent, float(recent.max()))
        keep: np.ndarray = finite & ~old & ~repeated
        return keep

    def _came_before(self, stamps: np.ndarray, newest: np.ndarray) -> np.ndarray:
        """Whether a sample of the same stamp came before each of these, of a regular stream."""
        if self._info.sample_rate_hz <= 0 or not (stamps <= newest).any():
            return np.zeros(len(stamps), np.bool_)
        every = np.concatenate([*(part for _, part in self._recent), stamps])
        _, first, which = np.unique(every, return_index=True, return_inverse=True)
        came: np.ndarray = first[which] < np.arange(len(every))
        return came[-len(stamps) :]

    def _remember(self, stamps: np.ndarray, newest_s: float) -> None:
        while self._recent and self._recent[0][0] < self._newest_s - self._max_disorder_s:
            self._recent.popleft()
        self._recent.append((newest_s, stamps.copy()))

    def _count_gaps(self, newest: np.ndarray) -> None:
        if self._info.sample_rate_hz > 0:
            started = newest[np.isfinite(newest)]
            steps = np.diff(started)
            self.events["gap"] += int((steps > GAP_STEPS / self._info.sample_rate_hz).sum())


def checked_labels(chunk: LabelChunk, outputs: int) -> LabelChunk:
    """The labels whose stamps are a time at all; raises DataError on a wrong shape."""
    refuse_other_labels(chunk, outputs)
    return labels_with_a_time(chunk)


def refuse_other_labels(chunk: LabelChunk, outputs: int) -> None:
    """Raise DataError on a wrong shape."""
    if chunk.values.ndim != 2 or chunk.values.shape[1] != outputs:
        raise DataError(
            f"labels of shape {chunk.values.shape} came, expected (labels, {outputs}): "
            "check which label stream is connected"
        )
    if len(chunk.stamps) != len(chunk.values):
        raise DataError(
            f"{len(chunk.stamps)} stamps came with {len(chunk.values)} labels: "
            "give one stamp a label"
        )


def labels_with_a_time(chunk: LabelChunk) -> LabelChunk:
    """The labels whose stamps are a time at all."""
    keep = np.abs(chunk.stamps) <= STAMP_BOUND_S  # not of NaN
    return chunk if keep.all() else LabelChunk(chunk.stamps[keep], chunk.values[keep])
