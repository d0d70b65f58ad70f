"""THE DATA PATH: check -> condition -> bin -> guard -> predict -> guard -> output -> learn.

Then it rehearses. Up to the bins it is `intake`: some stages of conditioning work on samples,
before the binner, others on bins, after it.

What goes in decides what comes out, to the bit: no clock, and no trace of how samples were cut
into chunks. A consumer takes each output out of `push` as it comes; learning from that bin happens
when it asks for the next one, so that a command is on its way before anything is learned from it.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from eprop_rt.bins.binner import Bin
from eprop_rt.bins.grid import Gaps
from eprop_rt.bins.labels import LabelBins
from eprop_rt.conditioning.check import labels_with_a_time, refuse_other_labels
from eprop_rt.config import BinSettings
from eprop_rt.decoder import Decoder
from eprop_rt.errors import DataError
from eprop_rt.guard import Guard, OutputState
from eprop_rt.guard_settings import GuardSettings
from eprop_rt.hot import Adjustable, HotSettings
from eprop_rt.intake import Intake
from eprop_rt.orders import (
    Freeze,
    Hold,
    HotValue,
    Late,
    Mark,
    Order,
    Relabel,
    Release,
    RollBack,
    Set,
    Thaw,
)
from eprop_rt.series import F32, F64, Chunk, LabelChunk, StreamInfo

REMEMBERED = 100_000  # bins that a late label may still find
MOST_UNREAD = 256  # chunks of labels, where no bin comes that would want them


@dataclass(frozen=True, slots=True)
class Output:
    """What one bin was decoded to: values (outputs,) in the units of the labels.

    `learning`: it will be learned from; `state`: what the guard made of what was decoded.
    """

    index: int
    bin_end_s: float
    origin_s: float
    values: F64
    learning: bool
    state: OutputState = "decoded"


class Pipeline:
    """One signal or several side by side, at most one label stream, one decoder.

    With `InputSettings` for `settings`, the signals are conditioned.
    `decoded` counts the bins that were decoded, `finished` those whose learning is behind them too,
    `updates` those that were learned from; `label` (outputs,) is that of the bin finished last.
    """

    def __init__(
        self,
        settings: BinSettings,
        signal: StreamInfo | tuple[StreamInfo, ...],
        labels: StreamInfo | None,
        decoder: Decoder,
        outputs: int,
        guard: GuardSettings | None = None,
    ) -> None:
        self.decoder = decoder
        self._outputs = outputs
        signals = signal if isinstance(signal, tuple) else (signal,)
        self._intake = Intake(settings, signals)
        channels = self._intake.channels
        self.guard = Guard(guard or GuardSettings(), settings.bin_s, channels, outputs, decoder)
        self._labels = LabelBins(self._intake.grid, labels, outputs)
        self._unread: list[LabelChunk] = []
        self._gaps = Gaps(settings)
        self._thawed = True
        self._unbroken = True  # no bin went by unlearned since the last one learned from
        self._learned: list[int] = []  # bins, the newest last
        self.decoded = self.finished = self.updates = 0
        self.label: F32 = np.full(outputs, np.nan, np.float32)
        self._events: Counter[str] = Counter()

    def push_labels(self, chunk: LabelChunk) -> None:
        """Take labels, each for its own bin once that is decoded; DataError on a wrong shape.

        They are read when a bin is learned from: one that comes with the sample that completes a
        bin is not in the way of its command. Events, counted then: `label_stamp_not_finite`,
        dropped, as are stamps that can be no time; `label_not_finite`, infinite and taken as
        absent.
        """
        refuse_other_labels(chunk, self._outputs)
        self._unread.append(chunk)
        if len(self._unread) == MOST_UNREAD:
            self._read_labels()

    def push(self, chunk: Chunk) -> Iterator[Output]:
        """Yield one output a bin that this chunk completes; DataError on a wrong shape."""
        for closed in self.close(chunk):
            output = self.decode(closed)
            yield output
            self.finish(output)

    @property
    def last_due_s(self) -> float | None:
        """Stamp of the sample that completes the open bin, where that can be told before."""
        return self._intake.last_due_s

    # The steps of a bin, for who measures them apart.

    def close(self, chunk: Chunk) -> Iterator[Bin]:
        """Yield the bins that this chunk completes; DataError on a wrong shape."""
        return self._intake.push(chunk)

    def decode(self, closed: Bin) -> Output:
        """What the bin in hand means; nothing is learned from it."""
        if self._gaps.before(closed.index):
            self._events["reset_after_gap"] += 1
            self.decoder.reset()
        decoded = self.decoder.predict_one(self.guard.admit(closed))
        values, state = self.guard.publish(decoded)
        learning = self._thawed and self.guard.learns
        self.decoded += 1
        return Output(closed.index, closed.end_s, closed.origin_s, values, learning, state)

    def finish(self, output: Output) -> None:
        """Learn from the bin that was decoded last, and from the past."""
        self._read_labels()
        self.label = label = self._labels.take(output.index)
        late = self._labels.late()
        learned = output.learning and self.learning
        if learned:
            self._learn(output.index, label, late)
        self._unbroken = learned
        self.guard.close(label, learned, self._thawed)
        self.finished += 1

    def obey(self, order: Order) -> None:
        """Carry out an order between two bins, or when one was decoded and not learned from yet.

        Raises DataError or ConfigError where it does not fit, and then changes nothing.
        """
        match order:
            case Freeze():
                self.freeze()
            case Thaw():
                self.thaw()
            case Relabel():
                self.push_labels(labels_of(order))
            case Hold():
                self.guard.hold(order.cause)
            case Release():
                self.guard.release(order.cause)
            case Late():
                self.guard.late(order.bins)
            case Mark():
                self.guard.mark()
            case RollBack():
                self.guard.roll_back()
            case Set():
                self._set(order.values)

    @property
    def hot(self) -> HotSettings:
        """The settings that may change while the session runs, as they are in force."""
        decoder = self.decoder.settings if isinstance(self.decoder, Adjustable) else None
        return HotSettings(decoder, self.guard.settings)

    def _set(self, values: Mapping[str, HotValue]) -> None:
        before = self.hot
        after = before.changed(values)
        if after.decoder is not None and isinstance(self.decoder, Adjustable):
            self.decoder.adopt(after.decoder)
        self.guard.adopt(after.guard)

    def _read_labels(self) -> None:
        """Sort what came since the last time to its bins."""
        for chunk in self._unread:
            kept = labels_with_a_time(chunk)
            self._events["label_stamp_not_finite"] += len(chunk.stamps) - len(kept.stamps)
            self._events["label_not_finite"] += int(np.isinf(kept.values).any(axis=1).sum())
            self._labels.push(self.guard.admit_labels(kept))
        self._unread.clear()

    def _learn(self, index: int, label: F32, late: list[tuple[int, F32]]) -> None:
        if not self._unbroken:
            self.decoder.resume()
        self.decoder.learn_one(label)
        self._learned.append(index)
        self._relabel(late)
        self.decoder.rehearse()
        self.updates += 1

    def _relabel(self, late: list[tuple[int, F32]]) -> None:
        """Hand labels of past bins to the decoder; event `late_label`: it has no use for one."""
        for index, label in late:
            at = bisect_left(self._learned, index)
            known = at < len(self._learned) and self._learned[at] == index
            age = len(self._learned) - 1 - at
            if not (known and self.decoder.relabel(age, label)):
                self._events["late_label"] += 1
        if len(self._learned) > 2 * REMEMBERED:
            del self._learned[:-REMEMBERED]

    @property
    def learning(self) -> bool:
        """Whether bins are learned from: neither the operator nor the guard has frozen that."""
        return self._thawed and not self.guard.frozen

    @property
    def thawed(self) -> bool:
        """Whether no order has frozen learning."""
        return self._thawed

    def freeze(self) -> None:
        """Stop learning at once: weights and statistics stay as they are."""
        self._thawed = False

    def thaw(self) -> None:
        """Learn again, from the next bin on: what was decoded frozen is not learned from."""
        if not self._thawed:
            self.decoder.resume()
            self._thawed = self._unbroken = True

    @property
    def events(self) -> Counter[str]:
        """Everything unusual so far, by name; only what has happened."""
        parts = (self._intake, self._labels, self.decoder, self.guard)
        return +sum((part.events for part in parts), self._events)


def labels_of(order: Relabel) -> LabelChunk:
    """The labels of an order; raises DataError where they have no shape."""
    try:
        return LabelChunk(np.array(order.stamps, np.float64), np.array(order.values, np.float32))
    except ValueError:
        raise DataError(
            "labels with rows of different lengths came: give every stamp one row of values"
        ) from None
