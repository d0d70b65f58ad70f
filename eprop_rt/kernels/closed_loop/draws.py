"""Random draws that are functions of a seed and a count, so that a room can be copied."""

import math
from typing import NamedTuple

from eprop_rt.kernels import as_written
from eprop_rt.kernels.counter import uniform
from eprop_rt.structs import Ints

# exp(-mean) must not vanish; no unit fires as often in a tick.
LARGEST_MEAN = 600.0


class Draws(NamedTuple):
    """A stream and how much of it was used."""

    seed: Ints  # (1,)
    used: Ints  # (1,)


@as_written
def draw(draws: Draws) -> float:
    """The next uniform number in [0, 1)."""
    value = uniform(draws.seed[0], draws.used[0])
    draws.used[0] += 1
    return value


@as_written
def normal(draws: Draws) -> float:
    """The next standard normal number (Box & Muller 1958); takes two uniform ones."""
    radius = math.sqrt(-2.0 * math.log(1.0 - draw(draws)))
    return radius * math.cos(2.0 * math.pi * draw(draws))


@as_written
def poisson(draws: Draws, mean: float) -> int:
    """The next Poisson count, by inversion of one uniform number (Devroye 1986, X.3)."""
    mean = min(mean, LARGEST_MEAN)
    left = draw(draws)
    share = math.exp(-mean)
    count = 0
    while left >= share and count < 2 * LARGEST_MEAN:
        left -= share
        count += 1
        share *= mean / count
    return count


@as_written
def below(draws: Draws, limit: int) -> int:
    """The next integer in [0, limit)."""
    return int(draw(draws) * limit)
