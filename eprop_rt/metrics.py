"""Quality of a decoded trace: coefficient of determination and correlation, axis by axis."""

from dataclasses import dataclass

import numpy as np

from eprop_rt.series import F64


def r2(predicted: F64, true: F64) -> F64:
    """1 - residual variance / variance, for each column of (n, outputs); rows with NaN left out.

    NaN where fewer than two rows are left or the truth does not vary.
    """
    predicted, true = labelled(predicted, true)
    if len(true) < 2:
        return np.full(true.shape[1], np.nan)
    residual = ((predicted - true) ** 2).sum(axis=0)
    total = ((true - true.mean(axis=0)) ** 2).sum(axis=0)
    varies = np.ptp(true, axis=0) > 0  # a total of rounding errors is not zero
    return np.where(varies, 1 - residual / np.where(varies, total, 1.0), np.nan)


def pearson_r(predicted: F64, true: F64) -> F64:
    """Pearson's r for each column of (n, outputs); NaN where either side does not vary."""
    predicted, true = labelled(predicted, true)
    if len(true) < 2:
        return np.full(true.shape[1], np.nan)
    p, t = predicted - predicted.mean(axis=0), true - true.mean(axis=0)
    power = np.sqrt((p**2).sum(axis=0) * (t**2).sum(axis=0))
    varies = (np.ptp(predicted, axis=0) > 0) & (np.ptp(true, axis=0) > 0) & (power > 0)
    return np.where(varies, (p * t).sum(axis=0) / np.where(varies, power, 1.0), np.nan)


def labelled(predicted: F64, true: F64) -> tuple[F64, F64]:
    """Only the rows whose every label is a number."""
    keep = np.isfinite(true).all(axis=1)
    return predicted[keep], true[keep]


@dataclass(frozen=True, slots=True)
class Score:
    """Prequential quality of one pass: whole, over its last fifth, and by eighths."""

    r2: F64
    r: F64
    r2_last20: F64
    r_last20: F64
    r2_eighths: tuple[F64, ...]


def score(predicted: F64, true: F64) -> Score:
    """Score predictions (n, outputs), each made before its label (n, outputs) was used."""
    last = slice(int(0.8 * len(true)), None)
    eighths = zip(np.array_split(predicted, 8), np.array_split(true, 8), strict=True)
    return Score(
        r2=r2(predicted, true),
        r=pearson_r(predicted, true),
        r2_last20=r2(predicted[last], true[last]),
        r_last20=pearson_r(predicted[last], true[last]),
        r2_eighths=tuple(r2(p, t) for p, t in eighths),
    )
