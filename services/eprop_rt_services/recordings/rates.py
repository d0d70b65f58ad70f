"""At which rate samples come, where a file does not say."""

import numpy as np

from eprop_rt.series import F64

SLOW_HZ = 1.0  # below it, what an NWB file states as a rate may be an interval


def rate_of(stamps: F64) -> float:
    """Return the rate that nine of ten intervals keep to within a tenth, else 0.

    In the order of the file, or else in that of time. NWB cannot state a rate beside explicit
    stamps. Six digits: a clock's jitter leaves no more.
    """
    known = stamps[np.isfinite(stamps)]
    if len(known) < 2:
        return 0.0
    for intervals in (np.diff(known), np.diff(np.sort(known))):
        typical = float(np.median(intervals))
        if typical > 0 and np.mean(np.abs(intervals - typical) <= 0.1 * typical) >= 0.9:
            return float(f"{1.0 / typical:.6g}")
    return 0.0
