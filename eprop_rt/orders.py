"""What a pipeline can be told between two steps; with the samples, they are all that decides.

Whatever a clock, an operator or a supervisor has a say in reaches the data path as one of these,
so that a journal of samples, labels and orders replays to the bit.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Freeze:
    """Stop learning: weights and statistics stay as they are."""

    verb: Literal["freeze"] = "freeze"


@dataclass(frozen=True, slots=True)
class Thaw:
    """Learn again, from the next bin on."""

    verb: Literal["thaw"] = "thaw"


@dataclass(frozen=True, slots=True)
class Relabel:
    """Labels of the past: stamps in seconds on the clock of the samples, one row of values each."""

    stamps: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]
    verb: Literal["relabel"] = "relabel"


Order = Freeze | Thaw | Relabel
