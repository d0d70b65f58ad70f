"""The page of `closedloop`: probes by learning trials with their intervals, and the dead array."""

from collections.abc import Callable
from typing import Any

import numpy as np

from eprop_rt_services.report.blocks import Block, Row, Table
from eprop_rt_services.report.chapter import Making
from eprop_rt_services.report.closed_loop_drawing import (
    TIME_AND_SUCCESS,
    by_k,
    dead_arrays,
    plateaus,
    switches,
)
from eprop_rt_services.report.page import Again, Section, render
from eprop_rt_services.wording import number

PROBES = (
    "Frozen probes after k learning trials: learning off, targets and noise of their own, no trace "
    "left. A failure counts as the time limit. Bars and brackets: 95 % interval of the mean over "
    "simulations, Student's t. All decoders meet the same people, perturbations and targets."
)
WAYS = (
    "Angular error: between the way moved and the way to the target, before the first entry. Path "
    "efficiency: of successes, straight line over way travelled. Throughput: {throughput}."
)
PLATEAU = (
    "90 % of the plateau: {plateau}. Large dots: mean and 95 % interval; small ones: a simulation "
    "each; less than a second is drawn at one. Below, what was needed elsewhere, by other people "
    "and animals at other tasks: an adaptive point-process filter (Shanechi et al. 2016) and "
    "SmoothBatch (Orsborn et al. 2012) until proficiency, people from calibration until a plateau "
    "(Brandman et al. 2018)."
)
DEAD = (
    "Nothing is heard on any channel. Silenced (circle): the decoder that has learned, probed "
    "frozen. Learned while dead (square): from zero weights with a dead array, then probed frozen. "
    "Both must stay below the dashed line, success of 2 %. What hears nothing says a constant, and "
    "a constant succeeds where targets happen to lie in its way: the cross is the worst simulation "
    "of either. While learning is what leaks through the labels, and why only frozen probes are "
    "figures."
)
MORE = "After the last learning trial. Trials a minute: of one processor."
NOTE = (
    "The same configuration and versions on the same kind of processor give the same figures, "
    "however many processes run."
)
MEASURED = (
    ("angular_error_deg", "angular error, deg", 190),
    ("path_efficiency", "path efficiency", 190),
    ("throughput_bits_s", "throughput, bit/s", 190),
    ("bitrate_bits_s", "bitrate, bit/s", 190),
)


def closed_loop_page(figures: dict[str, Any], title: str, facts: str, making: Making) -> str:
    """All conditions, a section each."""
    sections = [
        section(figures, condition, f"c{at}", facts)
        for at, condition in enumerate(figures["conditions"])
    ]
    return render(sections, making, again(title))


def again(title: str) -> Again:
    """How to make such a page again."""
    return Again(command="closedloop", title=title, sections="conditions", note=NOTE, tables=())


def section(figures: dict[str, Any], condition: dict[str, Any], key: str, facts: str) -> Section:
    """One condition."""
    decoders = condition["decoders"]
    shown = switches(decoders)
    measures = [each for each in MEASURED if known(decoders, each[0])]
    ways = [WAYS.format(throughput=figures["throughput"])]
    if figures["bitrate"] is not None:
        ways.append(f"Bitrate: {figures['bitrate']}.")
    blocks = (
        Block(
            f"{key}-probes",
            "Frozen probes",
            (PROBES,),
            by_k(decoders, f"{key}-probes", TIME_AND_SUCCESS),
            shown,
            (probe_table(decoders),),
        ),
        Block(
            f"{key}-ways",
            "Way and rate",
            tuple(ways),
            by_k(decoders, f"{key}-ways", measures) if measures else None,
            shown if measures else (),
        ),
        Block(
            f"{key}-plateau",
            "How soon",
            (PLATEAU.format(plateau=figures["plateau"]),),
            plateaus(decoders, figures["anchors_min"]),
            tables=(plateau_table(decoders),),
        ),
        Block(
            f"{key}-dead",
            "Dead array",
            (DEAD,),
            dead_arrays(decoders),
            tables=(dead_table(decoders),),
        ),
        Block(f"{key}-more", "At the end", (MORE,), tables=(more_table(decoders),)),
    )
    return Section(key, condition["name"], (headline(decoders), facts), blocks)


def known(decoders: dict[str, Any], measure: str) -> bool:
    """Whether any decoder has it at any probe."""
    return any(np.isfinite(one["probe"][measure]).any() for one in decoders.values())


def headline(decoders: dict[str, Any]) -> str:
    """The quickest at the end, and by how much."""
    last = {name: one["probe"]["time_to_target_s"][-1] for name, one in decoders.items()}
    order = sorted(last, key=lambda name: last[name])
    k = next(iter(decoders.values()))["probe"]["k"][-1]
    told = ", ".join(f"{name} {last[name]:.3f} s" for name in order)
    return f"Time to target after {k} learning trials: {told}."


def probe_table(decoders: dict[str, Any]) -> Table:
    """Mean, interval and success, a row a probe."""
    ks = next(iter(decoders.values()))["probe"]["k"]
    rows = []
    for at, k in enumerate(ks):
        probes = [one["probe"] for one in decoders.values()]
        cells = [
            f"{number(p['time_to_target_s'][at])} s {bounds(p['time_to_target_s_interval'][at])}, "
            f"{100 * p['success_rate'][at]:.0f} %"
            for p in probes
        ]
        rows.append(Row((str(k), *cells)))
    return Table(("k", *decoders), tuple(rows))


def dead_table(decoders: dict[str, Any]) -> Table:
    """Success with nothing heard."""
    head = (
        "decoder", "silenced", "learned while dead", "most in a simulation",
        "frozen trials of each", "while learning",
    )  # fmt: skip
    rows = []
    for name, one in decoders.items():
        dead = one["dead_array"]
        parts = ("silenced_after_learning", "learned_while_dead", "most_in_a_simulation")
        cells = (*(percent(dead[part]) for part in parts), f"{dead['trials']}")
        rows.append(Row((name, *cells, percent(dead["while_learning"])), name == "eprop"))
    return Table(head, tuple(rows))


def more_table(decoders: dict[str, Any]) -> Table:
    """All measures of the last probe, and speed."""
    columns: tuple[tuple[str, str, Callable[[float], str]], ...] = (
        ("time of successes, s", "time_of_successes_s", number),
        ("dial-in, s", "dial_in_s", number),
        ("path efficiency", "path_efficiency", number),
        ("angular error, deg", "angular_error_deg", number),
        ("throughput, bit/s", "throughput_bits_s", number),
        ("bitrate, bit/s", "bitrate_bits_s", number),
    )
    rows = []
    for name, one in decoders.items():
        cells = [
            f"{told(one['probe'][key][-1])} {bounds(one['probe'][f'{key}_interval'][-1])}"
            for _, key, told in columns
        ]
        speed = (f"{one[f'{kind}trials_per_minute']:.0f}" for kind in ("", "learning_"))
        rows.append(Row((name, *cells, *speed), name == "eprop"))
    head = ("decoder", *(title for title, _, _ in columns), "trials a minute", "of learning")
    return Table(head, tuple(rows))


def plateau_table(decoders: dict[str, Any]) -> Table:
    """How soon, and in how many simulations at all."""
    rows = []
    for name, one in decoders.items():
        told = one["plateau_90_s"]
        low, high = told["interval"]
        soon = f"{told['mean']:.0f} s" if np.isfinite(told["mean"]) else "-"
        within = f"[{low:.0f}, {high:.0f}]" if np.isfinite(low) else "-"
        reached = f"{told['reached']} of {told['simulations']}"
        rows.append(Row((name, soon, within, reached), name == "eprop"))
    return Table(("decoder", "90 % of plateau", "95 % interval, s", "reached by"), tuple(rows))


def bounds(interval: tuple[float, float]) -> str:
    """In brackets; nothing where it is not known."""
    low, high = interval
    return f"[{low:.3f}, {high:.3f}]" if np.isfinite(low) else ""


def percent(value: float) -> str:
    """With a digit after the point."""
    return f"{100 * value:.1f} %" if np.isfinite(value) else "-"
