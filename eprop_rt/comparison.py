"""A network's weights and gradients, layer by layer; two gradients side by side."""

from typing import Final, NamedTuple

import numpy as np

from eprop_rt.series import F64
from eprop_rt.structs import Floats, Weights

LAYERS: Final = ("input", "recurrent", "bias", "readout")


class GradientComparison(NamedTuple):
    """E-prop beside backpropagation through time, for each of LAYERS: arrays (4,).

    Gradients of the mean squared error, or mean cross entropy, in scaled units.
    """

    cosine: F64  # NaN where one of the two is zero
    eprop_norm: F64
    bptt_norm: F64


class Look(NamedTuple):
    """What a network is like at one bin, for each of LAYERS: arrays (4,).

    `weights` holds those arrays themselves, flat and as copies, to compare with another look.
    """

    weights: tuple[F64, ...]
    norm: F64  # of the weights
    gradient_norm: F64  # of e-prop's gradient of the mean loss over recent segments; NaN without


def look_at(weights: Weights, gradient: Weights | None, inputs: int) -> Look:
    """Norms of both, layer by layer."""
    flat = tuple(w.astype(np.float64).ravel() for w in layers(weights, inputs))
    found = np.full(len(LAYERS), np.nan)
    if gradient is not None:
        found[:] = [np.linalg.norm(g.astype(np.float64)) for g in layers(gradient, inputs)]
    return Look(flat, np.array([np.linalg.norm(w) for w in flat]), found)


def layers(weights: Weights, inputs: int) -> tuple[Floats, ...]:
    """Views of the arrays of w (P, N) and w_out (F, M), in the order of LAYERS."""
    w = weights.w
    return w[:inputs], w[inputs:-1], w[-1], weights.w_out


def compared(eprop: Weights, bptt: Weights, inputs: int) -> GradientComparison:
    """Norms of two gradients and the cosine between them, layer by layer."""
    pairs = [
        (one.astype(np.float64).ravel(), other.astype(np.float64).ravel())
        for one, other in zip(layers(eprop, inputs), layers(bptt, inputs), strict=True)
    ]
    norms = np.array([[np.linalg.norm(a), np.linalg.norm(b)] for a, b in pairs])
    product, inner = norms.prod(axis=1), np.array([a @ b for a, b in pairs])
    cosine = np.where(product > 0, inner / np.where(product > 0, product, 1.0), np.nan)
    return GradientComparison(cosine, norms[:, 0], norms[:, 1])
