"""The field of a screen in characters: two square pixels in each."""

import math
from itertools import groupby

from rich.text import Text

from eprop_rt_services.closed_loop.messages import Report

PIXELS = 24  # on a side; a character holds two, one above the other
HALF_WIDTH_CM = 12.0
EMPTY, TARGET, CURSOR = "", "green", "bright_white"


def draw_field(report: Report | None) -> Text:
    """Draw target and cursor, (PIXELS / 2) lines of PIXELS characters."""
    text = Text(no_wrap=True)
    for row in range(0, PIXELS, 2):
        cells = [
            _cell(_colour(report, row, column), _colour(report, row + 1, column))
            for column in range(PIXELS)
        ]
        for (glyph, style), run in groupby(cells):
            text.append(glyph * len(list(run)), style)
        text.append("\n" if row < PIXELS - 2 else "")
    return text


def _cell(upper: str, lower: str) -> tuple[str, str]:
    """The character and its style for two pixels."""
    if not upper and not lower:
        return " ", ""
    if upper == lower:
        return "\u2588", upper
    if not upper:
        return "\u2584", lower
    return "\u2580", f"{upper} on {lower}" if lower else upper


def _colour(report: Report | None, row: int, column: int) -> str:
    if report is None:
        return EMPTY
    size_cm = 2 * HALF_WIDTH_CM / PIXELS
    x, y = (column + 0.5) * size_cm - HALF_WIDTH_CM, HALF_WIDTH_CM - (row + 0.5) * size_cm
    cursor_x, cursor_y = report.cursor
    if max(abs(x - cursor_x), abs(y - cursor_y)) <= 0.5 * size_cm:
        return CURSOR
    if report.target is None:
        return EMPTY
    distance_cm = math.hypot(x - report.target[0], y - report.target[1])
    return TARGET if distance_cm <= report.radius_cm else EMPTY
