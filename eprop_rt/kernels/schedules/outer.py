"""Outer: approximate rules of rank one, without any memory of eligibility.

W_ij += direct_j zb_i at every step; `column` has nothing to act on. Memory beside the weights is
O(N + P): what a rule puts in the place of ebar_ij must be a vector over j times zb_i.
"""

import numpy as np

from eprop_rt.kernels import compiled
from eprop_rt.kernels.schedules.rows import add_rows
from eprop_rt.kernels.schedules.structs import Outer
from eprop_rt.structs import Floats, Params, Term


@compiled
def add_drive(w: Floats, p: Outer, pre: Floats, drive: Floats) -> None:
    """drive_j += sum_i s_i W_ij, reading only the rows whose s_i is not zero."""
    add_rows(w, p.synapses, pre, drive)


@compiled
def learn(w: Floats, p: Outer, params: Params, term: Term) -> None:
    """Every synapse; rows whose trace is zero are left out, and so is all without `direct`."""
    first, target, inputs = p.synapses.first, p.synapses.target, p.synapses.inputs
    zb, direct, n = term.zb, term.direct, term.psi.shape[0]
    if direct.shape[0] == 0:
        return
    for i in range(first.shape[0]):
        base = np.uint64(first[i, 0])
        for g in range(zb.shape[0]):
            z = zb[g, i]
            if z == 0:
                continue
            low, high = np.uint64(first[i, g]), np.uint64(first[i, g + 1])
            if target.shape[0] == 0:
                for k in range(low, high):
                    w[k] += z * direct[k - base]
            else:
                for k in range(low, high):
                    w[k] += z * direct[np.uint64(target[k])]
        if target.shape[0] == 0 and inputs <= i < inputs + n:
            w[first[i, 0] + i - inputs] = 0


@compiled
def sync(w: Floats, p: Outer, params: Params) -> None:
    """Nothing is ever pending."""
