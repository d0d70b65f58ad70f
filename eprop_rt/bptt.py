"""Offline training on recorded bins and labels: backpropagation through time, or e-prop.

A recording is cut into segments anew in every epoch, from a place drawn for it. Each starts from
rest with a warm-up that carries no error, so that gradients are truncated at its start; segments
overlap by the warm-up, and every label counts once an epoch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from eprop_rt.batch import Each, build_batch, in_turn, judge_batch, pull_back_batch
from eprop_rt.build import steps
from eprop_rt.config import TrainingSettings
from eprop_rt.engine import Engine, Trainable
from eprop_rt.errors import ConfigError, DataError
from eprop_rt.objective import per_label, segment_objective
from eprop_rt.series import F32
from eprop_rt.snapshot import Arrays, copied
from eprop_rt.structs import Floats, Objective
from eprop_rt.update import Update

FIRST_DRAW = 2**61  # of spikes that are drawn: far from those of a live network and of rehearsal


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive bins: inputs (T, K) and labels (T, M), NaN where there is none, unscaled."""

    inputs: F32
    labels: F32


@dataclass(frozen=True, slots=True)
class Epoch:
    """Mean loss a label, in scaled units: squared error, or cross entropy."""

    loss: float
    validation: float  # NaN where there is none
    best: bool  # so far
    updates_refused: int  # not finite


@dataclass(frozen=True, slots=True)
class Window:
    """Bins start .. stop of a stretch."""

    stretch: int
    start: int
    stop: int


def split(stretches: Sequence[Stretch], share: float) -> tuple[list[Stretch], list[Stretch]]:
    """The first `share` of all bins, and the rest."""
    left = round(share * sum(len(one.inputs) for one in stretches))
    before, after = [], []
    for one in stretches:
        cut = min(left, len(one.inputs))
        left -= cut
        before.append(Stretch(one.inputs[:cut], one.labels[:cut]))
        after.append(Stretch(one.inputs[cut:], one.labels[cut:]))
    return [s for s in before if len(s.inputs)], [s for s in after if len(s.inputs)]


class Trainer:
    """Trains the weights of `engine` in place, epoch by epoch, and keeps the best.

    An epoch is all of `batches`, or as many as one cares for, then `close_epoch`. `finish` leaves
    the engine with the best weights, ready to decode, learn online, or be trained further. The
    scales of the engine and its thresholds stay as they are. Given the seed of the engine's
    settings, what comes out does not depend on `each`, to the bit. `least` is the validation loss
    of the best weights so far, infinite where there is no validation.
    """

    def __init__(
        self,
        engine: Engine,
        training: TrainingSettings,
        fit: Sequence[Stretch],
        validation: Sequence[Stretch],
        each: Each = in_turn,
    ) -> None:
        """Raises ConfigError or DataError where there is nothing that could be learned."""
        self._engine, self._training, self._each = engine, training, each
        self._parts = parts = engine.trainable()
        self._length, self._warm_up = _lengths(parts, training)
        self._fit = [_scaled(parts, one) for one in fit]
        self._validation = [_scaled(parts, one) for one in validation]
        _check(parts, training, self._fit, self._warm_up)
        network = parts.network
        self._update = Update(
            network, parts.settings.penalties, training.learning_rate, training.clip_norm
        )
        self._update.spread()
        _copy(parts.update.arrays(), self._update.arrays())
        self._batch = build_batch(
            network.params,
            (training.batch, self._length),
            network.inputs,
            network.weights.w_out,
        )
        self._epoch = self._drawn = 0
        self._loss, self._labelled, self._refused = 0.0, 0, 0
        self._best_epoch, self.least = 0, np.inf
        self._best = copied(self._arrays())
        if validation:
            self.least = self._validate()

    @property
    def exhausted(self) -> bool:
        """Whether so many epochs have passed, or so many since the best, as the settings say."""
        late = self._epoch - self._best_epoch >= self._training.patience
        return self._epoch >= self._training.epochs or (late and bool(self._validation))

    @property
    def spikes_per_step(self) -> float:
        """Of a neuron, in the batch run last."""
        batch = self._batch
        used = range(int(batch.used[0]))
        return float(np.mean([batch.segments.z[b, : batch.steps[b]].mean() for b in used]))

    @property
    def segment_bins(self) -> int:
        """How long the segments of the coming epoch are: the curriculum."""
        training, first = self._training, 2 * self._warm_up
        if self._epoch >= training.curriculum_epochs:
            return self._length
        if training.curriculum_from_s is not None:
            first = steps(training.curriculum_from_s, self._parts.bin_s)
        first = min(max(first, self._warm_up + 1), self._length)
        return first + (self._length - first) * self._epoch // training.curriculum_epochs

    def batches(self) -> Iterator[float]:
        """Learn from one batch after the other; yields the share of the epoch that is done."""
        rng = np.random.default_rng((self._parts.settings.seed, 3, self._epoch))
        fresh = self.segment_bins - self._warm_up
        windows = cut(self._fit, self.segment_bins, self._warm_up, int(rng.integers(fresh)))
        order = rng.permutation(len(windows))
        objective = self._objective(self.segment_bins)
        size = self._training.batch
        for start in range(0, len(order), size):
            chosen = [windows[at] for at in order[start : start + size]]
            self._learn(chosen, objective)
            yield min(1.0, (start + size) / len(order))

    def _learn(self, windows: Sequence[Window], objective: Objective) -> None:
        self._fill(self._fit, windows, self._drawn)
        self._drawn += len(windows)
        params, weights = self._parts.network.params, self._update.weights
        came = judge_batch(params, weights, self._batch, objective, self._each)
        self._loss += came.loss
        self._labelled += came.labelled
        if came.labelled == 0:
            return
        gradient = pull_back_batch(
            params, weights, self._feedback(), self._batch, objective, self._each
        )
        self._update.set_rate(self._rate())
        mean = per_label(objective.softmax) / came.labelled
        self._refused += not self._update.apply(gradient, mean)
        self._parts.feedback.follow()

    def _rate(self) -> float:
        training = self._training
        passed = min(1.0, self._epoch / max(1, training.epochs - 1))
        return float(training.learning_rate * training.final_rate**passed)

    def _feedback(self) -> Floats:
        if self._training.method == "eprop":
            return self._parts.feedback.matrix
        return self._update.weights.w_out[: self._parts.network.neurons]

    def _objective(self, length: int) -> Objective:
        parts, training = self._parts, self._training
        backpropagates = training.method == "bptt"
        return segment_objective(parts.settings, parts.bin_s, length, self._warm_up)._replace(
            through_recurrence=backpropagates and training.through_recurrence,
            through_reset=backpropagates and training.through_reset,
        )

    def _fill(
        self, stretches: Sequence[tuple[Floats, Floats]], windows: Sequence[Window], drawn: int
    ) -> None:
        batch = self._batch
        segments = batch.segments
        batch.used[0] = len(windows)
        for b, window in enumerate(windows):
            inputs, targets = stretches[window.stretch]
            length = window.stop - window.start
            batch.steps[b] = length
            segments.x[b, :length] = inputs[window.start : window.stop]
            segments.target[b, :length] = targets[window.start : window.stop]
            segments.draw[b] = FIRST_DRAW + (drawn + b) * self._length * segments.z.shape[2]

    def close_epoch(self) -> Epoch:
        """Judge the weights on the validation part; keep them if they are the best so far."""
        self._epoch += 1
        softmax = self._parts.settings.loss == "softmax"
        loss = per_label(softmax) * self._loss / max(self._labelled, 1)
        validation = self._validate() if self._validation else np.nan
        best = bool(validation < self.least) if self._validation else bool(np.isfinite(loss))
        if best:
            self.least = validation if self._validation else self.least
            self._best_epoch = self._epoch
            self._best = copied(self._arrays())
        refused = self._refused
        self._loss, self._labelled, self._refused = 0.0, 0, 0
        return Epoch(loss, float(validation), best, refused)

    def _validate(self) -> float:
        windows = cut(self._validation, self._length, self._warm_up, 0)
        objective = self._objective(self._length)
        params, weights = self._parts.network.params, self._update.weights
        loss, labelled = 0.0, 0
        for start in range(0, len(windows), self._training.batch):
            self._fill(self._validation, windows[start : start + self._training.batch], start)
            came = judge_batch(params, weights, self._batch, objective, self._each)
            loss, labelled = loss + came.loss, labelled + came.labelled
        return per_label(objective.softmax) * loss / labelled if labelled else np.nan

    def finish(self) -> None:
        """Leave the engine at rest with the best weights, and the optimiser that led to them."""
        _copy(self._best, self._arrays())
        _copy(self._update.arrays(), self._parts.update.arrays())
        self._engine.reset()

    def _arrays(self) -> Arrays:
        weights: Arrays = dict(self._parts.network.weights._asdict())
        return weights | self._update.arrays() | self._parts.feedback.arrays()


def cut(
    stretches: Sequence[tuple[Floats, Floats]], length: int, warm_up: int, offset: int
) -> list[Window]:
    """Segments of `length` bins, each overlapping the one before by the warm-up.

    `offset`, less than length - warm_up, shifts all of them; what sticks out is cut off.
    """
    fresh = length - warm_up
    windows = []
    for stretch, (inputs, _) in enumerate(stretches):
        for start in range(-offset, len(inputs) - warm_up, fresh):
            first, stop = max(start, 0), min(start + length, len(inputs))
            if stop - first > warm_up:
                windows.append(Window(stretch, first, stop))
    return windows


def _lengths(parts: Trainable, training: TrainingSettings) -> tuple[int, int]:
    rehearsal = parts.settings.rehearsal
    segment_s = training.segment_s or rehearsal.segment_s
    warm_up_s = rehearsal.warm_up_s if training.warm_up_s is None else training.warm_up_s
    if warm_up_s >= segment_s:
        raise ConfigError(
            f"training.warm_up_s {warm_up_s} came with segments of {segment_s} s: lengthen "
            "training.segment_s, or shorten the warm-up"
        )
    length = steps(segment_s, parts.bin_s)
    return length, min(round(warm_up_s / parts.bin_s), length - 1)


def _scaled(parts: Trainable, stretch: Stretch) -> tuple[Floats, Floats]:
    dtype = parts.network.params.alpha.dtype
    inputs = np.zeros(stretch.inputs.shape, dtype)
    targets = np.zeros(stretch.labels.shape, dtype)
    parts.inputs.apply(np.where(np.isfinite(stretch.inputs), stretch.inputs, 0), inputs)
    parts.targets.apply(stretch.labels, targets)
    return inputs, targets


def _check(
    parts: Trainable,
    training: TrainingSettings,
    fit: Sequence[tuple[Floats, Floats]],
    warm_up: int,
) -> None:
    if training.method == "eprop" and len(parts.feedback.matrix) == 0:
        raise ConfigError(
            "training.method eprop came with decoder.online.feedback external, which has no "
            "learning signal of its own: set symmetric, random or adaptive"
        )
    labelled = [np.isfinite(targets[warm_up:]).any() for _, targets in fit]
    if not any(labelled):
        raise DataError(
            "there is nothing to train on: no stretch of the fitted part has a label after the "
            f"first {warm_up} bins; give longer recordings with labels"
        )


def _copy(source: Arrays, target: Arrays) -> None:
    for key, array in target.items():
        np.copyto(array, source[key])
