"""The linear decoder that drove a closed loop, recovered from what went in and what came out.

    v(t) = A v(t-1) + B x(t) + c                at the first bin of a trial   v(t) = B x(t) + f

A Kalman filter with a constant gain is one of these, on counts as well as on any linear features of
them. Either it starts every trial from the same state v0, f = A v0 + c, or it runs on from trial to
trial: the better fit decides.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eprop_rt.errors import DataError
from eprop_rt.series import F64

Mask = NDArray[np.bool]

IN_USE = 1e-4  # of the largest gain; of a channel that was left out, rounding remains
ROWS_A_FEATURE = 2  # a fit to fewer says nothing about other bins


@dataclass(frozen=True, slots=True, eq=False)
class LinearDecoder:
    """`state` A (outputs, outputs), `gain` B (outputs, inputs), `offset` c (outputs,).

    `first` f (outputs,) is the offset of a trial's first bin; None: it runs on.
    """

    state: F64
    gain: F64
    offset: F64
    first: F64 | None

    @property
    def start(self) -> F64 | None:
        """The state v0 (outputs,) before every trial; None: it runs on."""
        if self.first is None:
            return None
        return np.asarray(np.linalg.lstsq(self.state, self.first - self.offset)[0])

    @property
    def in_use(self) -> Mask:
        """Which inputs (inputs,) move the output."""
        size = np.abs(self.gain).max(axis=0)
        return np.asarray(size > IN_USE * size.max())

    def run(self, x: F64, begins: Mask, before: F64) -> F64:
        """Outputs (n, outputs) of inputs x (n, inputs), fed with nothing but its own past.

        `begins` (n,) marks the first bins of trials, `before` (outputs,) is v before the first.
        """
        drive = x @ self.gain.T + self.offset
        if self.first is not None:
            drive[begins] += self.first - self.offset
        v, out = before, np.empty_like(drive)
        for at, starts in enumerate(begins.tolist()):
            fresh = starts and self.first is not None
            v = drive[at] if fresh else self.state @ v + drive[at]
            out[at] = v
        return out


def recover(x: F64, v: F64, begins: Mask, used: Mask) -> LinearDecoder:
    """The decoder by least squares, from the bins that are `used` (n,).

    x (n, inputs) and v (n, outputs) stand in the order of time; a bin whose v or the one before is
    not finite is left out. `begins` (n,) marks the first bins of trials. Raises DataError where
    too few bins remain.
    """
    fits = [_fit(x, v, begins, used, resets=resets) for resets in (True, False)]
    return min(fits, key=lambda fit: fit[1])[0]


def _fit(x: F64, v: F64, begins: Mask, used: Mask, *, resets: bool) -> tuple[LinearDecoder, float]:
    """The decoder and its mean squared error of one step."""
    before = np.concatenate([np.full((1, v.shape[1]), np.nan), v[:-1]])
    first = (begins & resets).astype(np.float64)[:, None]
    before[first[:, 0] > 0] = 0.0
    features = np.hstack([before, x, np.ones_like(first), first])
    rows = used & np.isfinite(v).all(axis=1) & np.isfinite(features).all(axis=1)
    needed = ROWS_A_FEATURE * features.shape[1]
    if np.count_nonzero(rows) < needed:
        raise DataError(
            f"{np.count_nonzero(rows)} bins with an output came to recover a decoder of "
            f"{x.shape[1]} inputs, expected at least {needed}: give more trials"
        )
    solution = np.linalg.lstsq(features[rows], v[rows])[0]
    error = float(np.mean((features[rows] @ solution - v[rows]) ** 2))
    state, gain, offset, begin = np.split(solution.T, np.cumsum([v.shape[1], x.shape[1], 1]), 1)
    offset = offset[:, 0]
    return LinearDecoder(state, gain, offset, offset + begin[:, 0] if resets else None), error
