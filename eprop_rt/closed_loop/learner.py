"""What a closed loop asks of a decoder; what else one can do it is asked where it has it."""

from typing import Protocol, runtime_checkable

from numpy.typing import ArrayLike

from eprop_rt.series import F32


class Learner(Protocol):
    """Decodes bins into what moves the cursor."""

    def predict_one(self, x: F32) -> ArrayLike:
        """Decode the counts (units,) of one bin: an output an axis."""

    def learn_one(self, label: F32) -> object:
        """Learn the bin just predicted from its label (axes,), NaN where there is none."""


@runtime_checkable
class Rehearses(Protocol):
    """A decoder that uses the rest of a bin to learn from its own past."""

    def rehearse(self) -> object:
        """Rehearse for one bin."""
