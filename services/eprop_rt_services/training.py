"""Offline training on recordings: first four fifths to train, the last fifth to test."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from eprop_rt.bptt import Epoch, Stretch, Trainer, split
from eprop_rt.config import EpropSettings
from eprop_rt.engine import Engine
from eprop_rt.errors import ConfigError, DataError
from eprop_rt.metrics import r2
from eprop_rt.series import F64
from eprop_rt_services.checkpoint import Checkpoint
from eprop_rt_services.config import Config
from eprop_rt_services.decoders import decoder_for
from eprop_rt_services.recordings import Recording
from eprop_rt_services.replay.source import binned, breaks
from eprop_rt_services.stopping import Stop
from eprop_rt_services.threads import threads

TRAINED = 0.8  # share of each recording; the rest is the test
# Told of the share of all epochs that is done, and of the newest epoch where one has just closed.
Watch = Callable[[float, Epoch | None], None]


@dataclass(frozen=True, slots=True)
class Part:
    """One recording: what is fitted, what decides when to stop, what is left for the test."""

    name: str
    fit: list[Stretch]
    validation: list[Stretch]
    test: list[Stretch]


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of it; the checkpoint is of the best epoch, 0 being what it started from."""

    checkpoint: Checkpoint
    epochs: tuple[Epoch, ...]
    best_epoch: int
    seconds: float
    stopped: bool  # by the user


def parts_of(recording: Recording, config: Config) -> Part:
    """Cut a recording; raises DataError where it has no labels to train on."""
    if recording.labels is None:
        raise DataError(
            f"{recording.name} has no labels, training needs them: choose a series with "
            "-o recording.labels=NAME"
        )
    training, test = split(stretches_of(recording, config), TRAINED)
    fit, validation = split(training, 1 - config.training.validation)
    return Part(recording.name, fit, validation, test)


def stretches_of(recording: Recording, config: Config) -> list[Stretch]:
    """Bins and labels through the live data path, cut where a gap would reset the network."""
    indices, inputs, labels = binned(recording, config.inputs)
    if len(indices) == 0:
        raise DataError(f"{recording.name} has not a single bin: give a longer recording")
    cuts = breaks(indices, config.bins)
    pieces = zip(np.split(inputs, cuts), np.split(labels, cuts), strict=True)
    return [Stretch(x, label) for x, label in pieces]


def train(
    config: Config, parts: Sequence[Part], start: Checkpoint | None, watch: Watch
) -> tuple[Trained, Engine]:
    """Train until the settings or the user (SIGINT, SIGTERM) say that it is enough."""
    engine, settings = engine_for(config, parts, start)
    started = time.perf_counter()
    epochs: list[Epoch] = []
    with threads(config.training.threads) as each, Stop() as stop:
        trainer = Trainer(
            engine,
            config.training,
            [one for part in parts for one in part.fit],
            [one for part in parts for one in part.validation],
            each,
        )
        while not (trainer.exhausted or stop.asked()):
            for share in trainer.batches():
                watch((len(epochs) + share) / config.training.epochs, None)
                if stop.asked():
                    break
            epochs.append(trainer.close_epoch())
            watch(len(epochs) / config.training.epochs, epochs[-1])
        trainer.finish()
        first = parts[0].fit[0]
        shape = first.inputs.shape[1], first.labels.shape[1]
        checkpoint = Checkpoint(settings, config.inputs, *shape, engine.snapshot())
    best = max((number for number, epoch in enumerate(epochs, 1) if epoch.best), default=0)
    seconds = time.perf_counter() - started
    return Trained(checkpoint, tuple(epochs), best, seconds, stop.asked()), engine


def engine_for(
    config: Config, parts: Sequence[Part], start: Checkpoint | None
) -> tuple[Engine, EpropSettings]:
    """The engine to train, which knows the training parts' statistics; and its exact settings."""
    settings = config.decoder
    shapes = {(one.inputs.shape[1], one.labels.shape[1]) for part in parts for one in part.fit}
    if len(shapes) != 1:
        came = " and ".join(f"{k} channels with {m} outputs" for k, m in sorted(shapes))
        raise DataError(
            f"the recordings have {came or 'nothing to fit'}: train on recordings of one array "
            "together"
        )
    if not isinstance(settings, EpropSettings):
        raise ConfigError(
            f"decoder.kind {settings.kind} came to train: only eprop trains offline, set it"
        )
    engine, _ = decoder_for(settings, *shapes.pop(), config.bins.bin_s, start)
    assert isinstance(engine, Engine)
    for part in parts:
        for one in part.fit + part.validation:
            for x, label in zip(one.inputs, one.labels, strict=True):
                engine.study(x, label)
    return engine, engine.settings


def tested(engine: Engine, part: Part) -> F64:
    """R2 of each output on the last fifth, decoded frozen, bin by bin, as it would run live."""
    lead = (part.validation or part.fit)[-1]
    engine.reset()
    for x in lead.inputs:
        engine.predict_one(x)
    predicted, true = [], []
    for number, stretch in enumerate(part.test):
        if number > 0:
            engine.reset()
        predicted += [engine.predict_one(x) for x in stretch.inputs]
        true += list(stretch.labels)
    outputs = lead.labels.shape[1]
    shape = len(predicted), outputs
    return r2(np.reshape(predicted, shape), np.reshape(true, shape).astype(np.float64))
