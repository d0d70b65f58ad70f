"""The newest bins side by side: what a linear decoder sees of the past."""

import numpy as np

from eprop_rt.series import F32, F64


class LagStack:
    """`features` (lags * inputs + 1,): the newest bin first, then older ones, then a constant 1."""

    def __init__(self, inputs: int, lags: int) -> None:
        self._inputs = inputs
        self.features: F64 = np.zeros(lags * inputs + 1)
        self.reset()

    def push(self, x: F32) -> F64:
        """Take the newest bin (inputs,); returns `features`, which the next push overwrites."""
        self.features[self._inputs : -1] = self.features[: -1 - self._inputs]
        self.features[: self._inputs] = x
        return self.features

    def reset(self) -> None:
        """Forget the past."""
        self.features[:] = 0
        self.features[-1] = 1
