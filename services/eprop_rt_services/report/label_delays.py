"""The page of `closedloop --label-delay`: what late labels cost with the ring and without."""

from collections.abc import Sequence
from typing import Any

from eprop_rt_services.report.blocks import Block, Row, Table
from eprop_rt_services.report.chapter import Making
from eprop_rt_services.report.closed_loop import again, bounds, percent
from eprop_rt_services.report.closed_loop_drawing import by_delay, switches
from eprop_rt_services.report.page import Section, render
from eprop_rt_services.wording import number

DELAYS = (
    "Labels come late. Solid: with the ring of vectors, which learns from each as the label of the "
    "bin that it is about. Dashed: without, each is taken for the bin of now. x: times that "
    "without delay in the same simulations, with the 95 % interval of the paired differences. A "
    "failure counts as the time limit. Targets and noise of the frozen trials are the same for all."
)


def delay_page(delays: dict[str, Any], title: str, facts: str, making: Making) -> str:
    """A section a condition."""
    figures: list[dict[str, Any]] = delays["label_delay"]
    names = dict.fromkeys(each["condition"] for each in figures)
    sections = [
        delay_section([each for each in figures if each["condition"] == name], f"d{at}", facts)
        for at, name in enumerate(names)
    ]
    return render(sections, making, again(title))


def delay_section(figures: Sequence[dict[str, Any]], key: str, facts: str) -> Section:
    """One condition."""
    decoders = list(dict.fromkeys(each["decoder"] for each in figures))
    block = Block(
        f"{key}-delays",
        f"Late labels, after {figures[0]['k']} learning trials",
        (DELAYS,),
        by_delay(figures, f"{key}-delays"),
        switches(decoders),
        (delay_table(figures),),
    )
    return Section(key, figures[0]["condition"], (headline(figures), facts), (block,))


def headline(figures: Sequence[dict[str, Any]]) -> str:
    """What the latest labels cost."""
    late = max(each["delay_s"] for each in figures)
    told = ", ".join(
        f"{each['decoder']} {lane(each)} x {each['ratio']:.3f}"
        for each in figures
        if each["delay_s"] == late
    )
    return f"Time to target with labels {late:g} s late: {told}."


def lane(each: dict[str, Any]) -> str:
    """How late labels were learned from."""
    return "with the ring" if each["handled"] else "without"


def delay_table(figures: Sequence[dict[str, Any]]) -> Table:
    """A row a delay, with the ring and without."""
    rows = [
        Row(
            (
                f"{each['decoder']}, {lane(each)}" if each["delay_s"] > 0 else each["decoder"],
                f"{each['delay_s']:g} s",
                f"{number(each['time_to_target_s'])} s {bounds(each['time_to_target_s_interval'])}",
                f"{100 * each['success_rate']:.0f} %",
                f"{each['ratio']:.3f} {bounds(each['ratio_interval'])}",
                percent(each["dead_array_success_rate"]),
            ),
            each["decoder"] == "eprop",
        )
        for each in figures
    ]
    head = ("decoder", "labels late by", "time to target", "success", "x", "dead array")
    return Table(head, tuple(rows))
