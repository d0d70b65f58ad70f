"""What a pipeline can be told between two steps; with the samples, they are all that decides.

Whatever a clock, an operator or a supervisor has a say in reaches the data path as one of these,
so that a journal of samples, labels and orders replays to the bit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

HotValue = float | str | bool | None


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


@dataclass(frozen=True, slots=True)
class Hold:
    """Hold the output, and learn from nothing, until this cause is released."""

    cause: str
    verb: Literal["hold"] = "hold"


@dataclass(frozen=True, slots=True)
class Release:
    """The cause of a hold has ended."""

    cause: str
    verb: Literal["release"] = "release"


@dataclass(frozen=True, slots=True)
class Late:
    """So many commands missed their deadline since the last such order."""

    bins: int
    verb: Literal["late"] = "late"


@dataclass(frozen=True, slots=True)
class Set:
    """New values of hot settings (`eprop_rt.hot`), by name: all of them or none."""

    values: Mapping[str, HotValue]
    verb: Literal["set"] = "set"


@dataclass(frozen=True, slots=True)
class Mark:
    """Keep what has been learned by now as the last good state."""

    verb: Literal["mark"] = "mark"


@dataclass(frozen=True, slots=True)
class RollBack:
    """Go back to the last good state."""

    verb: Literal["rollback"] = "rollback"


Order = Freeze | Thaw | Relabel | Hold | Release | Late | Set | Mark | RollBack
