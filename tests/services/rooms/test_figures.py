"""Figures of simulations that were made up, worked out by hand; tables and pages that show them."""

import io
import math

import pytest
from rich.console import Console

from eprop_rt_services.commands.closedloop_tables import show, table_of
from eprop_rt_services.report import making
from eprop_rt_services.report.closed_loop import closed_loop_page
from eprop_rt_services.report.label_delays import delay_page
from eprop_rt_services.rooms.figures import figures_of
from eprop_rt_services.rooms.label_delays import Lateness, delay_figures
from rooms_material import config, ran


@pytest.mark.parametrize(("silenced", "dead"), [(4, 0), (0, 4)])
def test_a_dead_array_that_decodes_in_one_way_is_not_hidden_by_the_other(silenced, dead):
    simulations = [ran(0, silenced=silenced, dead=dead), ran(1)]
    one = figures_of(config(), simulations)["decoders"]["rls"]
    assert one["dead_array_success_rate"] == pytest.approx(0.04)
    assert one["dead_array"]["silenced_after_learning"] == pytest.approx(silenced / 100)
    assert one["dead_array"]["learned_while_dead"] == pytest.approx(dead / 100)
    assert one["dead_array"]["most_in_a_simulation"] == pytest.approx(0.08)
    assert one["dead_array"]["trials"] == 100
    (told,) = delay_figures(config(), [(Lateness(0.0), simulations)])
    assert told["dead_array_success_rate"] == pytest.approx(0.04)


def test_trials_a_minute_are_told_of_all_and_of_those_that_are_learned_from(capsys):
    settings = config()
    figures = figures_of(settings, [ran(0), ran(1)])
    one = figures["decoders"]["rls"]
    assert (one["trials_per_minute"], one["learning_trials_per_minute"]) == (6000, 2400)
    show(settings, figures)
    assert "6000 trials a minute of one processor, 2400 of those" in capsys.readouterr().out


def printed(shown):
    """As on a terminal."""
    text = io.StringIO()
    Console(width=100, file=text).print(shown)
    return text.getvalue()


def test_a_plateau_that_some_never_reach_says_so_in_table_and_page():
    simulations = [ran(0), ran(1), ran(2, won=0)]
    figures = figures_of(config(simulations=3), simulations)
    plateau = figures["decoders"]["rls"]["plateau_90_s"]
    assert (plateau["reached"], plateau["simulations"]) == (2, 3)
    assert plateau["mean"] == pytest.approx(18.0)  # 90 % of the way to the probe at 20 s
    assert [math.isfinite(seconds) for seconds in plateau["each"]] == [True, True, False]
    table = printed(table_of(figures["conditions"][0]))
    assert "18 s" in table
    assert "2 of 3" in table
    page = closed_loop_page(figures, "made up", "facts", making("closedloop", ""))
    assert "2 of 3" in page


def test_what_others_needed_stands_beside_the_plateau(capsys):
    settings = config()
    figures = figures_of(settings, [ran(0), ran(1)])
    show(settings, figures)
    shown = capsys.readouterr().out
    assert "point-process filter 6.5, SmoothBatch 13 to 19, people 3" in " ".join(shown.split())
    assert figures["anchors_min"]["SmoothBatch"] == (13.0, 19.0)
    page = closed_loop_page(figures, "made up", "facts", making("closedloop", ""))
    assert "SmoothBatch (Orsborn et al. 2012)" in page


def test_the_bitrate_of_a_grid_says_its_formula_and_its_n(capsys):
    formula = "log2(N - 1) max(0, right - wrong) / time, N = 36 cells"
    settings = config("room.task.kind=grid")
    figures = figures_of(settings, [ran(n, choices=36) for n in range(2)])
    assert figures["bitrate"] == formula
    assert figures["decoders"]["rls"]["probe"]["bitrate_bits_s"][-1] == pytest.approx(
        math.log2(35) / 2
    )
    show(settings, figures)
    assert formula in " ".join(capsys.readouterr().out.split())
    assert formula in closed_loop_page(figures, "made up", "facts", making("closedloop", ""))
    assert figures_of(config(), [ran(0), ran(1)])["bitrate"] is None


def test_a_page_draws_what_people_look_for_by_learning_trials():
    figures = figures_of(config(), [ran(0), ran(1, won=5)])
    page = closed_loop_page(figures, "made up", "facts", making("closedloop", ""))
    for label in ("angular error, deg", "path efficiency", "throughput, bit/s", "seconds of use"):
        assert f'"axis_label": "{label}"' in page
    assert "success with nothing heard" in page
    assert '"axis_label": "bitrate, bit/s"' not in page  # there is no grid


def test_a_page_of_late_labels_shows_the_loss_without_the_ring_beside():
    lanes = [
        (Lateness(0.0), [ran(0), ran(1)]),
        (Lateness(0.5), [ran(0), ran(1, won=9)]),
        (Lateness(0.5, handled=False), [ran(0, won=0), ran(1, won=1)]),
    ]
    figures = delay_figures(config(), lanes)
    page = delay_page({"label_delay": figures}, "made up", "facts", making("closedloop", ""))
    assert f"rls with the ring x {figures[1]['ratio']:.3f}" in page
    assert f"rls without x {figures[2]['ratio']:.3f}" in page
    assert figures[2]["ratio"] > 2
    assert '"axis_label": "labels late by, s"' in page
