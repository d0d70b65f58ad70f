"""THE DATA PATH: check -> bin -> predict -> output -> learn -> rehearse.

What goes in decides what comes out, to the bit: no clock, and no trace of how samples were cut
into chunks. A consumer takes each output out of `push` as it comes; learning from that bin happens
when it asks for the next one, so that a command is on its way before anything is learned from it.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from eprop_rt.bins.binner import Bin, Binner
from eprop_rt.bins.grid import BinGrid, reset_after_bins
from eprop_rt.bins.joined import JoinedBinner
from eprop_rt.bins.labels import LabelBins
from eprop_rt.conditioning.check import ChunkCheck, checked_labels
from eprop_rt.config import BinSettings
from eprop_rt.decoder import Decoder
from eprop_rt.errors import DataError
from eprop_rt.orders import Freeze, Order, Relabel, Thaw
from eprop_rt.series import F32, F64, Chunk, LabelChunk, StreamInfo

REMEMBERED = 100_000  # bins that a late label may still find


@dataclass(frozen=True, slots=True)
class Output:
    """What one bin was decoded to: values (outputs,) in the units of the labels."""

    index: int
    bin_end_s: float
    origin_s: float
    values: F64
    learning: bool


class Pipeline:
    """One signal or several side by side, at most one label stream, one decoder.

    `decoded` counts the bins that were decoded, `finished` those whose learning is behind them too,
    `updates` those that were learned from.
    """

    def __init__(
        self,
        settings: BinSettings,
        signal: StreamInfo | tuple[StreamInfo, ...],
        labels: StreamInfo | None,
        decoder: Decoder,
        outputs: int,
    ) -> None:
        self.decoder = decoder
        self._outputs = outputs
        signals = signal if isinstance(signal, tuple) else (signal,)
        self._checks = tuple(ChunkCheck(info, settings.max_disorder_s) for info in signals)
        grid = BinGrid(settings.bin_s)
        self._binner: Binner | JoinedBinner = (
            JoinedBinner(settings, grid, signals)
            if len(signals) > 1
            else Binner(settings, grid, signals[0])
        )
        self._labels = LabelBins(grid, labels, outputs)
        self._reset_after_bins = reset_after_bins(settings)
        self._index: int | None = None
        self._held: F64 = np.zeros(outputs)
        self._learning = True
        self._learned: list[int] = []  # bins, the newest last
        self.decoded = self.finished = self.updates = 0
        self._events: Counter[str] = Counter()

    def push_labels(self, chunk: LabelChunk) -> None:
        """Take labels, each for its own bin once that is decoded; DataError on a wrong shape.

        Events: `label_stamp_not_finite`, dropped; `label_not_finite`, infinite and taken as absent.
        """
        kept = checked_labels(chunk, self._outputs)
        self._events["label_stamp_not_finite"] += len(chunk.stamps) - len(kept.stamps)
        self._events["label_not_finite"] += int(np.isinf(kept.values).any(axis=1).sum())
        self._labels.push(kept)

    def push(self, chunk: Chunk) -> Iterator[Output]:
        """Yield one output a bin that this chunk completes; DataError on a wrong shape."""
        for closed in self._binner.push(self._checks[chunk.stream].apply(chunk)):
            output = self._decode(closed)
            self.decoded += 1
            yield output
            label, late = self._labels.take(closed.index), self._labels.late()
            if output.learning and self._learning:
                self.decoder.learn_one(label)
                self._learned.append(closed.index)
                self._relabel(late)
                self.decoder.rehearse()
                self.updates += 1
            self.finished += 1

    def obey(self, order: Order) -> None:
        """Carry out an order; raises DataError where it does not fit, and then changes nothing.

        Between two bins, or when a bin was decoded and is not learned from yet.
        """
        match order:
            case Freeze():
                self.freeze()
            case Thaw():
                self.thaw()
            case Relabel():
                self.push_labels(labels_of(order))

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

    def _decode(self, closed: Bin) -> Output:
        if self._index is not None and closed.index - self._index > self._reset_after_bins:
            self._events["reset_after_gap"] += 1
            self.decoder.reset()
        self._index = closed.index
        values = self.decoder.predict_one(closed.values)
        if np.isfinite(values).all():
            self._held = values
        else:
            self._events["output_held"] += 1
        return Output(
            closed.index, closed.end_s, closed.origin_s, self._held.copy(), self._learning
        )

    @property
    def learning(self) -> bool:
        """Whether bins are learned from."""
        return self._learning

    def freeze(self) -> None:
        """Stop learning at once: weights and statistics stay as they are."""
        self._learning = False

    def thaw(self) -> None:
        """Learn again, from the next bin on: what was decoded frozen is not learned from."""
        if not self._learning:
            self.decoder.resume()
        self._learning = True

    @property
    def events(self) -> Counter[str]:
        """Everything unusual so far, by name; only what has happened."""
        parts = (*self._checks, self._binner, self.decoder)
        return +sum((part.events for part in parts), self._events)


def labels_of(order: Relabel) -> LabelChunk:
    """The labels of an order; raises DataError where they have no shape."""
    try:
        return LabelChunk(np.array(order.stamps, np.float64), np.array(order.values, np.float32))
    except ValueError:
        raise DataError(
            "labels with rows of different lengths came: give every stamp one row of values"
        ) from None
