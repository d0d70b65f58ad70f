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


def duration(seconds: float) -> str:
    """As people say it: 250 ms, 8.5 s, 3 min 20 s, 2 h 05 min."""
    if seconds < 1:
        return f"{seconds * 1e3:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def printable(line: str) -> str:
    """Without what would move a terminal's cursor: names come from other machines."""
    return "".join(letter if letter.isprintable() else "?" for letter in line)
