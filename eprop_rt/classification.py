"""Quality of decoded classes: one decision a bin, and one a window of the same label.

A window is a stretch of bins that have the same label, such as one gesture; its decision is the
class whose probability, in the mean of its bins, is largest.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from eprop_rt.build import Mask
from eprop_rt.metrics import labelled
from eprop_rt.series import F64
from eprop_rt.structs import Ints

GAP_S = 1.0  # without a bin


@dataclass(frozen=True, slots=True, eq=False)
class Decided:
    """Decisions beside the truth: `true` and `said` (n,) number classes."""

    classes: int
    true: Ints
    said: Ints

    @property
    def confusion(self) -> Ints:
        """How often (classes, classes): rows are the truth, columns what was said."""
        counts = np.zeros((self.classes, self.classes), np.int64)
        np.add.at(counts, (self.true, self.said), 1)
        return counts

    @property
    def accuracy(self) -> float:
        """Share that is right; NaN where nothing was decided."""
        return float((self.true == self.said).mean()) if len(self.true) else math.nan

    @property
    def balanced_accuracy(self) -> float:
        """Mean, over the classes that occurred, of the share that is right."""
        counts = self.confusion
        occurred = counts.sum(axis=1) > 0
        if not occurred.any():
            return math.nan
        return float((counts.diagonal()[occurred] / counts.sum(axis=1)[occurred]).mean())


@dataclass(frozen=True, slots=True, eq=False)
class ClassScore:
    """Prequential quality of one pass, whole and over its last fifth.

    `itr_bits_per_min` is the information transfer rate of the windows in the last fifth.
    """

    bins: Decided
    bins_last20: Decided
    windows: Decided
    windows_last20: Decided
    itr_bits_per_min: float


def score_classes(predicted: F64, true: F64, index: Ints, bin_s: float) -> ClassScore:
    """Score probabilities (n, classes) beside one-hot labels (n, classes), NaN without one.

    `index` (n,) numbers the bins: a window does not go on over a gap. It belongs to the last fifth
    where it begins there.
    """
    last = int(0.8 * len(true))
    starts, windows = windows_of(predicted, true, np.diff(index) * bin_s > GAP_S)
    late = starts >= last
    windows_last20 = Decided(windows.classes, windows.true[late], windows.said[late])
    minutes = (len(true) - last) * bin_s / 60
    return ClassScore(
        decide(predicted, true),
        decide(predicted[last:], true[last:]),
        windows,
        windows_last20,
        transfer_rate(windows_last20, minutes),
    )


def decide(predicted: F64, true: F64) -> Decided:
    """One decision a bin that has a label."""
    predicted, true = labelled(predicted, true)
    return Decided(true.shape[1], true.argmax(axis=1), predicted.argmax(axis=1))


def windows_of(predicted: F64, true: F64, gaps: Mask) -> tuple[Ints, Decided]:
    """Where each window begins (windows,), by row, and the decision on it.

    `gaps` (n - 1,) says where a row does not follow the one before it.
    """
    absent = np.isnan(true).any(axis=1)
    label = np.nan_to_num(true).argmax(axis=1)
    label[absent] = -1
    other = np.ones(len(label), np.bool_)
    other[1:] = (label[1:] != label[:-1]) | gaps
    edges = [*np.flatnonzero(other).tolist(), len(label)]
    spans = [(a, b) for a, b in pairwise(edges) if label[a] >= 0]
    starts = np.array([a for a, _ in spans], np.int64)
    said = np.array([predicted[a:b].mean(axis=0).argmax() for a, b in spans], np.int64)
    return starts, Decided(true.shape[1], label[starts].astype(np.int64), said)


def transfer_rate(decided: Decided, minutes: float) -> float:
    """Bits a minute (Wolpaw et al. 2000), as if all classes and all mistakes were equally likely.

    0 at or below chance; NaN where nothing was decided.
    """
    n, p = decided.classes, decided.accuracy
    if not len(decided.true) or minutes <= 0:
        return math.nan
    if n < 2 or p <= 1 / n:
        return 0.0
    wrong = (1 - p) * math.log2((1 - p) / (n - 1)) if p < 1 else 0.0
    bits = math.log2(n) + p * math.log2(p) + wrong
    return bits * len(decided.true) / minutes
