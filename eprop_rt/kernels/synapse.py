"""The drive of a population in which every synapse exists."""

from eprop_rt.kernels import compiled
from eprop_rt.structs import Floats


@compiled
def add_drive(w: Floats, pre: Floats, drive: Floats) -> None:
    """drive_j += sum_i W_ij s_i, reading only the rows whose s_i is not zero."""
    n = drive.shape[0]
    for i in range(pre.shape[0]):
        s = pre[i]
        if s != 0:
            row = w[i]
            for j in range(n):
                drive[j] += s * row[j]
