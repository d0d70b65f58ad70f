"""Numbers as people read them."""

import math


def amount(value: float) -> str:
    """With a thousand's letter: 3.2M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def number(value: float, digits: int = 3) -> str:
    """Without the zero before the point; a dash where there is nothing to score."""
    if math.isnan(value):
        return "-"
    rounded = round(value, digits)
    return ("-" if rounded < 0 else "") + f"{abs(rounded):.{digits}f}".removeprefix("0")
