"""Second-order sections, designed by SciPy: the one module that knows it."""

from typing import Literal

import numpy as np

from eprop_rt.series import F64

Shape = Literal["lowpass", "highpass", "bandpass"]


def butterworth(order: int, shape: Shape, edges_hz: tuple[float, ...], rate_hz: float) -> F64:
    """Sections (S, 6) of a Butterworth filter; a band-pass has twice the order."""
    from scipy import signal  # noqa: PLC0415  a second of imports, for who filters

    edges = edges_hz[0] if len(edges_hz) == 1 else edges_hz
    return np.ascontiguousarray(signal.butter(order, edges, shape, fs=rate_hz, output="sos"))


def notches(frequencies_hz: tuple[float, ...], quality: float, rate_hz: float) -> F64:
    """Sections (S, 6), one a frequency; `quality` is that frequency over the width of the notch."""
    from scipy import signal  # noqa: PLC0415

    designs = [signal.iirnotch(f, quality, fs=rate_hz) for f in frequencies_hz]
    return np.concatenate([signal.tf2sos(b, a) for b, a in designs])


def at_rest(sections: F64) -> F64:
    """The state (S, 2) of sections that have seen 1 for ever."""
    from scipy import signal  # noqa: PLC0415

    return np.ascontiguousarray(signal.sosfilt_zi(sections))


def memory_s(sections: F64, rate_hz: float) -> float:
    """In which the slowest of what the sections remember fades to 1/e."""
    slowest = max(float(np.abs(np.roots(section[3:])).max()) for section in sections)
    return -1.0 / (np.log(slowest) * rate_hz) if 0 < slowest < 1 else 0.0
