"""The simulated person: sees the screen over LSL, and sends what the motor cortex fires.

A sample goes out at the instant of its stamp and holds the counts of the tick that ends there.
The order of a tick: send those counts; look at the screen; intend; draw the next counts.
"""

import sys

import numpy as np

from eprop_rt.closed_loop.population import CosinePopulation
from eprop_rt.closed_loop.session import LoopSettings
from eprop_rt.closed_loop.user import User
from eprop_rt.config import Positive, Settings
from eprop_rt.series import F64, Chunk, StreamInfo
from eprop_rt_protocols.streams import StreamRequirement
from eprop_rt_services.demo.ticks import Ticks
from eprop_rt_services.lsl_link import LslOutlet
from eprop_rt_services.sources.live import LslSource
from eprop_rt_services.sources.settings import LslSettings


class BrainSettings(Settings):
    """Which screen to look at, and who looks: one seed is one person."""

    seat: str
    spikes_id: str
    screen_id: str
    seed: int
    phase_s: float
    loop: LoopSettings = LoopSettings()
    wait_s: Positive = 60.0


class Eyes:
    """The newest state of a screen that is seen over LSL."""

    def __init__(self, source: LslSource) -> None:
        self._source = source
        self._cursor: F64 = np.zeros(2)
        self._target: F64 = np.full(2, np.nan)
        self._radius_cm = 0.0

    def look(self) -> tuple[F64, F64, float]:
        """Return cursor (2,), target (2,) or NaN, and the target's radius, without waiting."""
        for chunk in self._source.pull(0.0):
            if isinstance(chunk, Chunk):
                newest = chunk.samples[-1].astype(np.float64)
                self._cursor, self._target = newest[:2], newest[2:4]
                self._radius_cm = float(newest[4])
        return self._cursor, self._target, self._radius_cm


def run(settings: BrainSettings) -> None:
    """Fire until ended; raises StreamError where the screen never comes."""
    loop = settings.loop
    tick_s = loop.timing.tick_s
    tuning, person, _ = np.random.default_rng(settings.seed).spawn(3)
    population = CosinePopulation(loop.population, tuning)
    user = User(loop.user, person)
    info = StreamInfo(f"{settings.seat} motor cortex", population.units, 1 / tick_s)
    wanted = StreamRequirement(source_id=settings.screen_id)
    screen = LslSource(LslSettings(signal=wanted, wait_s=settings.wait_s))
    with LslOutlet(info, "Spikes", settings.spikes_id) as spikes, screen:
        screen.open()
        screen.drop_backlog()
        eyes, ticks = Eyes(screen), Ticks(tick_s, settings.phase_s)
        counts = np.zeros((1, population.units), np.float32)
        while True:
            spikes.push(np.array([ticks.wait()]), counts)
            user.see(*eyes.look())
            counts[0] = population.counts(user.intend(tick_s), tick_s)


if __name__ == "__main__":
    run(BrainSettings.model_validate_json(sys.argv[1]))
