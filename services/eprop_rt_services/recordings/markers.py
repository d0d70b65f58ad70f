"""Text that was recorded at moments of a session: cues, gestures, annotations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from eprop_rt.errors import RecordingError
from eprop_rt.series import F32, F64


@dataclass(frozen=True, slots=True, eq=False)
class Markers:
    """Texts in order of time: `stamps` (n,) in seconds on the signal's clock, one text a stamp.

    Raises RecordingError where they are not equally many.
    """

    stamps: F64
    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.stamps.shape != (len(self.texts),):
            raise RecordingError(
                f"{len(self.texts)} markers have stamps of shape {self.stamps.shape}; expected "
                "one stamp a marker"
            )

    @classmethod
    def ordered(cls, stamps: F64, texts: Sequence[str]) -> Self | None:
        """Sort by stamp; a marker without a finite one is left out, None where none is left."""
        finite = np.isfinite(stamps)
        order = np.argsort(np.where(finite, stamps, np.inf), kind="stable")[: int(finite.sum())]
        if len(order) == 0:
            return None
        return cls(np.ascontiguousarray(stamps[order]), tuple(texts[at] for at in order.tolist()))

    def at_stamps(self, stamps: F64) -> Self:
        """The same texts at other times."""
        return replace(self, stamps=stamps)


def texts_of_numbers(numbers: F32) -> tuple[str, ...]:
    """Markers that were sent as numbers (n,): whole ones without a point, live and recorded."""
    return tuple(str(int(v)) if v.is_integer() else f"{v:g}" for v in numbers.tolist())
