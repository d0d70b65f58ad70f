"""Sums of rows of a matrix: what a product costs where one factor is mostly zero."""

from typing import Any

from eprop_rt.kernels import compiled, disjoint
from eprop_rt.structs import Floats, Ints

Four = tuple[Floats, Floats, Floats, Floats]


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


@disjoint
def add_four(coefficients: Four, rows: Floats, found: Ints, out: Four) -> None:
    """out_kj += sum_i c_ki R_ij, four k at once; rows for which all four c are zero are skipped.

    Four rows at a time: each is then read once for four sums, and each sum written once for four
    rows. Faster than one sum after the other even where most single c are zero. `found` (I + 1,)
    is scratch.
    """
    a, b, c, d = out
    of_a, of_b, of_c, of_d = coefficients
    count, at = 0, 0
    for i in range(rows.shape[0]):
        found[count] = i
        count += (of_a[i] != 0) | (of_b[i] != 0) | (of_c[i] != 0) | (of_d[i] != 0)
    while at + 4 <= count:
        i, j, k, m = found[at], found[at + 1], found[at + 2], found[at + 3]
        r0, r1, r2, r3 = rows[i], rows[j], rows[k], rows[m]
        a0, a1, a2, a3 = of_a[i], of_a[j], of_a[k], of_a[m]
        b0, b1, b2, b3 = of_b[i], of_b[j], of_b[k], of_b[m]
        c0, c1, c2, c3 = of_c[i], of_c[j], of_c[k], of_c[m]
        d0, d1, d2, d3 = of_d[i], of_d[j], of_d[k], of_d[m]
        for x in range(a.shape[0]):
            a[x] += (a0 * r0[x] + a1 * r1[x]) + (a2 * r2[x] + a3 * r3[x])
            b[x] += (b0 * r0[x] + b1 * r1[x]) + (b2 * r2[x] + b3 * r3[x])
            c[x] += (c0 * r0[x] + c1 * r1[x]) + (c2 * r2[x] + c3 * r3[x])
            d[x] += (d0 * r0[x] + d1 * r1[x]) + (d2 * r2[x] + d3 * r3[x])
        at += 4
    while at < count:
        i = found[at]
        row, a0, b0, c0, d0 = rows[i], of_a[i], of_b[i], of_c[i], of_d[i]
        for x in range(a.shape[0]):
            a[x] += a0 * row[x]
            b[x] += b0 * row[x]
            c[x] += c0 * row[x]
            d[x] += d0 * row[x]
        at += 1


@compiled
def four_rows(matrix: Floats, i: int) -> Any:
    """Rows i .. i + 3, views."""
    return matrix[i], matrix[i + 1], matrix[i + 2], matrix[i + 3]


@compiled
def add_product(coefficients: Floats, rows: Floats, found: Ints, out: Floats) -> None:
    """Of matrices: out += C R."""
    k, count = 0, coefficients.shape[0]
    while k + 4 <= count:
        add_four(four_rows(coefficients, k), rows, found, four_rows(out, k))
        k += 4
    while k < count:
        add_rows(coefficients[k], rows, found, out[k])
        k += 1
