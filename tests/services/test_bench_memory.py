"""Memory of the whole daemon over a stream that does not end: what is made goes again."""

import gc
import tracemalloc

import pytest

from eprop_rt import pipeline
from eprop_rt_services.bench.memory import SimulatedSource, resident_mib, run
from eprop_rt_services.commands.bench_memory import PRESET, SETTINGS
from eprop_rt_services.config import load_config

pytestmark = pytest.mark.process

MINUTES = 6
STRETCH_S = 60.0
SMALL = ("decoder.network.neurons=16", "decoder.rehearsal.memory_s=10")


def test_what_the_daemon_holds_does_not_grow_with_the_stream(monkeypatch):
    monkeypatch.setattr(pipeline, "REMEMBERED", 500)  # full within the first stretch
    held = []

    def told(hour):
        gc.collect()
        held.append(tracemalloc.get_traced_memory()[0])
        assert hour.resident_mib > 0

    tracemalloc.start()
    try:
        run(load_config(PRESET, [*SETTINGS, *SMALL]), MINUTES, told, hour_s=STRETCH_S)
    finally:
        tracemalloc.stop()
    assert len(held) == MINUTES
    # The lesser of two: a queue or a checkpoint on its way to the disk comes and goes.
    bins = (MINUTES - 2) * STRETCH_S / 0.02
    assert min(held[-2:]) - min(held[:2]) < 40 * bins, held


def test_the_simulated_stream_has_the_faults_that_it_says(monkeypatch):
    source = SimulatedSource(2, lambda hour: None)
    items = [item for _ in range(3000) for item in source.pull(0.0, None, lambda: None)]
    assert len(items) > 6000
    assert source.events["silence"] > 0
    assert resident_mib() > 10
