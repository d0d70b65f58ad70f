"""Late labels, few labels, lost units, another day: what was asked for."""

from collections.abc import Callable, Sequence

import numpy as np
from bokeh.models.annotations import Span
from bokeh.plotting import figure

from eprop_rt.series import F64
from eprop_rt_services.replay.conditions import Condition
from eprop_rt_services.replay.contestant import Outcome
from eprop_rt_services.report import tables
from eprop_rt_services.report.blocks import Block
from eprop_rt_services.report.chapter import Chapter
from eprop_rt_services.report.drawing import (
    SOFT,
    draw_lines,
    fix_ticks,
    plot,
    quality_range,
    stacked,
    switch,
)

TRUTH = "Truth is not touched; every value is a pass of its own."


def worse(chapter: Chapter, key: str) -> list[Block]:
    """A block for each option that was given, and the table of them all."""
    own = chapter.outcomes[0]
    late = [one for one in chapter.outcomes if one[0].label_delay_s > 0]
    few = [one for one in chapter.outcomes if one[0].label_share < 1]
    struck = [one for one in chapter.outcomes if one[0].perturbation is not None]
    blocks = []
    if late:
        x = "labels late by, s"
        blocks.append(sweep(f"{key}-late", "Late labels", x, [own, *late], delay))
    if few:
        x = "share of bins with a label, %"
        blocks.append(sweep(f"{key}-few", "Few labels", x, [*few, own], share))
    if struck:
        blocks.append(perturbations(f"{key}-struck", [own, *struck]))
    if blocks:
        table = tables.conditions(chapter.outcomes)
        blocks.append(Block(f"{key}-worse", "All conditions", (TRUTH,), tables=(table,)))
    return blocks


def delay(condition: Condition) -> float:
    """In seconds."""
    return condition.label_delay_s


def share(condition: Condition) -> float:
    """In percent."""
    return 100 * condition.label_share


def sweep(
    key: str, title: str, x: str, outcomes: list[Outcome], of: Callable[[Condition], float]
) -> Block:
    """R2 and r over the last 20 %, by one property of the condition."""
    outcomes = sorted(outcomes, key=lambda outcome: of(outcome[0]))
    at = np.array([of(condition) for condition, _ in outcomes])
    names = [one.decoder for one in outcomes[0][1]]
    quality = {
        name: (at, means([results[k].score.r2_last20 for _, results in outcomes]))
        for k, name in enumerate(names)
    }
    r = {
        name: (at, means([results[k].score.r_last20 for _, results in outcomes]))
        for k, name in enumerate(names)
    }
    kind = "log" if of is share and at.min() > 0 else "linear"
    figures: list[figure] = []
    for curves, label, height in ((quality, "R², last 20 %", 240), (r, "r, last 20 %", 180)):
        limits = quality_range([y for _, y in curves.values()])
        figures.append(plot(height, x, label, x_axis_type=kind, y_range=limits))
        fix_ticks(figures[-1].xaxis[0], at.tolist())
        draw_lines(figures[-1], key, curves, main=names[0], points=40)
    words = ("Mean of the axes over the last 20 % of each pass; figures in the table below.",)
    return Block(key, title, words, stacked(figures), tuple(switch(name) for name in names))


def perturbations(key: str, outcomes: list[Outcome]) -> Block:
    """R2 by eighths, a panel each; the first is the recording as it was made."""
    names = [one.decoder for one in outcomes[0][1]]
    eighth = np.arange(8, dtype=np.float64) + 0.5
    curves = [
        {one.decoder: (eighth, means(one.score.r2_eighths)) for one in results}
        for _, results in outcomes
    ]
    limits = quality_range([y for each in curves for _, y in each.values()])
    figures = []
    for (condition, _), each in zip(outcomes, curves, strict=True):
        made = plot(180, "eighths of the pass", f"R², {condition.name}", y_range=limits)
        made.yaxis[0].axis_label_text_font_size = "11px"
        draw_lines(made, key, each, main=names[0], points=8)
        if condition.perturbation is not None:
            where = 8 * condition.perturbation.at
            made.add_layout(Span(location=where, dimension="height", line_color=SOFT))
        figures.append(made)
    words = (
        "R² of each eighth of the pass, mean of the axes; the upright line is where it happens. r "
        "of the last 20 % is in the table below.",
    )
    return Block(
        key, "Lost or changed units", words, stacked(figures), tuple(switch(n) for n in names)
    )


def means(values: Sequence[F64]) -> F64:
    """Of the axes of each."""
    return np.array([each.mean() for each in values], np.float64)


def night(chapter: Chapter, key: str) -> list[Block]:
    """After the recording before; nothing where that was not asked for."""
    if chapter.night is None:
        return []
    words = (
        "Weights carried over from the recording before. static: its weights, nothing learned "
        "today; recentred: the same, with each channel brought to the mean and deviation of then; "
        "refitted: a Wiener filter of today's first ten minutes, scored after them. The level is "
        "that of a Wiener filter fitted on today's first 80 %, over the last 20 %. What is marked "
        "offline is fitted on that part too, and is no test here.",
    )
    table = tables.night(chapter.night)
    return [Block(f"{key}-night", "After the day before", words, tables=(table,))]
