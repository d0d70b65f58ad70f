"""What a stretch of steps is judged by: error, loss, and penalties on spikes and voltages."""

from typing import NamedTuple

from eprop_rt.config import EpropSettings
from eprop_rt.kernels.objective import judge
from eprop_rt.kernels.segment import Segment
from eprop_rt.structs import Objective


class Score(NamedTuple):
    """How a segment did."""

    loss: float  # half the squared error, or cross entropy
    penalty: float  # of firing rate, spikes and voltage
    labelled: int  # target values, or with softmax steps, that carried an error


def score(objective: Objective, segment: Segment) -> Score:
    """Judge segment.y by its target; writes segment.error, rate and v as the adjoint reads them.

    With softmax, y becomes probabilities, and a step with any target absent carries no error.
    """
    loss, penalty, labelled = judge(objective, segment)
    return Score(float(loss), float(penalty), int(labelled))


def segment_objective(
    settings: EpropSettings, bin_s: float, length: int, warm_up: int
) -> Objective:
    """What a segment of `length` bins is judged by, the first `warm_up` of them without error.

    Penalties weigh as they do online: against the error of a bin, not of a segment.
    """
    penalties = settings.penalties
    return Objective(
        softmax=settings.loss == "softmax",
        warm_up=warm_up,
        rate_strength=penalties.rate_strength * length,
        rate_target=penalties.rate_target_hz * bin_s,
        spike_l1=penalties.spike_l1 * length,
        voltage_l2=penalties.voltage_l2 * length,
    )


def per_label(softmax: bool) -> float:
    """Times a loss, and over what was labelled: mean squared error, or mean cross entropy."""
    return 1.0 if softmax else 2.0
