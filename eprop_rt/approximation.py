"""How far an approximate eligibility trace points from e-prop's own."""

import math

import numpy as np

from eprop_rt.config import RuleSettings
from eprop_rt.errors import DataError
from eprop_rt.gradient import trial_gradient
from eprop_rt.structs import ELIGIBILITIES, FULL, Floats, Params, Weights


def cosine(one: Floats, other: Floats) -> float:
    """Cosine of the angle between two arrays of one shape; raises DataError where one is zero."""
    if one.shape != other.shape:
        raise DataError(f"arrays {one.shape} and {other.shape} came: give two of one shape")
    a, b = one.astype(np.float64).ravel(), other.astype(np.float64).ravel()
    norms = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    if 0 in norms:
        raise DataError("a gradient is zero and points nowhere: make neurons spike, give errors")
    return float(a @ b) / math.prod(norms)


def approximation_cosines(
    rule: RuleSettings,
    params: Params,
    weights: Weights,
    inputs: Floats,
    targets: Floats,
    feedback: Floats | None = None,
) -> dict[str, float]:
    """For each approximate eligibility, the cosine of its dE/dw to that of the full rule.

    Arrays as in `trial_gradient`. The readout's gradient is the same in all.
    """
    gradients = [
        trial_gradient(
            RuleSettings(**rule.model_dump() | {"eligibility": kind}),
            params,
            weights,
            inputs,
            targets,
            feedback,
        ).w
        for kind in ELIGIBILITIES
    ]
    return {
        kind: cosine(gradients[FULL], gradient)
        for kind, gradient in zip(ELIGIBILITIES, gradients, strict=True)
        if kind != ELIGIBILITIES[FULL]
    }
