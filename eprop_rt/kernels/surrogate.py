"""Pseudo-derivatives of the spike, as functions of u = (v - A) / v_th.

With x = u / width, every shape is `gamma` at x = 0 and an even function of x; 1 / width is the
slope a of the literature. Divided by its area it is the density of the noise on the threshold that
it stands for: u exceeds a noise of that density with a probability whose derivative is the shape.
The straight-through estimator is the rectangular one.
"""

import math
from typing import Any, Final

import numpy as np

from eprop_rt.kernels import compiled
from eprop_rt.structs import Floats, Params

# Chosen by an integer: closures that a factory returns cannot be cached on disk.
KINDS: Final = (
    "rectangular",
    "triangular",
    "logistic",
    "arctangent",
    "fast_sigmoid",
    "gaussian",
    "exponential",
)
RECTANGULAR, TRIANGULAR, LOGISTIC, ARCTANGENT, FAST_SIGMOID, GAUSSIAN, EXPONENTIAL = range(7)

# Integral over u of each shape at height 1 and width 1.
AREA: Final = (2.0, 1.0, 4.0, math.pi, 2.0, math.sqrt(2 * math.pi), 2.0)


@compiled
def rectangular(u: Any, gamma: Any, width: Any) -> Any:
    """psi v_th = gamma where |x| < 1: uniform noise."""
    return gamma if abs(u) < width else gamma * 0


@compiled
def triangular(u: Any, gamma: Any, width: Any) -> Any:
    """psi v_th = gamma max(0, 1 - |x|): triangular noise (Bellec et al. 2020, Methods, eq. 5)."""
    return gamma * max(u * 0, 1 - abs(u) / width)


@compiled
def logistic(u: Any, gamma: Any, width: Any) -> Any:
    """psi v_th = 4 gamma s(x) (1 - s(x)), s the logistic sigmoid: logistic noise."""
    tail = np.exp(-abs(u) / width)
    return 4 * gamma * tail / ((1 + tail) * (1 + tail))


@compiled
def arctangent(u: Any, gamma: Any, width: Any) -> Any:
    """psi v_th = gamma / (1 + x^2): Cauchy noise."""
    x = u / width
    return gamma / (1 + x * x)


@compiled
def fast_sigmoid(u: Any, gamma: Any, width: Any) -> Any:
    """psi v_th = gamma / (1 + |x|)^2: noise that is the quotient of a Laplace and an exponential.

    The derivative of x / (1 + |x|) (Zenke & Ganguli 2018, SuperSpike).
    """
    x = 1 + abs(u) / width
    return gamma / (x * x)


@compiled
def gaussian(u: Any, gamma: Any, width: Any) -> Any:
    """psi v_th = gamma exp(-x^2 / 2): Gaussian noise with standard deviation `width`."""
    x = u / width
    return gamma * np.exp(-x * x / 2)


@compiled
def exponential(u: Any, gamma: Any, width: Any) -> Any:
    """psi v_th = gamma exp(-|x|): Laplace noise (Shrestha & Orchard 2018)."""
    return gamma * np.exp(-abs(u) / width)


@compiled
def escape_probability(params: Params, u: Any) -> float:
    """How probable it is that the noise on the threshold is below u: the integral of the shape.

    One half at the threshold; its derivative by v is psi where the shape has area 1.
    """
    kind = params.surrogate
    x = float(u / params.shape[1])
    far = abs(x)
    if kind == RECTANGULAR:
        tail = max(0.0, 1 - far) / 2
    elif kind == TRIANGULAR:
        tail = max(0.0, 1 - far) ** 2 / 2
    elif kind == LOGISTIC:
        tail = 1 / (1 + math.exp(far))
    elif kind == ARCTANGENT:
        tail = 0.5 - math.atan(far) / math.pi
    elif kind == FAST_SIGMOID:
        tail = 0.5 / (1 + far)
    elif kind == GAUSSIAN:
        tail = math.erfc(far / math.sqrt(2.0)) / 2
    else:
        tail = math.exp(-far) / 2
    return tail if x < 0 else 1 - tail


@compiled
def apply_surrogate(params: Params, u: Floats) -> None:
    """psi_j of the shape KINDS[params.surrogate], written over u_j.

    One loop a shape: chosen inside the loop, it would not vectorise.
    """
    kind, gamma, width, v_th = params.surrogate, params.shape[0], params.shape[1], params.v_th
    n = u.shape[0]
    if kind == RECTANGULAR:
        for j in range(n):
            u[j] = rectangular(u[j], gamma, width) / v_th
    elif kind == TRIANGULAR:
        for j in range(n):
            u[j] = triangular(u[j], gamma, width) / v_th
    elif kind == LOGISTIC:
        for j in range(n):
            u[j] = logistic(u[j], gamma, width) / v_th
    elif kind == ARCTANGENT:
        for j in range(n):
            u[j] = arctangent(u[j], gamma, width) / v_th
    elif kind == FAST_SIGMOID:
        for j in range(n):
            u[j] = fast_sigmoid(u[j], gamma, width) / v_th
    elif kind == GAUSSIAN:
        for j in range(n):
            u[j] = gaussian(u[j], gamma, width) / v_th
    else:
        for j in range(n):
            u[j] = exponential(u[j], gamma, width) / v_th
