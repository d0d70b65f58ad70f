"""A decoder that goes through one recording after the other, its weights carried over."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from eprop_rt.classification import ClassScore, score_classes
from eprop_rt.config import BinSettings, DecoderSettings
from eprop_rt.cost import Cost
from eprop_rt.decoder import Decoder, OfflineDecoder
from eprop_rt.errors import DataError
from eprop_rt.guard_settings import GuardSettings
from eprop_rt.metrics import Score, score
from eprop_rt.pipeline import Output
from eprop_rt.series import F64
from eprop_rt_services.checkpoint import Checkpoint
from eprop_rt_services.decoders import approximation, decoder_for, settled
from eprop_rt_services.digest import SessionDigest
from eprop_rt_services.loop import run
from eprop_rt_services.recordings import Recording
from eprop_rt_services.replay.cache import ResultCache, code_version, content_of, key_of
from eprop_rt_services.replay.comparable import with_late_labels
from eprop_rt_services.replay.conditions import Condition
from eprop_rt_services.replay.meter import Meter
from eprop_rt_services.replay.source import (
    RecordingSource,
    binned,
    channels_seen,
    fitting_part,
    outputs_of,
    pipeline_for,
    true_labels,
)

FITTED = 0.8  # of a recording, to an offline decoder
AS_RECORDED = Condition()
NO_CACHE = ResultCache(None)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What one decoder made of one recording; the digest hashes all commands and final weights.

    `index` (bins,) says which bins were decoded, `predicted` (bins, outputs) to what. `cached`:
    the recording was replayed by an earlier run, and `seconds` are of then.
    """

    decoder: str
    bins: int
    labelled: int  # bins with a label for every output: those that are scored
    seconds: float
    processor_seconds: float  # the same on a core that nobody else uses
    score: Score
    events: Counter[str]
    digest: str
    said: list[str]  # what was decided or approximated, in lines to be shown
    cost: Cost
    index: NDArray[np.int64]
    predicted: F64
    cached: bool
    classes: ClassScore | None = None  # where the outputs are classes


Outcome = tuple[Condition, list[Replayed]]  # of one recording, decoder by decoder


class Watch(Protocol):
    """Something that looks on while a decoder goes through a recording."""

    def see(self, output: Output, bin_s: float, decoder: Decoder) -> None:
        """A bin has been decoded, and not yet learned from."""
        ...


@dataclass(frozen=True, slots=True)
class Setting:
    """Where contestants meet."""

    bins: BinSettings
    condition: Condition = AS_RECORDED
    cache: ResultCache = NO_CACHE
    guard: GuardSettings = field(default_factory=GuardSettings)
    classes: tuple[str, ...] = ()  # what the outputs are probabilities of


class Contestant:
    """Replays what is not in the cache, after all recordings that came before it."""

    def __init__(
        self,
        name: str,
        settings: DecoderSettings,
        setting: Setting,
        start: Checkpoint | None = None,
        watches: Sequence[Watch] = (),
    ) -> None:
        """`start` must fit the settings; `watches` see every bin. With either, give no cache."""
        self.name = name
        self.setting = setting
        self._start, self._watches = start, watches
        delay_s = setting.condition.label_delay_s
        waits = delay_s + setting.bins.bin_s
        self.settings = with_late_labels(settings, waits) if delay_s > 0 else settings
        self._decoder: Decoder | None = None
        self._said: list[str] = []
        self._shape = (0, 0)
        self._digest = SessionDigest()
        self._skipped: list[Recording] = []  # found in the cache: not gone through yet
        self.key = key_of(
            code_version(),
            self.settings.model_dump_json(),
            setting.bins.model_dump_json(),
            setting.guard.model_dump_json(),
            repr(setting.condition),
        )

    def replay(self, recording: Recording, tick: Callable[[int], None]) -> Replayed:
        """Run through `recording`, prequentially; `tick` is told how many samples were done."""
        self.key = key_of(self.key, content_of(recording))
        found = self.setting.cache.load(self.key)
        if found is not None:
            self._skipped.append(recording)
            tick(len(recording.signal.stamps))
            return replayed(self.name, recording, self.setting, found[0], found[1], cached=True)
        self.decoder()
        arrays, facts = self._run(recording, tick)
        self.setting.cache.store(self.key, arrays, facts)
        return replayed(self.name, recording, self.setting, arrays, facts, cached=False)

    def decoder(self) -> Decoder | None:
        """The decoder as it is after the newest recording; None before the first."""
        for recording in self._skipped:
            self._run(recording, lambda _: None)
        self._skipped.clear()
        return self._decoder

    def _run(
        self, recording: Recording, tick: Callable[[int], None]
    ) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        decoder = self._decoder_for(recording)
        decoder.reset()
        given = self.setting.condition.apply(recording, self.setting.bins)
        if isinstance(decoder, OfflineDecoder):
            fit_offline(decoder, given, self.setting)
        arrays, facts = run_through(given, decoder, self.setting, tick, watches=self._watches)
        commands = zip(arrays["index"], arrays["predicted"], strict=True)
        for index, values in commands:
            self._digest.add(index, values)
        said = self._said + approximation(self.settings, decoder)
        return arrays, facts | {"digest": self._digest.with_decoder(decoder), "said": said}

    def _decoder_for(self, recording: Recording) -> Decoder:
        shape = channels_seen(recording, self.setting.bins), outputs_of(recording)
        if self._decoder is None:
            bin_s = self.setting.bins.bin_s
            self.settings, self._said = settled(self.settings, *shape, bin_s)
            self._decoder, _ = decoder_for(self.settings, *shape, bin_s, self._start)
            self._shape = shape
        if shape != self._shape:
            raise DataError(
                f"{recording.name} has {shape[0]} channels and {shape[1]} outputs, expected "
                f"{self._shape[0]} and {self._shape[1]} as in the recording before it: "
                "replay recordings of one array together"
            )
        return self._decoder


def run_through(
    recording: Recording,
    decoder: Decoder,
    setting: Setting,
    tick: Callable[[int], None],
    *,
    learning: bool = True,
    watches: Sequence[Watch] = (),
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Replay `recording` as given; returns what was decoded, and how."""
    pipeline = pipeline_for(recording, setting.bins, decoder, setting.guard)
    if not learning:
        pipeline.freeze()
    delay_s = setting.condition.label_delay_s
    source = RecordingSource(recording, tick, delay_s, setting.bins.bin_s)
    freeze_at = setting.condition.freeze_at
    frozen_from = (
        -1 if freeze_at is None else int(freeze_at * len(binned(recording, setting.bins)[0]))
    )
    outputs: list[Output] = []
    meter = Meter(decoder)

    def keep(output: Output) -> None:
        if len(outputs) == frozen_from:
            pipeline.freeze()
        outputs.append(output)
        meter.tick()
        for watch in watches:
            watch.see(output, setting.bins.bin_s, decoder)

    clocks = time.perf_counter, time.process_time
    started = [clock() for clock in clocks]
    run(source, pipeline, keep, lambda: source.exhausted)
    wall, processor = (clock() - begun for clock, begun in zip(clocks, started, strict=True))
    times = {"seconds": wall, "processor_seconds": processor}
    predicted = np.array([output.values for output in outputs], np.float64)
    return {
        "index": np.array([output.index for output in outputs], np.int64),
        "predicted": predicted.reshape(len(outputs), outputs_of(recording)),
    }, times | {"events": dict(pipeline.events), "cost": asdict(meter.mean())}


def replayed(
    name: str,
    recording: Recording,
    setting: Setting,
    arrays: dict[str, NDArray[Any]],
    facts: dict[str, Any],
    *,
    cached: bool,
) -> Replayed:
    """Scored on the labels of `recording`."""
    true = true_labels(recording, setting.bins, arrays["index"].tolist())
    classes = None
    if setting.classes:
        classes = score_classes(arrays["predicted"], true, arrays["index"], setting.bins.bin_s)
    return Replayed(
        decoder=name,
        bins=len(true),
        labelled=int(np.isfinite(true).all(axis=1).sum()),
        seconds=facts["seconds"],
        processor_seconds=facts["processor_seconds"],
        score=score(arrays["predicted"], true),
        events=Counter(facts["events"]),
        digest=facts["digest"],
        said=facts["said"],
        cost=Cost(**facts["cost"]),
        index=arrays["index"],
        predicted=arrays["predicted"],
        cached=cached,
        classes=classes,
    )


def fit_offline(decoder: OfflineDecoder, recording: Recording, setting: Setting) -> None:
    """Fit on the first four fifths of the bins, and on nothing that follows a perturbation."""
    perturbation = setting.condition.perturbation
    share = FITTED if perturbation is None else min(FITTED, perturbation.at)
    decoder.fit(*fitting_part(recording, setting.bins, share))
