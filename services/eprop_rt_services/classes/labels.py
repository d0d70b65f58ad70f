"""From markers, or a channel of numbers, to one-hot labels: live and recorded in the same way.

The bins that a marker labels are known once they are over, and a decoder hears of them then: no bin
of a gesture is decoded by what was learned from the same gesture.
"""

import math
from collections import Counter, deque
from dataclasses import dataclass

import numpy as np

from eprop_rt.errors import DataError
from eprop_rt.series import F32, LabelChunk, MarkerChunk, StreamInfo
from eprop_rt_services.classes.settings import UNIT, ClassSettings

NAME = "classes"
LONGEST_BINS = 100_000  # of one window: late labels of older bins find nothing anyway


@dataclass(frozen=True, slots=True)
class Window:
    """From one time to another it was this class."""

    number: int
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class _Open:
    """What the newest marker began."""

    number: int
    from_s: float


def class_info(settings: ClassSettings) -> StreamInfo:
    """What the labels announce: an irregular stream with a channel a class."""
    names = settings.labels
    return StreamInfo(NAME, len(names), 0.0, names, (UNIT,) * len(names))


class ClassLabels:
    """Markers in, labels out, bin by bin, once the signal has passed the end of their window.

    What comes out follows from the order of the calls alone. Events: `marker_unknown`, neither
    begins nor ends a class; `marker_not_in_order`, stamped before the one before it and taken for
    as late.
    """

    def __init__(self, settings: ClassSettings, bin_s: float) -> None:
        self._settings, self._bin_s = settings, bin_s
        self._begins, self._ends = settings.class_of, frozenset(settings.ends)
        self._open: _Open | None = None
        self._begun: str | None = None  # what began last, and no marker has ended since
        self._over: deque[Window] = deque()
        self._newest_s = -np.inf
        self.info = class_info(settings)
        self.events: Counter[str] = Counter()

    def heed(self, markers: MarkerChunk) -> None:
        """Take markers in order of time."""
        for stamp_s, text in zip(markers.stamps.tolist(), markers.texts, strict=True):
            if text not in self._begins and text not in self._ends:
                self.events["marker_unknown"] += 1
                continue
            if stamp_s < self._newest_s:
                self.events["marker_not_in_order"] += 1
            self._newest_s = max(stamp_s, self._newest_s)
            self._take(text, self._newest_s)

    def _take(self, text: str, stamp_s: float) -> None:
        self._close(stamp_s)
        again = self._settings.repeat_ends and self._begun == text
        self._begun = None if again or text in self._ends else text
        if self._begun is not None:
            self._open = _Open(self._begins[text], stamp_s + self._settings.delay_s)

    def _close(self, stamp_s: float) -> None:
        if self._open is None:
            return
        begun, hold_s = self._open, self._settings.hold_s
        self._open = None
        to_s = stamp_s if hold_s is None else min(stamp_s, begun.from_s + hold_s)
        if to_s > begun.from_s:
            self._over.append(Window(begun.number, begun.from_s, to_s))

    def reveal(self, newest_s: float) -> list[tuple[float, LabelChunk]]:
        """Labels of the windows that a signal up to `newest_s` has passed, and when each ended."""
        hold_s = self._settings.hold_s
        if self._open is not None and hold_s is not None:
            end_s = self._open.from_s + hold_s
            if end_s <= newest_s:
                self._close(end_s)
        known: list[tuple[float, LabelChunk]] = []
        while self._over and self._over[0].to_s <= newest_s:
            window = self._over.popleft()
            known.append((window.to_s, self._labels(window)))
        return known

    def _labels(self, window: Window) -> LabelChunk:
        """A label for every bin, wherever the bins begin; the end of what lasts too long alone."""
        from_s = max(window.from_s, window.to_s - LONGEST_BINS * self._bin_s)
        count = math.ceil((window.to_s - from_s) / self._bin_s) + 1
        step_s = (window.to_s - from_s) / count
        stamps = np.asarray(from_s + (np.arange(count) + 0.5) * step_s, np.float64)
        return LabelChunk(stamps, one_hot(np.full(count, window.number), self.info.channels))


def one_hot(numbers: np.ndarray, classes: int) -> F32:
    """A row (classes,) for each number, NaN for those that are no class."""
    rows = np.full((len(numbers), classes), np.nan, np.float32)
    known = (numbers >= 0) & (numbers < classes)
    rows[known] = np.eye(classes, dtype=np.float32)[numbers[known]]
    return rows


def classes_of_channel(chunk: LabelChunk, settings: ClassSettings) -> LabelChunk:
    """Labels of a channel of numbers (n, 1) as rows of classes; raises DataError on others.

    A number that stands for no class is no label.
    """
    if chunk.values.ndim != 2 or chunk.values.shape[1] != 1:
        raise DataError(
            f"labels of shape {chunk.values.shape} came, classes.source channel expects one "
            "channel with a number a class: set source: markers, or leave classes out"
        )
    class_of = settings.class_of
    texts = [f"{value:g}" for value in chunk.values[:, 0].tolist()]
    numbers = np.array([class_of.get(text, -1) for text in texts], np.int64)
    return LabelChunk(chunk.stamps, one_hot(numbers, len(settings.labels)))
