"""What a stretch of steps is judged by, and the errors and prices that its adjoint starts from."""

import math

import numpy as np

from eprop_rt.kernels import compiled
from eprop_rt.kernels.segment import Segment
from eprop_rt.structs import Objective


@compiled
def judge(objective: Objective, s: Segment) -> tuple[float, float, int]:
    """Loss, penalty, and how many targets counted; writes s.error, rate and v for the adjoint.

    With softmax, y becomes probabilities, and a step with any target absent carries no error.
    """
    penalty = _penalise(objective, s)
    s.error[: objective.warm_up] = 0
    if objective.softmax:
        loss, labelled = _cross_entropy(objective.warm_up, s)
    else:
        loss, labelled = _half_squared(objective.warm_up, s)
    return loss, penalty, labelled


@compiled
def _half_squared(warm_up: int, s: Segment) -> tuple[float, int]:
    loss, labelled = 0.0, 0
    for t in range(warm_up, s.y.shape[0]):
        for k in range(s.y.shape[1]):
            if np.isnan(s.target[t, k]):
                s.error[t, k] = 0
                continue
            s.error[t, k] = s.y[t, k] - s.target[t, k]
            loss += float(s.error[t, k]) * float(s.error[t, k])
            labelled += 1
    return 0.5 * loss, labelled


@compiled
def _cross_entropy(warm_up: int, s: Segment) -> tuple[float, int]:
    loss, labelled = 0.0, 0
    for t in range(s.y.shape[0]):
        y, target = s.y[t], s.target[t]
        largest, known = y[0], t >= warm_up
        for k in range(y.shape[0]):
            largest = max(largest, y[k])
            known = known and not np.isnan(target[k])
        odds = y[0] * 0
        for k in range(y.shape[0]):
            y[k] -= largest
            odds += np.exp(y[k])
        rest = math.log(odds)
        labelled += known
        for k in range(y.shape[0]):
            if known:
                loss -= float(target[k]) * (float(y[k]) - rest)
            y[k] = np.exp(y[k]) / odds
            if known:
                s.error[t, k] = y[k] - target[k]
            elif t >= warm_up:
                s.error[t, k] = 0
    return loss, labelled


@compiled
def _penalise(objective: Objective, s: Segment) -> float:
    """dE/dz of every step to s.rate, with a voltage penalty dE/dv over s.v; returns E.

    E = sum_j strength / 2 (r_j - target)^2 + l1 r_j + l2 / 2 mean_t v_j^2    r_j = mean_t z_j
    """
    steps, n = s.z.shape
    penalty, squares, rate = 0.0, 0.0, s.rate
    rate[:] = 0
    if objective.rate_strength != 0 or objective.spike_l1 != 0:
        for t in range(steps):
            for j in range(n):
                rate[j] += s.z[t, j]
        for j in range(n):
            mean = float(rate[j]) / steps
            excess = mean - objective.rate_target
            penalty += objective.rate_strength / 2 * excess * excess + objective.spike_l1 * mean
            rate[j] = (objective.rate_strength * excess + objective.spike_l1) / steps
    if objective.voltage_l2 == 0:
        return penalty
    price = objective.voltage_l2 / steps
    for t in range(steps):
        for j in range(n):
            v = float(s.v[t, j])
            squares += v * v
            s.v[t, j] = price * v
    return float(penalty + price / 2 * squares)
