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
        loss, labelled = _half_squared(objective, s)
    return loss, penalty, labelled


@compiled
def _half_squared(objective: Objective, s: Segment) -> tuple[float, int]:
    """Half the squared error of each step; with knees d and l, of error e and target y*, it is E.

    E = d^2 (sqrt(1 + |e|^2 / d^2) - 1) / sqrt(1 + |y*|^2 / l^2)
    """
    loss, labelled = 0.0, 0
    for t in range(objective.warm_up, s.y.shape[0]):
        square, size = 0.0, 0.0
        for k in range(s.y.shape[1]):
            s.error[t, k] = 0
            if np.isnan(s.target[t, k]):
                continue
            s.error[t, k] = s.y[t, k] - s.target[t, k]
            square += float(s.error[t, k]) * float(s.error[t, k])
            size += float(s.target[t, k]) * float(s.target[t, k])
            labelled += 1
        cost, slope = _bent(objective, square, size)
        loss += cost
        for k in range(s.y.shape[1]):
            s.error[t, k] *= slope
    return loss, labelled


@compiled
def _bent(objective: Objective, square: float, size: float) -> tuple[float, float]:
    """What a step's squared error costs, and by how much its error shrinks, under both knees.

    Beyond its knee an error costs in proportion: the pseudo-Huber loss (Charbonnier et al. 1997,
    IEEE Trans. Image Process. 6:298). `size` is the square of the target.
    """
    cost, slope, weight = 0.5 * square, 1.0, 1.0
    if objective.error_knee > 0.0:
        root = math.sqrt(1.0 + square / objective.error_knee**2)
        cost, slope = objective.error_knee**2 * (root - 1.0), 1.0 / root
    if objective.label_knee > 0.0:
        weight = 1.0 / math.sqrt(1.0 + size / objective.label_knee**2)
    return weight * cost, weight * slope


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
