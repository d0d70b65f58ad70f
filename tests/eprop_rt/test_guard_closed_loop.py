"""A whole session in closed loop, from zero weights: the guard looks on and lets it learn."""

import numpy as np
import pytest

from eprop_rt.closed_loop.population import CosinePopulation, PopulationSettings
from eprop_rt.closed_loop.session import LoopSettings
from eprop_rt.config import (
    BinSettings,
    EpropSettings,
    NetworkSettings,
    OnlineSettings,
    ReadoutSettings,
    RehearsalSettings,
    ScaleSettings,
)
from eprop_rt.decoder import build_decoder
from eprop_rt.guard_settings import GuardSettings
from eprop_rt.pipeline import Pipeline
from eprop_rt.series import Chunk, LabelChunk, StreamInfo

BIN_S, UNITS = 0.02, 96
DECODER = EpropSettings(  # that of preset:demo
    targets=ScaleSettings(clip=4.0),
    network=NetworkSettings(
        neurons=128, membrane_tau_s=(0.02, 0.3), adaptation_tau_s=0.5, readout_tau_s=0.08
    ),
    online=OnlineSettings(learning_rate=1e-4),
    readout=ReadoutSettings(rule="none"),
    rehearsal=RehearsalSettings(steps_per_bin=120, segment_s=1.2, warm_up_s=0.3, memory_s=600),
)


class LossyPopulation:
    """A tuned array of which a share falls silent when told to."""

    def __init__(self) -> None:
        self._whole = CosinePopulation(PopulationSettings(units=UNITS), 3)
        self.alive = np.ones(UNITS)

    @property
    def units(self) -> int:
        return UNITS

    def counts(self, velocity_cm_s, dt_s):
        return self._whole.counts(velocity_cm_s, dt_s) * self.alive

    def restart(self, seed):
        self._whole.restart(seed)


class ThroughThePipeline:
    """The loop's decoder, as the live one is: bins and labels go through the data path."""

    def __init__(self, guard):
        info = StreamInfo("counts", UNITS, 1 / BIN_S)
        labels = StreamInfo("velocity", 2, 1 / BIN_S)
        decoder = build_decoder(DECODER, UNITS, 2, BIN_S)
        self.pipeline = Pipeline(BinSettings(bin_s=BIN_S), info, labels, decoder, 2, guard)
        self.states, self.at = [], 0

    def predict_one(self, x):
        self.step = self.pipeline.push(Chunk(np.array([self.at * BIN_S]), x[None]))
        output = next(self.step)
        self.states.append(output.state)
        return output.values

    def learn_one(self, label):
        self.pipeline.push_labels(LabelChunk(np.array([self.at * BIN_S]), label[None]))
        assert list(self.step) == []
        self.at += 1


@pytest.mark.large
def test_a_session_from_zero_trips_nothing_and_lost_units_are_learned_over():
    population = LossyPopulation()
    one, bare = (
        ThroughThePipeline(GuardSettings()),
        ThroughThePipeline(GuardSettings(enabled=False)),
    )
    loop = LoopSettings().build(0, population)
    loop.run_for(one, 60, learning=True)
    assert not one.pipeline.events
    assert one.pipeline.guard.counters()["guard_good_state"] == 1
    assert set(one.states) == {"decoded"}

    other = LoopSettings().build(0, LossyPopulation())
    other.run_for(bare, 60, learning=True)
    mine, its = one.pipeline.decoder.snapshot(), bare.pipeline.decoder.snapshot()
    assert {k: a.tobytes() for k, a in mine.items()} == {k: a.tobytes() for k, a in its.items()}

    population.alive[: round(0.4 * UNITS)] = 0
    trials = loop.run_for(one, 60, learning=True)
    events = one.pipeline.events
    assert not [k for k in events if k.startswith(("guard_rollback", "guard_freeze", "guard_skip"))]
    assert one.pipeline.learning
    assert np.mean([trial.success for trial in trials[-15:]]) > 0.8
