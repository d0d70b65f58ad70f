"""Inputs that are silent for a while, drawn by a counter."""

from eprop_rt.kernels import compiled
from eprop_rt.kernels.counter import uniform
from eprop_rt.structs import Floats


@compiled
def silence(x: Floats, share: float, seed: int, first: int) -> None:
    """Silence each input of x (T, K) with probability `share`, by draws `first` .. `first` + K.

    The others are so much louder that the mean stays (Srivastava et al. 2014).
    """
    louder = x.dtype.type(1.0 / (1.0 - share))
    for k in range(x.shape[1]):
        if uniform(seed, first + k) < share:
            for t in range(x.shape[0]):
                x[t, k] = 0
        else:
            for t in range(x.shape[0]):
                x[t, k] *= louder
