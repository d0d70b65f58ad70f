"""The gate of the data path: what is wrong with a chunk is counted or refused here."""

from collections import Counter

import numpy as np

from eprop_rt.errors import DataError
from eprop_rt.series import Chunk, LabelChunk, StreamInfo


class ChunkCheck:
    """Refuses a chunk of the wrong shape; drops and counts samples out of order; counts the rest.

    Events: `stamp_not_after` a stamp that is not later than the one before (the sample is
    dropped), `stamp_not_finite` (dropped), `value_not_finite` samples with a NaN or infinity
    (they add nothing to their bin), `gap` samples of a regular stream that did not come.
    """

    def __init__(self, info: StreamInfo) -> None:
        self._info = info
        self._last_s: float | None = None
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
        keep = self._in_order(stamps)
        if not keep.all():
            stamps, samples = stamps[keep], samples[keep]
        if len(stamps):
            self._count(stamps, samples)
            self._last_s = float(stamps[-1])
        return Chunk(stamps, samples)

    def _in_order(self, stamps: np.ndarray) -> np.ndarray:
        finite = np.isfinite(stamps)
        before = -np.inf if self._last_s is None else self._last_s
        highest = np.maximum.accumulate(np.where(finite, stamps, -np.inf))
        later = stamps > np.maximum(before, np.concatenate([[-np.inf], highest[:-1]]))
        self.events["stamp_not_finite"] += int((~finite).sum())
        self.events["stamp_not_after"] += int((finite & ~later).sum())
        in_order: np.ndarray = finite & later
        return in_order

    def _count(self, stamps: np.ndarray, samples: np.ndarray) -> None:
        self.events["value_not_finite"] += int((~np.isfinite(samples).all(axis=1)).sum())
        if self._info.sample_rate_hz > 0:
            previous = stamps[:1] if self._last_s is None else np.array([self._last_s])
            steps = np.diff(stamps, prepend=previous)
            self.events["gap"] += int((steps > 1.9 / self._info.sample_rate_hz).sum())


def checked_labels(chunk: LabelChunk, outputs: int) -> LabelChunk:
    """The labels whose stamps are finite; raises DataError where the shape is another."""
    if chunk.values.ndim != 2 or chunk.values.shape[1] != outputs:
        raise DataError(
            f"labels of shape {chunk.values.shape} came, expected (labels, {outputs}): "
            "check which label stream is connected"
        )
    keep = np.isfinite(chunk.stamps)
    return chunk if keep.all() else LabelChunk(chunk.stamps[keep], chunk.values[keep])
