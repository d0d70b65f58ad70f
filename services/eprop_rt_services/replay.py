"""A recorded session through the same loop as a live one, several decoders side by side."""

import hashlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from eprop_rt.baselines.wiener import WienerDecoder
from eprop_rt.bins.binner import Binner
from eprop_rt.bins.grid import BinGrid
from eprop_rt.bins.labels import LabelBins
from eprop_rt.conditioning.check import ChunkCheck
from eprop_rt.config import (
    BinSettings,
    DecoderSettings,
    MeanSettings,
    RlsSettings,
    WienerSettings,
    ZeroSettings,
)
from eprop_rt.decoder import Decoder
from eprop_rt.errors import DataError
from eprop_rt.metrics import Score, score
from eprop_rt.pipeline import Output, Pipeline
from eprop_rt.series import F32, F64, Chunk, LabelChunk
from eprop_rt.structs import Ints
from eprop_rt_services.checkpoint import Checkpoint
from eprop_rt_services.decoders import approximation, decoder_for
from eprop_rt_services.gradients import GradientWatch
from eprop_rt_services.loop import run
from eprop_rt_services.recordings import Recording

COMPARABLE: dict[str, DecoderSettings] = {
    "wiener": WienerSettings(),
    "rls": RlsSettings(),
    "mean": MeanSettings(),
    "zero": ZeroSettings(),
}
SAMPLES_A_CHUNK = 256


@dataclass(frozen=True, slots=True)
class Replayed:
    """What one decoder made of one recording; the digest hashes all commands and final weights."""

    decoder: str
    bins: int
    seconds: float
    score: Score
    events: Counter[str]
    digest: str
    said: list[str]  # what was decided or approximated, in lines to be shown


class Contestant:
    """A decoder that goes through one recording after the other, its weights carried over."""

    def __init__(
        self,
        name: str,
        settings: DecoderSettings,
        bins: BinSettings,
        start: Checkpoint | None = None,
        watch: GradientWatch | None = None,
    ) -> None:
        """`start` must fit the settings; `watch` sees every bin."""
        self.name = name
        self._settings = settings
        self._start, self._watch = start, watch
        self._bins = bins
        self._decoder: Decoder | None = None
        self._said: list[str] = []
        self._shape = (0, 0)
        self._commands = hashlib.sha256()

    def replay(self, recording: Recording, tick: Callable[[int], None]) -> Replayed:
        """Run through `recording`, prequentially; `tick` is told how many samples were done."""
        decoder = self._decoder_for(recording)
        decoder.reset()
        if isinstance(decoder, WienerDecoder):
            fit_offline(decoder, recording, self._bins)
        pipeline = pipeline_for(recording, self._bins, decoder)
        outputs: list[Output] = []

        def sink(output: Output) -> None:
            outputs.append(output)
            if self._watch is not None:
                self._watch.see(output, self._bins.bin_s, decoder)

        source = RecordingSource(recording, tick)
        started = time.perf_counter()
        run(source, pipeline, sink, lambda: source.exhausted)
        seconds = time.perf_counter() - started
        for output in outputs:
            self._commands.update(output.index.to_bytes(8, "little") + output.values.tobytes())
        digest = self._commands.copy()
        for key, array in decoder.snapshot().items():
            digest.update(key.encode() + array.tobytes())
        true = true_labels(recording, self._bins, [output.index for output in outputs])
        predicted = np.array([output.values for output in outputs]).reshape(true.shape)
        return Replayed(
            decoder=self.name,
            bins=len(outputs),
            seconds=seconds,
            score=score(predicted, true),
            events=pipeline.events,
            digest=digest.hexdigest(),
            said=self._said + approximation(self._settings, decoder),
        )

    def _decoder_for(self, recording: Recording) -> Decoder:
        shape = recording.signal.info.channels, outputs_of(recording)
        if self._decoder is None:
            self._decoder, self._said = decoder_for(
                self._settings, *shape, self._bins.bin_s, self._start
            )
            self._shape = shape
        if shape != self._shape:
            raise DataError(
                f"{recording.name} has {shape[0]} channels and {shape[1]} outputs, expected "
                f"{self._shape[0]} and {self._shape[1]} as in the recording before it: "
                "replay recordings of one array together"
            )
        return self._decoder


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
    """A recording as a source of the loop: each label no later than the signal of its time."""

    def __init__(self, recording: Recording, tick: Callable[[int], None]) -> None:
        self._signal = recording.signal
        self._labels = recording.labels
        self._tick = tick
        self._at = 0
        self._labels_at = 0
        self.exhausted = False

    def pull(self, timeout_s: float) -> list[Chunk | LabelChunk]:
        """The next stretch of the recording, without waiting; `exhausted` once there is none."""
        if self._at >= len(self._signal.stamps):
            self.exhausted = True
            return []
        part = slice(self._at, self._at + SAMPLES_A_CHUNK)
        chunk = Chunk(self._signal.stamps[part], self._signal.values[part])
        self._at += len(chunk.stamps)
        self._tick(len(chunk.stamps))
        return [*self._labels_until(float(chunk.stamps.max())), chunk]

    def _labels_until(self, stamp_s: float) -> list[LabelChunk]:
        if self._labels is None:
            return []
        end = int(np.searchsorted(self._labels.stamps, stamp_s, side="right"))
        new = slice(self._labels_at, max(end, self._labels_at))
        self._labels_at = new.stop
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


def fit_offline(decoder: WienerDecoder, recording: Recording, bins: BinSettings) -> None:
    """Fit on the first four fifths of the recording's bins."""
    _, inputs, labels = binned(recording, bins)
    part = int(0.8 * len(inputs))
    decoder.fit(inputs[:part], labels[:part])


def binned(recording: Recording, bins: BinSettings) -> tuple[Ints, F32, F32]:
    """Indices (n,), values (n, channels) and labels (n, outputs) of all bins, NaN without one."""
    info = recording.signal.info
    check_bins(recording, bins)
    check, binner = ChunkCheck(info, bins.max_disorder_s), Binner(bins, BinGrid(bins.bin_s), info)
    clean = check.apply(Chunk(recording.signal.stamps, recording.signal.values))
    closed = list(binner.push(clean))
    indices = np.array([one.index for one in closed], np.int64)
    inputs = np.array([one.values for one in closed], np.float32).reshape(-1, info.channels)
    return indices, inputs, true_labels(recording, bins, indices.tolist()).astype(np.float32)
