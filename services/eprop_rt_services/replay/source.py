"""A recording as a source of the loop, and what it says of every bin."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from eprop_rt.bins.grid import BinGrid, reset_after_bins
from eprop_rt.bins.labels import LabelBins
from eprop_rt.conditioning.check import checked_labels
from eprop_rt.config import BinSettings
from eprop_rt.decoder import Decoder
from eprop_rt.errors import DataError
from eprop_rt.guard_settings import GuardSettings
from eprop_rt.intake import Intake, channels_of
from eprop_rt.pipeline import Pipeline
from eprop_rt.series import F32, F64, Chunk, LabelChunk
from eprop_rt.structs import Ints
from eprop_rt_services.recordings import Recording, Series

SAMPLES_A_CHUNK = 256
SAMPLES_BINNED = 8192  # at once, where nothing is decoded between them
BREAK = 20  # bins: more than a decoder looks back, if not told otherwise


def outputs_of(recording: Recording) -> int:
    """How many outputs its labels ask for; a recording without labels is decoded to two."""
    return 2 if recording.labels is None else recording.labels.info.channels


def pipeline_for(
    recording: Recording, bins: BinSettings, decoder: Decoder, guard: GuardSettings
) -> Pipeline:
    """The data path for this recording's streams; raises DataError where the bins are too short."""
    check_bins(recording, bins)
    labels = None if recording.labels is None else recording.labels.info
    return Pipeline(bins, recording.signal.info, labels, decoder, outputs_of(recording), guard)


def channels_seen(recording: Recording, bins: BinSettings) -> int:
    """How many channels its decoder sees; raises ConfigError where conditioning does not fit."""
    return channels_of(bins, (recording.signal.info,))


def check_array(before: Recording, recording: Recording) -> None:
    """Raise DataError where a decoder of the one cannot go on with the other."""
    shape = before.signal.info.channels, outputs_of(before)
    came = recording.signal.info.channels, outputs_of(recording)
    if came != shape:
        raise DataError(
            f"{recording.name} has {came[0]} channels and {came[1]} outputs, expected {shape[0]} "
            f"and {shape[1]} as in the recording before it: replay recordings of one array together"
        )


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
    """Each label no later than the signal of its time, or so much after it, bin by bin.

    Labels that say when they were known come after the signal of that time.
    """

    def __init__(
        self,
        recording: Recording,
        tick: Callable[[int], None],
        label_delay_s: float = 0.0,
        bin_s: float = 1.0,
    ) -> None:
        self._signal = recording.signal
        self._labels = None if recording.labels is None else in_order(recording.labels)
        self._keys = None if self._labels is None else sort_key(when_known(self._labels))
        self._tick = tick
        # A label that rounding puts a trifle later is not a bin late.
        self._delay_s = label_delay_s - 1e-3 * bin_s if label_delay_s > 0 else 0.0
        a_bin = max(1, round(bin_s * recording.signal.info.sample_rate_hz))
        self._late = self._labels is not None and self._labels.known_s is not None
        self._samples = a_bin if label_delay_s > 0 or self._late else SAMPLES_A_CHUNK
        self._newest_s = -np.inf
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
        known = chunk.stamps[np.isfinite(chunk.stamps)]
        before_s, now_s = self._newest_s, float(known.max()) if len(known) else -np.inf
        self._newest_s = max(before_s, now_s)
        until = before_s if self._late else now_s
        return [*self._labels_until(until - self._delay_s), chunk]

    def _labels_until(self, stamp_s: float) -> list[LabelChunk]:
        if self._labels is None or self._keys is None:
            return []
        end = int(np.searchsorted(self._keys, stamp_s, side="right"))
        new = slice(self._labels_at, max(end, self._labels_at))
        self._labels_at = new.stop
        if new.start == new.stop:
            return []
        return [LabelChunk(self._labels.stamps[new], self._labels.values[new])]


def in_order(labels: Series) -> Series:
    """The labels as they come; those without a finite stamp first, to be dropped and counted."""
    order = np.argsort(sort_key(when_known(labels)), kind="stable")
    known_s = None if labels.known_s is None else labels.known_s[order]
    return replace(
        labels, stamps=labels.stamps[order], values=labels.values[order], known_s=known_s
    )


def when_known(labels: Series) -> F64:
    """When each label can be handed on."""
    return labels.stamps if labels.known_s is None else labels.known_s


def sort_key(stamps: F64) -> F64:
    """The stamps, with -inf for those that are not finite."""
    return np.where(np.isfinite(stamps), stamps, -np.inf)


def first_stamp(recording: Recording) -> float:
    """Where the grid begins: at the first sample that can be placed."""
    stamps = recording.signal.stamps
    return float(stamps[np.isfinite(stamps)][0])


def true_labels(recording: Recording, bins: BinSettings, indices: list[int]) -> F64:
    """The label of each bin (bins, outputs), NaN where there is none."""
    outputs = outputs_of(recording)
    if recording.labels is None or not indices:
        return np.full((len(indices), outputs), np.nan)
    grid = BinGrid(bins.bin_s)
    grid.start(first_stamp(recording))
    labels = LabelBins(grid, recording.labels.info, outputs)
    given = LabelChunk(recording.labels.stamps, recording.labels.values)
    labels.push(checked_labels(given, outputs))
    return np.array([labels.take(index) for index in indices], np.float64)


def binned(recording: Recording, bins: BinSettings) -> tuple[Ints, F32, F32]:
    """Indices (n,), values (n, channels) and labels (n, outputs) of all bins, NaN without one.

    Takes memory for the bins, not for the samples.
    """
    check_bins(recording, bins)
    signal = recording.signal
    intake = Intake(bins, (signal.info,))
    parts = (slice(at, at + SAMPLES_BINNED) for at in range(0, len(signal.stamps), SAMPLES_BINNED))
    chunks = (Chunk(signal.stamps[part], signal.values[part]) for part in parts)
    closed = [one for chunk in chunks for one in intake.push(chunk)]
    indices = np.array([one.index for one in closed], np.int64)
    values = np.array([one.values for one in closed], np.float32).reshape(-1, intake.channels)
    return indices, values, true_labels(recording, bins, indices.tolist()).astype(np.float32)


def fitting_part(recording: Recording, bins: BinSettings, share: float) -> tuple[F32, F32]:
    """The first `share` of the bins and labels, for a fit at once.

    A gap that resets a decoder becomes `BREAK` empty bins without labels, so that what is fitted
    runs over it as little as what is decoded does.
    """
    indices, x, labels = binned(recording, bins)
    part = int(share * len(x))
    x, labels = x[:part], labels[:part]
    cuts = breaks(indices[:part], bins)
    if len(cuts) == 0:
        return x, labels
    where = np.repeat(cuts, BREAK)
    return np.insert(x, where, 0, axis=0), np.insert(labels, where, np.nan, axis=0)


def breaks(indices: Ints, bins: BinSettings) -> Ints:
    """Which bins (by position) come after a gap that resets a decoder."""
    return np.flatnonzero(np.diff(indices) > reset_after_bins(bins)) + 1
