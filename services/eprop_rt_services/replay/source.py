"""A recording as a source of the loop, and what it says of every bin."""

from collections.abc import Callable

import numpy as np

from eprop_rt.bins.binner import Binner
from eprop_rt.bins.grid import BinGrid
from eprop_rt.bins.labels import LabelBins
from eprop_rt.conditioning.check import ChunkCheck
from eprop_rt.config import BinSettings
from eprop_rt.decoder import Decoder
from eprop_rt.errors import DataError
from eprop_rt.pipeline import Pipeline
from eprop_rt.series import F32, F64, Chunk, LabelChunk
from eprop_rt.structs import Ints
from eprop_rt_services.recordings import Recording

SAMPLES_A_CHUNK = 256


def outputs_of(recording: Recording) -> int:
    """How many outputs its labels ask for; a recording without labels is decoded to two."""
    return 2 if recording.labels is None else recording.labels.info.channels


def pipeline_for(recording: Recording, bins: BinSettings, decoder: Decoder) -> Pipeline:
    """The data path for this recording's streams; raises DataError where the bins are too short."""
    check_bins(recording, bins)
    labels = None if recording.labels is None else recording.labels.info
    return Pipeline(bins, recording.signal.info, labels, decoder, outputs_of(recording))


def check_bins(recording: Recording, bins: BinSettings) -> None:
    """Raise DataError where a bin is shorter than a sample."""
    info = recording.signal.info
    if info.sample_rate_hz > 0 and bins.bin_s * info.sample_rate_hz < 0.99:
        sample_s = 1 / info.sample_rate_hz
        raise DataError(
            f"{recording.name} has a sample every {sample_s:g} s, bins.bin_s is {bins.bin_s:g}: "
            f"give it a longer bin, as in -o bins.bin_s={sample_s:g}"
        )


class RecordingSource:
    """Each label no later than the signal of its time, or so much after it, bin by bin."""

    def __init__(
        self,
        recording: Recording,
        tick: Callable[[int], None],
        label_delay_s: float = 0.0,
        bin_s: float = 1.0,
    ) -> None:
        self._signal = recording.signal
        self._labels = recording.labels
        self._tick = tick
        # A label that rounding puts a trifle later is not a bin late.
        self._delay_s = label_delay_s - 1e-3 * bin_s if label_delay_s > 0 else 0.0
        a_bin = max(1, round(bin_s * recording.signal.info.sample_rate_hz))
        self._samples = a_bin if label_delay_s > 0 else SAMPLES_A_CHUNK
        self._at = 0
        self._labels_at = 0
        self.exhausted = False

    def pull(self, timeout_s: float) -> list[Chunk | LabelChunk]:
        """The next stretch of the recording, without waiting; `exhausted` once there is none."""
        if self._at >= len(self._signal.stamps):
            self.exhausted = True
            return []
        part = slice(self._at, self._at + self._samples)
        chunk = Chunk(self._signal.stamps[part], self._signal.values[part])
        self._at += len(chunk.stamps)
        self._tick(len(chunk.stamps))
        return [*self._labels_until(float(chunk.stamps.max()) - self._delay_s), chunk]

    def _labels_until(self, stamp_s: float) -> list[LabelChunk]:
        if self._labels is None:
            return []
        end = int(np.searchsorted(self._labels.stamps, stamp_s, side="right"))
        new = slice(self._labels_at, max(end, self._labels_at))
        self._labels_at = new.stop
        if new.start == new.stop:
            return []
        return [LabelChunk(self._labels.stamps[new], self._labels.values[new])]


def true_labels(recording: Recording, bins: BinSettings, indices: list[int]) -> F64:
    """The label of each bin (bins, outputs), NaN where there is none."""
    outputs = outputs_of(recording)
    if recording.labels is None or not indices:
        return np.full((len(indices), outputs), np.nan)
    grid = BinGrid(bins.bin_s)
    grid.start(float(recording.signal.stamps[0]))
    labels = LabelBins(grid, recording.labels.info, outputs)
    labels.push(LabelChunk(recording.labels.stamps, recording.labels.values))
    return np.array([labels.take(index) for index in indices], np.float64)


def binned(recording: Recording, bins: BinSettings) -> tuple[Ints, F32, F32]:
    """Indices (n,), values (n, channels) and labels (n, outputs) of all bins, NaN without one."""
    check_bins(recording, bins)
    info = recording.signal.info
    check, binner = ChunkCheck(info, bins.max_disorder_s), Binner(bins, BinGrid(bins.bin_s), info)
    clean = check.apply(Chunk(recording.signal.stamps, recording.signal.values))
    closed = list(binner.push(clean))
    indices = np.array([one.index for one in closed], np.int64)
    values = np.array([one.values for one in closed], np.float32).reshape(-1, info.channels)
    return indices, values, true_labels(recording, bins, indices.tolist()).astype(np.float32)
