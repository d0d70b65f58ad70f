"""The tables of a page, as text."""

from collections.abc import Iterable, Sequence

import numpy as np

from eprop_rt.series import F64
from eprop_rt_services.replay.across_days import Transition
from eprop_rt_services.replay.comparable import OFFLINE
from eprop_rt_services.replay.contestant import Outcome, Replayed
from eprop_rt_services.report.blocks import Row, Table
from eprop_rt_services.report.chapter import Chapter
from eprop_rt_services.wording import amount, number

AXES = 4  # that have columns of their own


def scores(chapter: Chapter) -> Table:
    """Every decoder's quality and cost."""
    own = chapter.axes if 1 < len(chapter.axes) <= AXES else []
    head = ["decoder", "R², last 20 %", "r, last 20 %"]
    head += [f"{axis}: R² (r), last 20 %" for axis in own]
    head += ["R², whole pass", "r, whole pass"]
    head += [f"{axis}: R² (r), whole pass" for axis in own]
    head += ["ms a bin", "result of", "events"]
    rows = []
    for at, result in enumerate(chapter.results):
        score = result.score
        cells = [named(result), number(float(score.r2_last20.mean()))]
        cells.append(number(float(score.r_last20.mean())))
        cells += pairs(score.r2_last20, score.r_last20) if own else []
        cells += [number(float(score.r2.mean())), number(float(score.r.mean()))]
        cells += pairs(score.r2, score.r) if own else []
        cells.append(f"{result.seconds / max(result.bins, 1) * 1e3:.2f}")
        cells.append("an earlier run" if result.cached else "this run")
        cells.append(", ".join(f"{k} {v}" for k, v in sorted(result.events.items())) or "-")
        rows.append(Row(tuple(cells), at == 0))
    return Table(tuple(head), tuple(rows))


def by_axis(chapter: Chapter) -> Table:
    """R2 (r) over the last 20 %, where there are too many axes for columns."""
    rows = []
    for at, axis in enumerate(chapter.axes):
        told = (pairs(one.score.r2_last20, one.score.r_last20)[at] for one in chapter.results)
        rows.append(Row((axis, *told)))
    return Table(("axis", *(named(one) for one in chapter.results)), tuple(rows))


def eighths(results: Sequence[Replayed]) -> Table:
    """R2 of each eighth of the pass, mean of the axes, and r of the whole beside it."""
    head = ("decoder", *(f"{k}/8" for k in range(1, 9)), "r, whole pass")
    rows = []
    for at, result in enumerate(results):
        means = (number(float(each.mean())) for each in result.score.r2_eighths)
        rows.append(Row((named(result), *means, number(float(result.score.r.mean()))), at == 0))
    return Table(head, tuple(rows))


def costs(results: Sequence[Replayed]) -> Table:
    """The columns of NeuroBench."""
    head = ("decoder", "bytes", "zero weights", "zero spikes", "MACs", "ACs")
    learning = ("learning: bytes", "learning: MACs", "learning: ACs")
    rows = []
    for at, result in enumerate(results):
        cost = result.cost
        sparsity = (number(s, 2) for s in (cost.connection_sparsity, cost.activation_sparsity))
        cells = (amount(cost.footprint_bytes), *sparsity, amount(cost.macs), amount(cost.acs))
        more = cost.learning_footprint_bytes, cost.learning_macs, cost.learning_acs
        rows.append(Row((named(result), *cells, *(amount(each) for each in more)), at == 0))
    return Table((*head, *learning), tuple(rows))


def conditions(outcomes: Sequence[Outcome]) -> Table:
    """R2 (r) over the last 20 % under each condition."""
    names = [named(one) for one in outcomes[0][1]]
    rows = []
    for condition, results in outcomes:
        told = (both(one.score.r2_last20, one.score.r_last20) for one in results)
        rows.append(Row((condition.name, *told)))
    return Table(("R² (r), last 20 %", *names), tuple(rows))


def night(transition: Transition) -> Table:
    """One day after another."""
    head = (
        "decoder",
        "R², first minute",
        f"minutes to 90 % of {number(transition.offline)}",
        "R², day",
        "r, day",
        "R², after 10 minutes",
    )
    rows = []
    for at, (name, day) in enumerate(transition.days.items()):
        cells = [marked(name), number(day.first_minute)]
        cells += ["-" if day.minutes is None else str(day.minutes)]
        cells += [number(v) for v in (day.whole, day.r, day.after_refit)]
        rows.append(Row(tuple(cells), at == 0))
    return Table(head, tuple(rows))


def summary(chapters: Sequence[Chapter]) -> Table:
    """All recordings and decoders: R2 (r) over the last 20 %, and means over recordings."""
    names = [named(one) for one in chapters[0].results]
    values = np.array(
        [
            [(mean(one.score.r2_last20), mean(one.score.r_last20)) for one in chapter.results]
            for chapter in chapters
        ]
    )
    rows = [
        Row((chapter.recording.name, *(f"{number(a)} ({number(b)})" for a, b in found)))
        for chapter, found in zip(chapters, values, strict=True)
    ]
    scored = np.isfinite(values).all(axis=(1, 2))
    means = values[scored].mean(axis=0) if scored.any() else np.full(values.shape[1:], np.nan)
    left_out = "" if scored.all() else f" of the {int(scored.sum())} that everyone is scored on"
    told = (f"{number(a)} ({number(b)})" for a, b in means)
    rows.append(Row((f"mean{left_out}", *told), True))
    return Table(("R² (r), last 20 %", *names), tuple(rows))


def facts(pairs: Iterable[tuple[str, str]]) -> Table:
    """A name and a value a row, without a head."""
    return Table((), tuple(Row(pair) for pair in pairs))


def named(result: Replayed) -> str:
    """Its name, and whether it was fitted offline."""
    return marked(result.decoder)


def marked(name: str) -> str:
    """Says which are fitted offline."""
    return f"{name} (offline)" if name in OFFLINE else name


def pairs(r2: F64, r: F64) -> list[str]:
    """R2 (r) of each axis."""
    return [f"{number(float(a))} ({number(float(b))})" for a, b in zip(r2, r, strict=True)]


def both(r2: F64, r: F64) -> str:
    """R2 (r), means of the axes."""
    return f"{number(mean(r2))} ({number(mean(r))})"


def mean(values: F64) -> float:
    """Of the axes, NaN where one has none."""
    return float(values.mean())
