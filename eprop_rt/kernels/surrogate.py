"""Pseudo-derivatives of the spike, as functions of u = (v - A) / v_th."""

from typing import Any

from eprop_rt.kernels import compiled


@compiled
def triangular(u: Any, gamma: Any, width: Any) -> Any:
    """psi v_th = gamma max(0, 1 - |u| / width)  (Bellec et al. 2020, Methods, eq. 5)."""
    return gamma * max(u * 0, 1 - abs(u) / width)
