"""The simulated user as a process: sees the screen over LSL, sends what the motor cortex fires.

A sample is due at the instant of its stamp and holds the counts of the tick that ends there. The
order of a tick: send those counts; look at the screen; intend; draw the next counts. The intention
is that of the user model towards the target or, where a person points, towards the pointer.
"""

import math
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from pydantic import ValidationError

from eprop_rt.closed_loop.live import LiveSettings
from eprop_rt.closed_loop.person import Person
from eprop_rt.closed_loop.user import UserSettings
from eprop_rt.config import Positive, Settings
from eprop_rt.series import F32, F64, Chunk, StreamInfo
from eprop_rt_protocols.streams import StreamRequirement
from eprop_rt_services.closed_loop.faults import FaultSettings, FaultyWire
from eprop_rt_services.closed_loop.messages import WISH_TOPIC, Wish
from eprop_rt_services.closed_loop.ticks import Ticks
from eprop_rt_services.lsl_link import LslOutlet, local_clock
from eprop_rt_services.sources.live import LslSource
from eprop_rt_services.sources.settings import LslSettings
from eprop_rt_services.zmq_link import FrameReader, Replier

WISH_HOLDS_S = 1.0  # a page that was closed steers nobody


class SimulatorSettings(Settings):
    """Which screen to look at, and who looks: one seed is one person.

    `orders` is an endpoint at which it tells how the wire has been; `wishes` one at which somebody
    publishes where a person points: from the first such wish on, the target is not looked at.
    """

    name: str
    spikes_id: str
    screen_id: str
    seed: int
    orders: str
    wishes: str | None = None
    phase_s: float = 0.0
    loop: LiveSettings = LiveSettings()
    faults: FaultSettings = FaultSettings()
    wait_s: Positive = 60.0


@dataclass(frozen=True, slots=True)
class Sight:
    """A screen at an instant: cursor (2,) in cm and cm/s, target (2,) or NaN, and its radius."""

    stamp_s: float
    cursor: F64
    velocity: F64
    target: F64
    radius_cm: float


DARK = Sight(-math.inf, np.zeros(2), np.zeros(2), np.full(2, np.nan), 0.0)


class Eyes:
    """The newest state of a screen that is seen over LSL.

    How the cursor moves is told by where it was a sample ago. What would be faster than a cursor
    goes was put there, and is at rest.
    """

    def __init__(self, source: LslSource, fastest_cm_s: float) -> None:
        self._source = source
        self._fastest_cm_s = fastest_cm_s * (1 + 1e-3)  # samples are rounded
        self._sight = DARK

    def look(self) -> Sight:
        """Return what is seen now, without waiting."""
        for chunk in self._source.pull(0.0):
            if isinstance(chunk, Chunk):
                for stamp_s, sample in zip(chunk.stamps.tolist(), chunk.samples, strict=True):
                    self._notice(stamp_s, sample.astype(np.float64))
        return self._sight

    def _notice(self, stamp_s: float, sample: F64) -> None:
        before, cursor = self._sight, sample[:2]
        velocity = (cursor - before.cursor) / max(stamp_s - before.stamp_s, 1e-9)
        if math.hypot(*velocity) > self._fastest_cm_s:
            velocity = np.zeros(2)
        self._sight = Sight(stamp_s, cursor, velocity, sample[2:4], float(sample[4]))


class Ears:
    """The newest wish of a person; what is no wish is dropped, and an old one points nowhere."""

    def __init__(self, reader: FrameReader | None) -> None:
        self._reader = reader
        self._wish: Wish | None = None
        self._came_s = 0.0

    def listen(self) -> Wish | None:
        """Return the newest wish without waiting; None where there has been none yet."""
        while self._reader is not None and (frames := self._reader.take(0.0)) is not None:
            try:
                self._wish = Wish.model_validate_json(frames[-1])
            except ValidationError:
                continue
            self._came_s = local_clock()
        if self._wish is not None and local_clock() > self._came_s + WISH_HOLDS_S:
            self._wish = self._wish.model_copy(update={"pointer": None})
        return self._wish


class Cortex:
    """A person whose units fire with what they intend, and with what somebody else wishes."""

    def __init__(self, settings: SimulatorSettings) -> None:
        loop = settings.loop
        self._tick_s = loop.tick_s
        self._own = Person(loop, settings.seed)
        self._led = Person(_led(loop), settings.seed)
        self._draws = np.random.default_rng(settings.seed)
        self._order = self._draws.permutation(self.units)

    @property
    def units(self) -> int:
        """How many units fire."""
        return self._own.units

    def fire(self, seen: Sight, wish: Wish | None) -> F32:
        """Return the counts (1, units) of the next tick, after what is seen and wished now."""
        person, target, radius_cm = self._own, seen.target, seen.radius_cm
        if wish is not None:
            person = self._led
            pointer = (np.nan, np.nan) if wish.pointer is None else wish.pointer
            target, radius_cm = np.array(pointer), 0.0
        counts = person.see(seen.cursor, seen.velocity, target, radius_cm)
        if wish is not None:
            counts = counts + self._draws.poisson(wish.noise_hz * self._tick_s, self.units)
            counts[self._order[round(wish.heard * self.units) :]] = 0.0
        return counts.astype(np.float32)[None]


def _led(loop: LiveSettings) -> LiveSettings:
    """The same person, who follows at once: whoever moves a pointer has had the time to react."""
    if not isinstance(loop.user, UserSettings):
        return loop
    return loop.model_copy(update={"user": loop.user.model_copy(update={"reaction_s": 0.0})})


def sent_until_next(ticks: Ticks, wire: FaultyWire) -> float:
    """Send what is late while waiting for the next tick, and return its instant."""
    while (due_s := wire.due_s) is not None and due_s < ticks.due_s:
        time.sleep(max(0.0, due_s - local_clock()))
        wire.release(due_s)
    return ticks.wait()


def run(settings: SimulatorSettings) -> None:
    """Fire until ended; raises StreamError where the screen never comes."""
    tick_s = settings.loop.tick_s
    cortex = Cortex(settings)
    info = StreamInfo(f"{settings.name} motor cortex", cortex.units, 1 / tick_s)
    wanted = StreamRequirement(source_id=settings.screen_id)
    with ExitStack() as opened:
        enter = opened.enter_context
        wire = enter(
            FaultyWire(lambda: LslOutlet(info, "Spikes", settings.spikes_id), settings.faults)
        )
        orders = enter(Replier(settings.orders))
        wishes = settings.wishes
        ears = Ears(None if wishes is None else enter(FrameReader(wishes, WISH_TOPIC)))
        screen = enter(LslSource(LslSettings(signal=wanted, wait_s=settings.wait_s)))
        screen.open()
        screen.drop_backlog()
        eyes = Eyes(screen, settings.loop.cursor.max_speed_cm_s)
        ticks = Ticks(tick_s, settings.phase_s)
        counts = np.zeros((1, cortex.units), np.float32)
        while True:
            wire.push(sent_until_next(ticks, wire), counts)
            if orders.poll() is not None:
                orders.reply(wire.report.model_dump_json().encode())
            counts = cortex.fire(eyes.look(), ears.listen())


if __name__ == "__main__":
    run(SimulatorSettings.model_validate_json(sys.argv[1]))
