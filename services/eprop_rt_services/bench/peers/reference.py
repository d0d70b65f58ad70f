"""The workload's gradient in plain NumPy, against which a peer can hold its own."""

import numpy as np
from numpy.typing import NDArray

from eprop_rt_services.bench.peers import workload as wl

Doubles = NDArray[np.float64]


def gradient(network: wl.Network, steps: int) -> tuple[Doubles, Doubles]:
    """e-prop's gradient of w and w_out summed over the first steps, weights held; float64."""
    rows, n = network.w.shape
    k = rows - n
    w, w_out = network.w.astype(np.float64), network.w_out.astype(np.float64)
    v, z, zf = np.zeros(n), np.zeros(n), np.zeros(n)
    zb, ebar = np.zeros(rows), np.zeros((rows, n))
    dw, dw_out = np.zeros_like(w), np.zeros_like(w_out)
    for inputs, target in zip(network.spikes[:steps], network.targets[:steps], strict=True):
        s = np.concatenate((inputs, z))
        v = wl.ALPHA * v + s @ w + network.bias - wl.V_TH * z
        z = (v > wl.V_TH).astype(np.float64)
        psi = wl.PEAK * np.maximum(0.0, 1 - np.abs(v - wl.V_TH) / wl.V_TH) / wl.V_TH
        zb = wl.ALPHA * zb + s
        ebar = wl.KAPPA * ebar + (1 - wl.KAPPA) * np.outer(zb, psi)
        zf = wl.KAPPA * zf + (1 - wl.KAPPA) * z
        error = zf @ w_out - target
        dw += ebar * (w_out @ error)
        dw_out += np.outer(zf, error)
    np.fill_diagonal(dw[k:], 0.0)
    return dw, dw_out


def cosine(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Cosine of two gradients of one shape, each taken as one long vector."""
    a, b = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
