"""What several streams sent since the last look, in the order of time."""

import itertools

import numpy as np

from eprop_rt.series import Chunk
from eprop_rt_services.sources.stamps import bounds_s

SLICE_S = 0.02  # finer than a stream is waited for


def interleaved(streams: list[list[Chunk]]) -> list[Chunk]:
    """Chunks of all streams, cut so that none is longer than `SLICE_S` or runs ahead by more.

    Each stream keeps its own order. Without it, seconds of one stream that had piled up would go
    before the same seconds of another, which would then be taken for missing.
    """
    came = [chunks for chunks in streams if chunks]
    parts: list[tuple[float, Chunk]] = []
    for chunks in came:
        newest_s = -np.inf
        for stamp_s, part in (part for chunk in chunks for part in _sliced(chunk)):
            newest_s = max(newest_s, stamp_s)
            parts.append((newest_s, part))
    return [part for _, part in sorted(parts, key=lambda part: part[0])]  # stable


def _sliced(chunk: Chunk) -> list[tuple[float, Chunk]]:
    first_s, newest_s = bounds_s(chunk.stamps)
    if newest_s - first_s <= SLICE_S:  # not where one is not finite
        return [(newest_s, chunk)]
    known = np.where(np.isfinite(chunk.stamps), chunk.stamps, -np.inf)
    newest = np.maximum.accumulate(known)
    finite = newest[np.isfinite(newest)]
    if not len(finite) or finite[-1] - finite[0] <= SLICE_S:
        return [(float(newest[-1]), chunk)]
    slices = np.floor((newest - finite[0]) / SLICE_S)
    edges = [0, *(np.flatnonzero(np.diff(slices) > 0) + 1).tolist(), len(newest)]
    return [
        (
            float(newest[stop - 1]),
            Chunk(chunk.stamps[start:stop], chunk.samples[start:stop], chunk.stream),
        )
        for start, stop in itertools.pairwise(edges)
    ]
