"""Means over simulations and their 95 % intervals."""

import math
from collections.abc import Sequence

import numpy as np

# Student's t, 97.5 %, by degrees of freedom; beyond the table the series of Fisher (1925).
T_TABLE = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
)  # fmt: skip
Z = 1.959964


def t_quantile(degrees: int) -> float:
    """The 97.5 % quantile of Student's t."""
    if degrees <= len(T_TABLE):
        return T_TABLE[degrees - 1]
    first = (Z**3 + Z) / 4
    second = (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96
    return Z + first / degrees + second / degrees**2


def mean_interval(values: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """The mean of what is finite and its 95 % interval; NaN where there is too little of it."""
    finite = np.array([value for value in values if math.isfinite(value)])
    if len(finite) == 0:
        return math.nan, (math.nan, math.nan)
    mean = float(finite.mean())
    if len(finite) == 1:
        return mean, (math.nan, math.nan)
    half = t_quantile(len(finite) - 1) * float(finite.std(ddof=1)) / math.sqrt(len(finite))
    return mean, (mean - half, mean + half)
