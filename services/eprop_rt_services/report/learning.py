"""Weights and gradients along a session, layer by layer."""

from typing import Any

import numpy as np

from eprop_rt.comparison import LAYERS
from eprop_rt.series import F64
from eprop_rt_services.observing import EVERY, Seen
from eprop_rt_services.report.blocks import Block
from eprop_rt_services.report.chapter import Chapter
from eprop_rt_services.report.drawing import (
    draw_lines,
    logarithmic,
    plot,
    quality_range,
    stacked,
    switch,
)
from eprop_rt_services.wording import number

AXIS = "minutes into the session"


def learning(chapter: Chapter, key: str) -> list[Block]:
    """Norms, and e-prop beside BPTT where that was asked for; nothing without a network."""
    blocks = []
    if chapter.seen is not None:
        blocks.append(norms(chapter, f"{key}-norms", chapter.seen))
    if chapter.gradients is not None:
        blocks.append(beside_bptt(f"{key}-bptt", chapter.gradients))
    return blocks


def norms(chapter: Chapter, key: str, seen: Seen) -> Block:
    """Three panels over the same minutes."""
    title = "Weights, updates and gradients"
    minutes = chapter.minutes[np.minimum(seen.looks, len(chapter.minutes) - 1)]
    if len(minutes) < 2:
        told = f"The pass is too short: weights are looked at every {EVERY} bins."
        return Block(key, title, (told,))
    figures = []
    for values, label in (
        (seen.weight_norm, "norm of weights"),
        (seen.change_norm, "norm of change"),
        (seen.gradient_norm, "norm of gradient"),
    ):
        shown = positive(values)
        if np.isfinite(shown).any():
            figures.append(logarithmic(190, AXIS, label, shown))
            draw_lines(figures[-1], key, by_layer(minutes, shown))
    words = [
        f"Seen every {EVERY * chapter.bins.bin_s:g} s, on logarithmic axes: the weights, what "
        "changed in them since the look before (online learning and rehearsal together), and "
        "e-prop's gradient of the mean loss over the newest two segments of rehearsal's length."
    ]
    if not figures:
        words = ["All weights are zero, and stayed so."]
    elif not np.isfinite(positive(seen.gradient_norm)).any():
        words.append("There was no gradient to see: no labels, or a learning signal from outside.")
    figure = stacked(figures) if figures else None
    return Block(key, title, tuple(words), figure, tuple(switch(name) for name in LAYERS))


def beside_bptt(key: str, gradients: dict[str, Any]) -> Block:
    """Cosine and ratio of norms, as `GradientWatch.take` gives them."""
    title = "E-prop's gradient beside that of BPTT"
    minutes = np.array(gradients["time_s"], np.float64) / 60
    cosine, eprop, bptt = (
        np.array(gradients[name], np.float64) for name in ("cosine", "eprop_norm", "bptt_norm")
    )
    ratio = positive(np.divide(eprop, bptt, out=np.full_like(eprop, np.nan), where=bptt > 0))
    if not (np.isfinite(cosine).any() and np.isfinite(ratio).any()):
        return Block(key, title, ("The session is too short to compare any.",))
    upper = plot(230, AXIS, "cosine", y_range=quality_range([cosine], -1.0))
    lower = logarithmic(190, AXIS, "norm, e-prop / BPTT", ratio)
    draw_lines(upper, key, by_layer(minutes, cosine), points=40)
    draw_lines(lower, key, by_layer(minutes, ratio), points=40)
    medians = np.nanmedian(cosine[np.isfinite(cosine).any(axis=1)], axis=0)
    pairs = zip(gradients["layers"], medians, strict=True)
    told = ", ".join(f"{name} {number(value)}" for name, value in pairs)
    return Block(
        key,
        title,
        (
            f"At {len(minutes)} times of the session, at the weights of that time, over its newest "
            f"segments: 1 is the direction of backpropagation through time. Median cosine: {told}.",
        ),
        stacked([upper, lower]),
        tuple(switch(name) for name in LAYERS),
    )


def by_layer(minutes: F64, values: F64) -> dict[str, tuple[F64, F64]]:
    """Columns of values (n, layers) by name."""
    return {name: (minutes, values[:, k]) for k, name in enumerate(LAYERS)}


def positive(values: F64) -> F64:
    """What a logarithmic axis can show."""
    shown: F64 = np.where(values > 0, values, np.nan)
    return shown
