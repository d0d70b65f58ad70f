"""Where the outputs are classes: how often each was right, and what was taken for what."""

import numpy as np
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from eprop_rt.classification import ClassScore
from eprop_rt.structs import Ints
from eprop_rt_services.report.blocks import Block, Row, Table
from eprop_rt_services.report.chapter import Chapter
from eprop_rt_services.report.drawing import INK, plot
from eprop_rt_services.report.tables import named
from eprop_rt_services.wording import number

DEEPEST = "#d55e00"
ROW_PIXELS = 44

RULES = (
    "Accuracy is the share of decisions that are right; balanced, the mean of that share over the "
    "classes. A window is a stretch of bins with one label, decided by the mean probability of its "
    "bins. One causal pass: every bin is decoded before its label is used, and labels that come "
    "from markers are used once their window is over. Bits a minute: information transfer rate of "
    "the windows (Wolpaw et al. 2000)."
)


def is_of_classes(chapter: Chapter) -> bool:
    """Whether the decoders were scored as deciding on classes."""
    return chapter.results[0].classes is not None


def class_table(chapter: Chapter) -> Table:
    """Every decoder's accuracies."""
    head = ["decoder", "windows, last 20 %", "balanced", "windows, whole pass"]
    head += ["bins, last 20 %", "balanced", "bins, whole pass", "bits a minute", "ms a bin"]
    head += ["result of", "events"]
    rows = []
    for at, result in enumerate(chapter.results):
        cells = [named(result)]
        cells += [] if result.classes is None else accuracies(result.classes)
        cells.append(f"{result.seconds / max(result.bins, 1) * 1e3:.2f}")
        cells.append("an earlier run" if result.cached else "this run")
        cells.append(", ".join(f"{k} {v}" for k, v in sorted(result.events.items())) or "-")
        rows.append(Row(tuple(cells), at == 0))
    return Table(tuple(head), tuple(rows))


def accuracies(score: ClassScore) -> list[str]:
    """In the order of the table."""
    parts = (
        (score.windows_last20, score.windows),
        (score.bins_last20, score.bins),
    )
    told = []
    for last, whole in parts:
        told += [number(last.accuracy), number(last.balanced_accuracy), number(whole.accuracy)]
    return [*told, number(score.itr_bits_per_min, 1)]


def headline(chapter: Chapter) -> str:
    """The configured decoder beside the best of the others, in words."""
    main, *others = chapter.results
    if main.classes is None or not len(main.classes.windows_last20.true):
        return (
            f"{chapter.recording.name} has no labels in its last 20 % to score {main.decoder} on."
        )
    last = main.classes.windows_last20
    told = (
        f"Over the last 20 %, {main.decoder} takes {number(last.accuracy)} of {len(last.true)} "
        f"windows and {number(main.classes.bins_last20.accuracy)} of the bins for what they are"
    )
    rivals = [
        (one.classes.windows_last20.accuracy, named(one))
        for one in others
        if one.classes is not None
    ]
    if not rivals:
        return f"{told}."
    best, name = max(rivals)
    return f"{told}; the best of the others, {name}, {number(best)} of the windows."


def confusion(chapter: Chapter, key: str) -> Block:
    """Of the configured decoder over the last 20 %, as a picture and as numbers."""
    main, names = chapter.results[0], chapter.axes
    title = f"What {main.decoder} takes for what"
    if main.classes is None or not len(main.classes.windows_last20.true):
        return Block(key, title, ("There is no label in the last 20 %.",))
    windows, bins = (
        one.confusion for one in (main.classes.windows_last20, main.classes.bins_last20)
    )
    words = (
        "Rows are the truth, columns what was decided, over the windows of the last 20 %; the "
        "deeper the colour, the larger the share of a row.",
    )
    folded = ("The same of bins", (as_table(bins, names),))
    return Block(key, title, words, drawn(windows, names), folded=folded)


def as_table(counts: Ints, names: list[str]) -> Table:
    """Counts (classes, classes)."""
    rows = zip(names, counts.tolist(), strict=True)
    return Table(("truth", *names), tuple(Row((name, *map(str, row))) for name, row in rows))


def drawn(counts: Ints, names: list[str]) -> figure:
    """A square a cell, with its count."""
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    true, said = np.indices(counts.shape)
    source = ColumnDataSource(
        {
            "said": [names[k] for k in said.ravel()],
            "true": [names[k] for k in true.ravel()],
            "count": [str(count) for count in counts.ravel().tolist()],
            "share": (0.85 * share).ravel(),
        }
    )
    made = plot(
        ROW_PIXELS * len(names) + 70,
        "decided",
        "truth",
        x_range=list(names),
        y_range=list(reversed(names)),
    )
    made.rect(
        "said", "true", 1, 1, source=source, fill_color=DEEPEST, fill_alpha="share", line_color=None
    )
    made.text(
        "said",
        "true",
        "count",
        source=source,
        text_align="center",
        text_baseline="middle",
        text_color=INK,
        text_font_size="13px",
    )
    made.grid.visible = False
    return made
