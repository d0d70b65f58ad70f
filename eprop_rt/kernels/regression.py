"""Each channel without what the others foretell: sums, their inverse, the residual."""

from eprop_rt.kernels import disjoint, in_order
from eprop_rt.structs import Floats, Marks


@in_order
def add_products(values: Floats, marks: Marks, broken: Marks, products: Floats) -> None:
    """Add x x^T of every row to the lower triangle of `products` (C, C); absent values are 0."""
    for i in range(values.shape[1]):
        for t in range(values.shape[0]):
            if not broken[t]:
                x = values[t, i]
                for j in range(i + 1):
                    products[i, j] += x * values[t, j]
            elif not marks[t, i]:
                x = values[t, i]
                for j in range(i + 1):
                    products[i, j] += 0.0 if marks[t, j] else x * values[t, j]


@disjoint
def begin_weights(products: Floats, ridge: float, weights: Floats) -> bool:
    """The ridged products (C, C), from their lower triangle, in units of their mean power.

    False, and `weights` leave all as it is, where nothing came.
    """
    C = products.shape[0]
    mean = 0.0
    for i in range(C):
        mean += products[i, i] / C
    if not mean > 0.0:
        for i in range(C):
            for j in range(C):
                weights[i, j] = 1.0 if i == j else 0.0
        return False
    for i in range(C):
        for j in range(i + 1):
            weights[i, j] = weights[j, i] = products[i, j] / mean
        weights[i, i] += ridge
    return True


@disjoint
def eliminate(weights: Floats, first: int, last: int) -> None:
    """Pivots `first` to `last` of the inverse of `weights` (C, C), in place; all of them make it.

    Gauss-Jordan without choosing pivots: the matrix is positive definite.
    """
    C = weights.shape[0]
    for k in range(first, last):
        pivot = 1.0 / weights[k, k]
        weights[k, k] = 1.0
        for j in range(C):
            weights[k, j] *= pivot
        for i in range(C):
            if i != k:
                factor = weights[i, k]
                weights[i, k] = 0.0
                for j in range(C):
                    weights[i, j] -= factor * weights[k, j]


@disjoint
def end_weights(weights: Floats) -> None:
    """From the inverse to what takes each channel's regression on all others off it, in place.

    With P the inverse of the ridged products, the residual of channel i is sum_j P_ij x_j / P_ii.
    """
    C = weights.shape[0]
    for i in range(C):
        scale = 1.0 / weights[i, i]
        for j in range(C):
            weights[i, j] *= scale


@disjoint
def residual(values: Floats, marks: Marks, broken: Marks, weights: Floats, row: Floats) -> None:
    """Replace every sample by weights (C, C) times it, in place; `row` (C,) is for the kernel."""
    for t in range(values.shape[0]):
        for c in range(values.shape[1]):
            row[c] = values[t, c]
        if broken[t]:
            for c in range(values.shape[1]):
                if marks[t, c]:
                    row[c] = 0.0
        for i in range(values.shape[1]):
            total = 0.0
            for j in range(values.shape[1]):
                total += weights[i, j] * row[j]
            values[t, i] = total
