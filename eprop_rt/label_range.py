"""The range that outputs may have, and how far they are from the labels, as the labels say."""

import math

import numpy as np

from eprop_rt.guard_settings import GuardSettings
from eprop_rt.kernels import steady
from eprop_rt.kernels.guard import (
    COUNT,
    SPREAD,
    SQUARED,
    Bounds,
    Outputs,
    bound_outputs,
    set_range,
    take_in_label,
)
from eprop_rt.kernels.scale import Statistics, refresh
from eprop_rt.series import F32, F64
from eprop_rt.snapshot import Arrays


class LabelRange:
    """Nothing but `output_bound` bounds an output before the labels' statistics have settled."""

    def __init__(self, settings: GuardSettings, bin_s: float, outputs: int) -> None:
        self._bin_s = bin_s
        self._outputs = Outputs(
            labels=Statistics(*(np.zeros(outputs) for _ in Statistics._fields)),
            least=np.full(outputs, math.inf),
            most=np.full(outputs, -math.inf),
            low=np.full(outputs, -math.inf),
            high=np.full(outputs, math.inf),
            error=np.zeros(3),
        )
        self.said: F64 = np.zeros(outputs)
        self._bound, self._take_in = steady(bound_outputs), steady(take_in_label)
        self.adopt(settings)

    def adopt(self, settings: GuardSettings) -> None:
        """Go on with other bounds."""
        size = settings.output_bound if settings.enabled else None
        sigma = settings.output_sigma if settings.enabled else None
        share = -math.expm1(-self._bin_s / settings.loss_window_s)
        self._bounds = Bounds(size or math.inf, sigma or math.inf, share)
        set_range(self._outputs, self._bounds)

    def start_from(self, labels: Statistics) -> None:
        """Know from the start what a decoder knows of its labels."""
        own = self._outputs.labels
        for kept, known in ((own.first, labels.first), (own.second, labels.second)):
            kept[:] = known
        own.seen[:] = labels.seen
        refresh(own, True, True)
        set_range(self._outputs, self._bounds)

    def recall(self, learned: Arrays) -> None:
        """Begin with the labels that a decoder's snapshot knows of, where it does."""
        for name, array in zip(Statistics._fields, self._outputs.labels, strict=True):
            known = learned.get(f"target_scale.{name}")
            if known is not None and known.shape == array.shape:
                array[:] = known
        set_range(self._outputs, self._bounds)

    def bound(self, values: F64) -> int:
        """Write values (outputs,) to `said`, within bounds; how many were outside, -1: not finite.

        What is not finite leaves `said` of no use.
        """
        self.said[:] = values
        return int(self._bound(self.said, self._outputs))

    def learn_one(self, values: F64, label: F32, decoded: bool) -> bool:
        """Take a label (outputs,) in; whether it says how good `values` were, if `decoded`."""
        before = self._outputs.error[COUNT]
        self._take_in(values, label, self._outputs, self._bounds, decoded)
        return bool(self._outputs.error[COUNT] > before)

    @property
    def error(self) -> float:
        """Running squared error, in variances of the labels: those so far, or of now if greater.

        Saying something unrelated costs about two, whatever the labels do.
        """
        return float(self._outputs.error[SQUARED] / self._unit)

    @error.setter
    def error(self, value: float) -> None:
        self._outputs.error[SQUARED] = value * self._unit

    @property
    def _unit(self) -> float:
        return max(1.0, float(self._outputs.error[SPREAD]))
