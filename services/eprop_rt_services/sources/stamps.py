"""Small questions to stamps, answered without arrays where one sample came: the usual case."""

import numpy as np

from eprop_rt.series import F64


def bounds_s(stamps: F64) -> tuple[float, float]:
    """Oldest and newest stamp (n,), n > 0; NaN where one is NaN."""
    if len(stamps) == 1:
        return (only := float(stamps[0])), only
    return float(stamps.min()), float(stamps.max())


def newest_s(stamps: F64) -> float | None:
    """The newest of those that are finite."""
    stamp_s = bounds_s(stamps)[1]
    if -np.inf < stamp_s < np.inf:
        return stamp_s
    known = stamps[np.isfinite(stamps)]
    return float(known.max()) if len(known) else None


def last_s(stamps: F64) -> float | None:
    """The last of those that are finite."""
    stamp_s = float(stamps[-1])
    if -np.inf < stamp_s < np.inf:
        return stamp_s
    known = stamps[np.isfinite(stamps)]
    return float(known[-1]) if len(known) else None
