"""What a stretch of steps is judged by: error, loss, and penalties on spikes and voltages."""

from typing import NamedTuple

import numpy as np

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
    penalty = _penalise(objective, segment)
    segment.error[: objective.warm_up] = 0
    judged = _cross_entropy if objective.softmax else _half_squared
    loss, labelled = judged(objective.warm_up, segment)
    return Score(loss, penalty, labelled)


def _half_squared(warm_up: int, segment: Segment) -> tuple[float, int]:
    error = segment.error[warm_up:]
    np.subtract(segment.y[warm_up:], segment.target[warm_up:], out=error)
    absent = np.isnan(segment.target[warm_up:])
    error[absent] = 0
    loss = 0.5 * float(np.square(error, dtype=np.float64).sum())
    return loss, int(absent.size - np.count_nonzero(absent))


def _cross_entropy(warm_up: int, segment: Segment) -> tuple[float, int]:
    log_p = segment.y - segment.y.max(axis=1, keepdims=True)
    log_p -= np.log(np.exp(log_p).sum(axis=1, keepdims=True))
    np.exp(log_p, out=segment.y)
    target, error = segment.target[warm_up:], segment.error[warm_up:]
    known = ~np.isnan(target).any(axis=1)
    np.subtract(segment.y[warm_up:], target, out=error)
    error[~known] = 0
    loss = -float((target[known].astype(np.float64) * log_p[warm_up:][known]).sum())
    return loss, int(np.count_nonzero(known))


def _penalise(objective: Objective, segment: Segment) -> float:
    """dE/dz of every step to segment.rate, dE/dv past the spikes over segment.v; returns E.

    E = sum_j strength / 2 (r_j - target)^2 + l1 r_j + l2 / 2 mean_t v_j^2    r_j = mean_t z_j
    """
    steps = len(segment.z)
    rate = segment.z.mean(axis=0)
    excess = rate - objective.rate_target
    segment.rate[:] = (objective.rate_strength * excess + objective.spike_l1) / steps
    penalty = objective.rate_strength / 2 * float(excess @ excess)
    penalty += objective.spike_l1 * float(rate.sum())
    if objective.voltage_l2 != 0:
        squares = float(np.square(segment.v, dtype=np.float64).sum())
        penalty += objective.voltage_l2 / 2 / steps * squares
    np.multiply(segment.v, objective.voltage_l2 / steps, out=segment.v)
    return penalty
