"""R2 and r over time, all decoders in one figure."""

import numpy as np
from bokeh.models.annotations import BoxAnnotation

from eprop_rt.metrics import labelled, pearson_r, r2
from eprop_rt.series import F64
from eprop_rt.structs import Ints
from eprop_rt_services.replay.comparable import OFFLINE
from eprop_rt_services.replay.contestant import FITTED
from eprop_rt_services.report import tables
from eprop_rt_services.report.blocks import Block
from eprop_rt_services.report.chapter import Chapter
from eprop_rt_services.report.drawing import (
    FLOOR,
    SOFT,
    draw_lines,
    least,
    plot,
    quality_range,
    stacked,
    switch,
)

POINTS = 160
LEAST = 20  # labels in a window, to be scored


def over_time(chapter: Chapter, key: str) -> Block:
    """A window slides over the pass."""
    title = "Quality over time"
    results, true, bin_s = chapter.results, chapter.true, chapter.bins.bin_s
    rows = max(min(round(60 / bin_s), len(true) // 8), len(true) // 20, 2)
    curves = {
        one.decoder: sliding(one.predicted, true, rows) for one in results if len(true) > rows
    }
    if not any(np.isfinite(quality).any() for _, quality, _ in curves.values()):
        told = f"No window of {seconds(rows * bin_s)} has labels enough to be scored."
        return Block(key, title, (told,), folded=("R² by eighths", (tables.eighths(results),)))
    limits = quality_range([q for _, q, _ in curves.values()])
    lowest = least([q for _, q, _ in curves.values()])
    upper = plot(270, "", "R²", y_range=limits)
    lower = plot(
        200,
        "minutes into the session",
        "Pearson's r",
        y_range=quality_range([r for _, _, r in curves.values()]),
    )
    main, minutes = results[0].decoder, chapter.minutes
    quality = {name: (minutes[ends], found) for name, (ends, found, _) in curves.items()}
    likeness = {name: (minutes[ends], found) for name, (ends, _, found) in curves.items()}
    for into, lines in ((upper, quality), (lower, likeness)):
        draw_lines(into, key, lines, main=main)
        into.add_layout(
            BoxAnnotation(
                left=float(minutes[int(FITTED * len(true))]),
                fill_color=SOFT,
                fill_alpha=0.08,
                line_color=None,
                level="underlay",
            )
        )
    words = [
        f"Mean of the axes in a window of {seconds(rows * bin_s)} that ends at each point; the last"
        " 20 % of the pass are shaded. Touch or hover a line for its value."
    ]
    if lowest < FLOOR:
        words.append(f"What lies below {FLOOR:g} is cut off; move down to see it.")
    fitted = [one.decoder for one in results if one.decoder in OFFLINE]
    if fitted:
        words.append(
            f"{', '.join(fitted)}: fitted offline on the first 80 %, so that only the shaded part "
            "is a test."
        )
    return Block(
        key,
        title,
        tuple(words),
        stacked([upper, lower]),
        tuple(switch(name) for name in curves),
        folded=("R² by eighths", (tables.eighths(results),)),
    )


def sliding(predicted: F64, true: F64, rows: int) -> tuple[Ints, F64, F64]:
    """Last bins of windows of `rows` bins, mean R2 and mean r of each, NaN with few labels."""
    ends = np.unique(np.linspace(rows, len(true), POINTS).astype(np.int64))
    found = np.full((len(ends), 2), np.nan)
    for at, end in enumerate(ends):
        p, t = labelled(predicted[end - rows : end], true[end - rows : end])
        if len(t) >= LEAST:
            found[at] = r2(p, t).mean(), pearson_r(p, t).mean()
    return ends - 1, found[:, 0], found[:, 1]


def seconds(duration_s: float) -> str:
    """As people say it."""
    return f"{duration_s:.0f} s" if duration_s < 120 else f"{duration_s / 60:.1f} minutes"
