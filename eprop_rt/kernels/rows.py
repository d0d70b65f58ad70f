"""Sums of rows of a matrix: what a product costs where one factor is mostly zero."""

from eprop_rt.kernels import disjoint
from eprop_rt.structs import Floats, Ints


@disjoint
def add_rows(coefficients: Floats, rows: Floats, found: Ints, out: Floats) -> None:
    """out_j += sum_i c_i R_ij over the c_i that are not zero; `found` (I + 1,) is scratch.

    Eight rows at a time, then four: `out` is then read and written once for all of them.
    """
    count = 0
    for i in range(coefficients.shape[0]):
        found[count] = i
        count += coefficients[i] != 0  # no branch: which ones spike cannot be foretold
    n, at = out.shape[0], 0
    while at + 8 <= count:
        i, j, k, m = found[at], found[at + 1], found[at + 2], found[at + 3]
        p, q, r, s = found[at + 4], found[at + 5], found[at + 6], found[at + 7]
        c0, c1, c2, c3 = coefficients[i], coefficients[j], coefficients[k], coefficients[m]
        c4, c5, c6, c7 = coefficients[p], coefficients[q], coefficients[r], coefficients[s]
        r0, r1, r2, r3 = rows[i], rows[j], rows[k], rows[m]
        r4, r5, r6, r7 = rows[p], rows[q], rows[r], rows[s]
        for x in range(n):
            first = (c0 * r0[x] + c1 * r1[x]) + (c2 * r2[x] + c3 * r3[x])
            out[x] += first + ((c4 * r4[x] + c5 * r5[x]) + (c6 * r6[x] + c7 * r7[x]))
        at += 8
    if at + 4 <= count:
        i, j, k, m = found[at], found[at + 1], found[at + 2], found[at + 3]
        c0, c1, c2, c3 = coefficients[i], coefficients[j], coefficients[k], coefficients[m]
        r0, r1, r2, r3 = rows[i], rows[j], rows[k], rows[m]
        for x in range(n):
            out[x] += (c0 * r0[x] + c1 * r1[x]) + (c2 * r2[x] + c3 * r3[x])
        at += 4
    while at < count:
        c0, r0 = coefficients[found[at]], rows[found[at]]
        for x in range(n):
            out[x] += c0 * r0[x]
        at += 1
