"""Simulations of `closedloop` that were made up, and their configuration."""

import math

from eprop_rt.closed_loop.course import Passed, Probe, Simulated
from eprop_rt.closed_loop.metrics import summarise
from eprop_rt.closed_loop.task import Trial
from eprop_rt_services.rooms.config import load_room_config
from eprop_rt_services.rooms.running import Ran

LOST = Trial((9.0, 0.0), False, math.nan, math.nan, math.nan, 3.0)
GEOMETRY = {"distance_cm": 9.0, "width_cm": 4.0, "lasted_s": 2.0, "angular_error_deg": 20.0}


def trials(won, of, *, took_s=1.0, choices=0):
    """So many successes after so long each."""
    success = Trial((9.0, 0.0), True, took_s, 0.0, 0.8, 3.0, choices=choices, **GEOMETRY)
    return [success] * won + [LOST] * (of - won)


def ran(simulation, *, silenced=0, dead=0, won=10, decoder="rls", choices=0):
    """One condition, probed after 0, 10 and 20 trials, 20 s each; of 10 trials `won` succeed in
    the last two probes, of 50 on a dead array so many as are said.
    """
    probes = tuple(
        Probe(k, 2.0 * k, summarise(trials(good, 10, choices=choices)))
        for k, good in ((0, 0), (10, won), (20, won))
    )
    passed = Passed("zero", probes, tuple(trials(1, 2)), summarise(trials(silenced, 50)))
    result = Simulated((), (), (passed,), summarise(trials(dead, 50)), None, 100)
    return Ran(decoder, simulation, result, 100, 1.0, 20, 0.5)


def config(*overrides, decoders=("rls",), simulations=2):
    """Of the bench with cosine tuning, from zero weights."""
    given = [
        "perturbations=[{kind: zero}]",
        "course.probe_at=[0,10,20]",
        f"simulations={simulations}",
        *overrides,
    ]
    settings = load_room_config("preset:bench-cosine", given)
    return settings.model_copy(
        update={"decoders": {name: settings.decoders[name] for name in decoders}}
    )
