"""Spike times as counts: what a file says of single spikes becomes a regular signal."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eprop_rt.errors import RecordingError
from eprop_rt.series import F64, StreamInfo
from eprop_rt_services.recordings import scratch
from eprop_rt_services.recordings.recording import Series

MOST_ROWS = 1 << 28  # 31 days in bins of 10 ms


@dataclass(frozen=True, slots=True, eq=False)
class SpikeTrains:
    """One train of stamps (n,) in seconds a channel, and when (intervals, 2) they were looked for.

    Where nothing says when, that is from the first spike to the last.
    """

    trains: Sequence[F64]
    names: tuple[str, ...]
    observed_s: F64

    def merged(self, groups: Sequence[str]) -> "SpikeTrains":
        """The trains of one group together, in the order in which the groups first come."""
        names = tuple(dict.fromkeys(groups))
        trains = [
            np.concatenate(
                [train for train, of in zip(self.trains, groups, strict=True) if of == name]
            )
            for name in names
        ]
        return SpikeTrains(trains, names, self.observed_s)


def counted(spikes: SpikeTrains, name: str, bin_s: float) -> Series:
    """Counts in bins of `bin_s`, each on the stamp of its beginning; none where nobody looked."""
    if not spikes.trains:
        raise RecordingError("it has spike times of no unit: expected at least one")
    start_s, stop_s = _span(spikes)
    rows = int((stop_s - start_s) / bin_s + 1e-6) + 1  # the last spike is in the last bin
    if rows > MOST_ROWS:
        raise RecordingError(
            f"its spikes span {stop_s - start_s:.6g} s, {rows} bins of {bin_s:g} s: expected at "
            f"most {MOST_ROWS}; give a longer recording.spike_bin_s"
        )
    channels = len(spikes.trains)
    values = scratch.empty((rows, channels), np.float32, "counting its spikes")
    for channel, train in enumerate(spikes.trains):
        row = np.floor((train[np.isfinite(train)] - start_s) / bin_s + 1e-6)
        inside = row[(row >= 0) & (row < rows)].astype(np.int64)
        which, how_many = np.unique(inside, return_counts=True)
        values[which, channel] = how_many
    stamps: F64 = start_s + np.arange(rows, dtype=np.float64) * bin_s
    seen = _seen(stamps + 0.5 * bin_s, spikes.observed_s)  # which leaves that bin out, if empty
    if not seen.all():
        stamps, values = stamps[seen], values[seen]
    info = StreamInfo(name, channels, 1.0 / bin_s, spikes.names, ("count",) * channels)
    return Series(info, stamps, values)


def _span(spikes: SpikeTrains) -> tuple[float, float]:
    finite = [train[np.isfinite(train)] for train in spikes.trains]
    known = [spikes.observed_s[np.isfinite(spikes.observed_s).all(axis=1)].ravel()]
    if not len(known[0]):
        known = [train for train in finite if len(train)]
    if not known:
        raise RecordingError(
            "its units have no spike at all: expected some, or when they were seen"
        )
    return min(float(each.min()) for each in known), max(float(each.max()) for each in known)


def _seen(middles_s: F64, observed_s: F64) -> NDArray[np.bool]:
    """Whether each moment lies in any of the intervals."""
    known = observed_s[np.isfinite(observed_s).all(axis=1)]
    if not len(known):
        return np.ones(len(middles_s), bool)
    order = np.argsort(known[:, 0], kind="stable")
    begins, ends = known[order, 0], np.maximum.accumulate(known[order, 1])
    at = np.searchsorted(begins, middles_s, side="right") - 1
    return np.asarray((at >= 0) & (middles_s < ends[np.maximum(at, 0)]))
