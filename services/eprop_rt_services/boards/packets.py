"""Stamps of packets: samples that came together have one stamp, and were measured one by one."""

import numpy as np

from eprop_rt.series import F64


class PacketStamps:
    """Spreads samples of equal stamps over the time before them, sample interval by interval.

    The last one of a packet keeps its stamp. Where packets come faster than that, the time since
    the one before is divided among its samples. What comes of a packet later than the rest of it
    is stamped behind that, within an interval.
    """

    def __init__(self, rate_hz: float) -> None:
        self._interval_s = 1.0 / rate_hz if rate_hz > 0 else 0.0
        self._packet_s = self._newest_s = -np.inf  # the last packet's stamp, and its last sample's

    def spread(self, stamps: F64) -> F64:
        """The stamps (n,) of single samples, in the order in which they came."""
        if len(stamps) == 0:
            return stamps
        begins = np.flatnonzero(np.concatenate([[True], stamps[1:] != stamps[:-1]]))
        sizes = np.diff(np.append(begins, len(stamps)))
        if len(begins) == len(stamps) and stamps[0] != self._packet_s:
            self._packet_s = self._newest_s = float(stamps[-1])
            return stamps
        out = np.empty_like(stamps)
        for begin, size in zip(begins.tolist(), sizes.tolist(), strict=True):
            out[begin : begin + size] = self._packet(float(stamps[begin]), size)
        return out

    def _packet(self, stamp_s: float, size: int) -> F64:
        newest_s, step_s = self._newest_s, self._interval_s
        if self._packet_s <= stamp_s <= newest_s:
            spread = newest_s + step_s / (size + 1) * np.arange(1.0, size + 1)
        else:
            if stamp_s > newest_s:  # else the clock was set back
                step_s = min(step_s, (stamp_s - newest_s) / size)
            spread = stamp_s - step_s * np.arange(size - 1.0, -1, -1)
        self._packet_s, self._newest_s = stamp_s, float(spread[-1])
        return spread
