"""The page: words and tables as HTML, figures as Bokeh's JSON, and all that they need inside."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np
from bokeh.core.types import ID
from bokeh.embed import json_item
from bokeh.resources import Resources
from jinja2 import Environment, StrictUndefined

from eprop_rt.series import F64
from eprop_rt_services.replay.comparable import OFFLINE
from eprop_rt_services.replay.contestant import Replayed
from eprop_rt_services.report import classes, tables
from eprop_rt_services.report.activity import activity, no_network
from eprop_rt_services.report.blocks import Block, Table
from eprop_rt_services.report.chapter import Chapter, Making
from eprop_rt_services.report.classes import class_table, confusion, is_of_classes
from eprop_rt_services.report.learning import learning
from eprop_rt_services.report.quality import over_time
from eprop_rt_services.report.traces import traces
from eprop_rt_services.report.worse import night, worse
from eprop_rt_services.wording import number

DIGEST = (
    "The digest is a hash of all commands and final weights: the same recordings, configuration "
    "and versions on the same kind of processor give the same one."
)
TRACES = 2.2e6  # bytes of traces in a page, of all recordings together


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """What stands under one tab."""

    key: str
    title: str
    headline: tuple[str, ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Again:
    """What a page says of the command that made it, and of what that needs to make it again."""

    command: str
    title: str
    sections: str  # what they are, for those who cannot see
    note: str
    tables: tuple[Table, ...]


def page(chapters: Sequence[Chapter], making: Making, *, columns: bool = False) -> str:
    """All in one file; `columns`: those of NeuroBench too."""
    sections = [
        section(chapter, f"s{k}", TRACES / len(chapters), columns=columns)
        for k, chapter in enumerate(chapters)
    ]
    if len(chapters) > 1:
        sections.insert(0, overview(chapters))
    named = [chapter.recording.name for chapter in chapters]
    mains = [(chapter.recording.name, chapter.results[0]) for chapter in chapters]
    digests = ((f"{name}, {main.decoder}", main.digest) for name, main in mains)
    hashes = ((chapter.recording.name, f"sha256 {chapter.sha256}") for chapter in chapters)
    again = Again(
        command="replay",
        title=", ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else ""),
        sections="recordings",
        note=DIGEST,
        tables=(tables.facts(digests), tables.facts(hashes)),
    )
    return render(sections, making, again)


def render(sections: Sequence[Section], making: Making, again: Again) -> str:
    """Everything in one file."""
    files = resources.files("eprop_rt_services.report")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string((files / "page.html").read_text(encoding="utf-8"))
    figures = {
        block.key: json_item(block.figure, ID(block.key))
        for one in sections
        for block in one.blocks
        if block.figure is not None
    }
    return template.render(
        title=again.title,
        sections=sections,
        making=making,
        again=again,
        versions=tables.facts(making.versions),
        style=(files / "page.css").read_text(encoding="utf-8"),
        script=(files / "page.js").read_text(encoding="utf-8"),
        bokeh="\n".join(Resources(mode="inline", components=["bokeh"]).js_raw),
        figures={key: script_safe(json.dumps(item)) for key, item in figures.items()},
    )


def script_safe(text: str) -> str:
    """JSON that ends no script element."""
    return text.replace("<", "\\u003c")


def section(chapter: Chapter, key: str, budget: float, *, columns: bool) -> Section:
    """One recording."""
    blocks = [Block(f"{key}-table", "All decoders", notes(chapter), tables=all_tables(chapter))]
    if columns:
        words = (
            "zero: share of all; MACs and ACs: effective, a bin; those of learning come on top.",
        )
        costs = (tables.costs(chapter.results),)
        blocks.append(Block(f"{key}-costs", "The columns of NeuroBench", words, tables=costs))
    if is_of_classes(chapter):
        blocks += [confusion(chapter, f"{key}-confusion")]
    else:
        blocks += [over_time(chapter, f"{key}-quality")]
    blocks += [traces(chapter, f"{key}-traces", budget)] if chapter.results[0].bins else []
    blocks += activity(chapter, key)
    blocks += learning(chapter, key)
    blocks += [*worse(chapter, key), *night(chapter, key)]
    return Section(key, chapter.recording.name, (*headline(chapter), facts(chapter)), tuple(blocks))


def all_tables(chapter: Chapter) -> tuple[Table, ...]:
    """The table, and one by axes where those are many."""
    if is_of_classes(chapter):
        return (class_table(chapter),)
    many = (tables.by_axis(chapter),) if len(chapter.axes) > tables.AXES else ()
    return (tables.scores(chapter), *many)


def headline(chapter: Chapter) -> tuple[str, ...]:
    """The configured decoder beside the best of the others, in words."""
    if is_of_classes(chapter):
        return (classes.headline(chapter),)
    main, *others = chapter.results
    if np.isnan(main.score.r2_last20.mean()):
        return (f"{chapter.recording.name} has no labels to score {main.decoder} on.",)
    told = (
        f"Over the last 20 %, {main.decoder} has R² {told_r2(main)}"
        f" (r\N{NO-BREAK SPACE}{number(float(main.score.r_last20.mean()))})"
    )
    scored = [one for one in others if not np.isnan(one.score.r2_last20.mean())]
    if not scored:
        return (f"{told}.",)
    best = max(scored, key=lambda one: float(one.score.r2_last20.mean()))
    how = ", fitted offline on the first 80 %," if best.decoder in OFFLINE else ""
    return (
        f"{told}; the best of the others, {best.decoder}{how} has {told_r2(best)} "
        f"(r\N{NO-BREAK SPACE}{number(float(best.score.r_last20.mean()))}).",
    )


def told_r2(result: Replayed) -> str:
    """The mean of the axes."""
    return number(float(result.score.r2_last20.mean()))


def facts(chapter: Chapter) -> str:
    """What was recorded."""
    main, info = chapter.results[0], chapter.recording.signal.info
    bin_s = chapter.bins.bin_s
    labels = chapter.recording.labels
    return (
        f"{info.channels} channels ({info.name}), {main.bins} bins of {bin_s * 1e3:g} ms "
        f"({main.bins * bin_s / 60:.1f} minutes); "
        + (
            "no labels."
            if labels is None
            else f"decoded: {labels.info.name}{units(chapter)}".rstrip(".") + "."
        )
    )


def units(chapter: Chapter) -> str:
    """Of the labels, where they are told."""
    labels = chapter.recording.labels
    told = sorted(set(() if labels is None else labels.info.units) - {""})
    return f" in {', '.join(told)}" if told else ""


def notes(chapter: Chapter) -> tuple[str, ...]:
    """By which rules the table is made, and what was decided on the way."""
    bin_s = chapter.bins.bin_s
    rules = (
        "R² (1 - residual / variance) and Pearson's r are of each axis, then the mean of the axes. "
        f"One causal pass: every bin of {bin_s * 1e3:g} ms is decoded before its label is used; the"
        " label is the mean of the labels in the same bin (lag 0; the midpoint of a sample decides "
        "on its bin). The last 20 % of the bins is the score; bins without a label are not scored."
    )
    if is_of_classes(chapter):
        rules = classes.RULES
    fitted = [one.decoder for one in chapter.results if one.decoder in OFFLINE]
    offline = (
        f"Fitted offline on the first 80 % of the bins: {', '.join(fitted)}; over the whole pass "
        "they are no test."
    )
    chosen = (
        "What is compared has the settings that bench/tune_baselines.py found on the first minutes "
        "of the development recordings, one setting at a time, as bench/tune_presets.py does for "
        "the presets (docs/evaluation.md)."
    )
    compared = [chosen] if len(chapter.results) > 1 else []
    said = [f"{one.decoder}: {line}." for one in chapter.results for line in one.said]
    lone = [] if chapter.seen is not None else [no_network(chapter)]
    return (rules, *([offline] if fitted else []), *compared, *said, *lone)


def overview(chapters: Sequence[Chapter]) -> Section:
    """All recordings, and every decoder's mean over them."""
    names = [one.decoder for one in chapters[0].results]
    means = np.array(
        [
            [(one.score.r2_last20.mean(), one.score.r_last20.mean()) for one in chapter.results]
            for chapter in chapters
        ]
    )
    scored = np.isfinite(means[..., 0]).all(axis=1)
    told: tuple[str, ...] = ("No recording has labels to score everyone on.",)
    if scored.any():
        told = (over_all(names, means[scored]),)
    words = (
        f"Replayed in this order, weights carried over: R² (r) of the last 20 % of each, mean of "
        f"the axes, bins of {chapters[0].bins.bin_s * 1e3:g} ms, lag 0.",
    )
    block = Block("all-table", "All recordings", words, tables=(tables.summary(chapters),))
    return Section("all", "All recordings", told, (block,))


def over_all(names: list[str], quality: F64) -> str:
    """In words, of R2 and r (recordings, decoders, 2)."""
    count = len(quality)
    mean = [
        f"{number(float(a))} (r\N{NO-BREAK SPACE}{number(float(b))})"
        for a, b in quality.mean(axis=0)
    ]
    told = f"Over {count} recordings, {names[0]} has a mean R² of {mean[0]}"
    if len(names) == 1:
        return f"{told}."
    best = 1 + int(quality[:, 1:, 0].mean(axis=0).argmax())
    ahead = int((quality[:, 0, 0] > quality[:, 1:, 0].max(axis=1)).sum())
    return (
        f"{told}; the best of the others, {names[best]}, has {mean[best]}. "
        f"{names[0]} is ahead of all others on {ahead} of {count}."
    )
