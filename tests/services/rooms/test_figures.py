"""Figures of simulations that were made up, worked out by hand."""

import math

import pytest

from eprop_rt.closed_loop.course import Passed, Probe, Simulated
from eprop_rt.closed_loop.metrics import summarise
from eprop_rt.closed_loop.task import Trial
from eprop_rt_services.rooms.config import load_room_config
from eprop_rt_services.rooms.figures import figures_of
from eprop_rt_services.rooms.label_delays import Lateness, delay_figures
from eprop_rt_services.rooms.running import Ran


def trials(won: int, of: int):
    """So many successes after a second each."""
    lost = Trial((9.0, 0.0), False, math.nan, math.nan, math.nan, 3.0)
    return [Trial((9.0, 0.0), True, 1.0, 0.0, 1.0, 3.0)] * won + [lost] * (of - won)


def ran(simulation: int, *, silenced: int, dead: int, decoder="rls") -> Ran:
    """One condition, probed once; so many of 50 trials succeed on a dead array."""
    probe = Probe(20, 40.0, summarise(trials(10, 10)))
    passed = Passed("zero", (probe,), tuple(trials(1, 2)), summarise(trials(silenced, 50)))
    result = Simulated((), (), (passed,), summarise(trials(dead, 50)), None, 100)
    return Ran(decoder, simulation, result, 100, 1.0)


def config():
    overrides = ["perturbations=[{kind: zero}]", "course.probe_at=[20]", "simulations=2"]
    settings = load_room_config("preset:bench-cosine", overrides)
    return settings.model_copy(update={"decoders": {"rls": settings.decoders["rls"]}})


@pytest.mark.parametrize(("silenced", "dead"), [(4, 0), (0, 4)])
def test_a_dead_array_that_decodes_in_one_way_is_not_hidden_by_the_other(silenced, dead):
    simulations = [ran(0, silenced=silenced, dead=dead), ran(1, silenced=0, dead=0)]
    one = figures_of(config(), simulations)["decoders"]["rls"]
    assert one["dead_array_success_rate"] == pytest.approx(0.04)
    assert one["dead_array"]["silenced_after_learning"] == pytest.approx(silenced / 100)
    assert one["dead_array"]["learned_while_dead"] == pytest.approx(dead / 100)
    assert one["dead_array"]["most_in_a_simulation"] == pytest.approx(0.08)
    assert one["dead_array"]["trials"] == 100
    (told,) = delay_figures(config(), [(Lateness(0.0), simulations)])
    assert told["dead_array_success_rate"] == pytest.approx(0.04)
