"""Counter-based random numbers: draw n of seed s is a function of (s, n), so replay is exact."""

import numpy as np

from eprop_rt.kernels import compiled


@compiled
def uniform(seed: int, counter: int) -> float:
    """Draw number `counter` of stream `seed`, in [0, 1): SplitMix64 (Steele et al. 2014).

    Modulo 2^64; `np.multiply` and `np.add` wrap in silence where interpreted operators warn.
    """
    x = np.add(np.multiply(np.uint64(seed), np.uint64(0xD1342543DE82EF95)), np.uint64(counter))
    for _ in range(2):
        x = np.add(x, np.uint64(0x9E3779B97F4A7C15))
        x = np.multiply(x ^ (x >> np.uint64(30)), np.uint64(0xBF58476D1CE4E5B9))
        x = np.multiply(x ^ (x >> np.uint64(27)), np.uint64(0x94D049BB133111EB))
        x = x ^ (x >> np.uint64(31))
    return float(x >> np.uint64(11)) / 9007199254740992.0
