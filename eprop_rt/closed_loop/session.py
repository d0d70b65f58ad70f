"""The closed loop in one process, without a clock: as fast as the decoder allows.

The order of a tick:

1. the user sees the screen as it is, and intends a velocity from what they saw earlier;
2. the population fires at that intention; its counts add up to the bin's;
3. the cursor moves under the command of the last complete bin;
4. the task follows the cursor, and may put it back at the centre;
5. at the end of a bin: the decoder predicts from the counts, and only then sees the label.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from eprop_rt.closed_loop.cursor import Cursor, CursorSettings
from eprop_rt.closed_loop.learner import Learner, Rehearses
from eprop_rt.closed_loop.metrics import ProbeResult, summarise
from eprop_rt.closed_loop.population import CosinePopulation, Population, PopulationSettings, Seed
from eprop_rt.closed_loop.task import CentreOut, Event, TaskSettings, Trial
from eprop_rt.closed_loop.user import User, UserSettings
from eprop_rt.errors import ConfigError, DataError
from eprop_rt.series import F64, Chunk, LabelChunk


def _whole_ticks(name: str, period_s: float, tick_s: float) -> int:
    """How many ticks a period has; raises ConfigError where it is not a whole number."""
    ticks = round(period_s / tick_s)
    if ticks < 1 or not math.isclose(ticks * tick_s, period_s, rel_tol=1e-9):
        raise ConfigError(
            f"{name} is {period_s} s, which is not a whole number of ticks of {tick_s} s: "
            f"set it to {max(1, ticks) * tick_s:g}"
        )
    return ticks


class TimingSettings(BaseModel):
    """The two periods of the loop: screen, user and cursor by the tick, decoder by the bin."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tick_s: float = Field(default=0.01, gt=0)
    bin_s: float = Field(default=0.02, gt=0)

    @model_validator(mode="after")
    def _a_bin_is_whole_ticks(self) -> Self:
        _whole_ticks("bin_s", self.bin_s, self.tick_s)
        return self


class LoopSettings(BaseModel):
    """Everything about a closed loop but the decoder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    population: PopulationSettings = PopulationSettings()
    user: UserSettings = UserSettings()
    task: TaskSettings = TaskSettings()
    cursor: CursorSettings = CursorSettings()
    timing: TimingSettings = TimingSettings()

    def build(self, seed: Seed, population: Population | None = None) -> "ClosedLoop":
        """Make the loop from one seed: tuning, noise and targets.

        A `population` stands in for the tuned one; user and task are then the same as without it.
        """
        tuning, user, task = np.random.default_rng(seed).spawn(3)
        return ClosedLoop(
            population or CosinePopulation(self.population, tuning),
            User(self.user, user),
            CentreOut(self.task, task),
            Cursor(self.cursor),
            self.timing,
        )


@dataclass(frozen=True, slots=True)
class SimulatedSession:
    """A session as an instrument would have recorded it.

    `signal` holds counts (n, units), `velocity` the cursor's mean velocity (n, 2) in cm/s over the
    same intervals, `position` and `target` (n, 2) in cm what the screen showed at their ends, NaN
    for no target. Stamps mark the START of each interval, in seconds.
    """

    signal: Chunk
    velocity: LabelChunk
    position: F64
    target: F64
    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True)
class _Tick:
    """What one tick brought: intended velocity (2,), counts (units,), the way moved (2,) in cm."""

    intent: F64
    counts: F64
    moved: F64


class ClosedLoop:
    """A population, a user, a task and a cursor, waiting for a decoder."""

    def __init__(
        self,
        population: Population,
        user: User,
        task: CentreOut,
        cursor: Cursor,
        timing: TimingSettings,
    ) -> None:
        self._population, self._user, self._task, self._cursor = population, user, task, cursor
        self._tick_s = timing.tick_s
        self._ticks_per_bin = _whole_ticks("bin_s", timing.bin_s, timing.tick_s)
        self._command = np.zeros(2)

    @property
    def units(self) -> int:
        """How many counts a decoder is given."""
        return self._population.units

    def restart(self, seed: Seed) -> None:
        """Begin anew from a seed, with the same tuning and the cursor at the centre."""
        population, user, task = np.random.default_rng(seed).spawn(3)
        self._population.restart(population)
        self._user.restart(user)
        self._task.restart(task)
        self._cursor.put(np.zeros(2))
        self._command = np.zeros(2)

    def run(self, decoder: Learner, trials: int, *, learning: bool) -> list[Trial]:
        """Run until `trials` more have ended, and return them; without `learning` only predict."""
        first = len(self._task.trials)
        while len(self._task.trials) < first + trials:
            self._run_bin(decoder, learning)
        return self._task.trials[first:]

    def run_for(self, decoder: Learner, seconds: float, *, learning: bool) -> list[Trial]:
        """Run for some simulated seconds, to the nearest bin, and return the trials that ended."""
        first = len(self._task.trials)
        for _ in range(round(seconds / (self._tick_s * self._ticks_per_bin))):
            self._run_bin(decoder, learning)
        return self._task.trials[first:]

    def probe(self, decoder: Learner, trials: int, seed: Seed) -> ProbeResult:
        """Restart from a seed and run frozen; one seed gives every decoder the same targets."""
        self.restart(seed)
        return summarise(self.run(decoder, trials, learning=False))

    def record(self, minutes: float, seed: Seed, sample_s: float | None = None) -> SimulatedSession:
        """Restart from a seed and record, the cursor following the intention itself.

        That is a calibration without a decoder. A sample lasts `sample_s`, by default one bin.
        """
        ticks = self._ticks_per_bin
        if sample_s is not None:
            ticks = _whole_ticks("sample_s", sample_s, self._tick_s)
        self.restart(seed)
        step_s = ticks * self._tick_s
        samples = round(minutes * 60 / step_s)
        counts = np.zeros((samples, self.units), dtype=np.float32)
        moved, position, target = (np.zeros((samples, 2)) for _ in range(3))
        for sample in range(samples):
            for _ in range(ticks):
                tick = self._tick()
                self._command = tick.intent
                counts[sample] += tick.counts
                moved[sample] += tick.moved
            position[sample] = self._cursor.position
            target[sample] = self._task.state.target
        stamps: F64 = np.arange(samples, dtype=np.float64) * step_s
        velocity = LabelChunk(stamps, (moved / step_s).astype(np.float32))
        trials = tuple(self._task.trials)
        return SimulatedSession(Chunk(stamps, counts), velocity, position, target, trials)

    def _run_bin(self, decoder: Learner, learning: bool) -> None:
        """Gather the counts of one bin; predict from them, then reveal the label."""
        counts = np.zeros(self.units)
        for _ in range(self._ticks_per_bin):
            counts += self._tick().counts
        command = np.asarray(decoder.predict_one(counts.astype(np.float32)), dtype=np.float64)
        if command.shape != (2,):
            raise DataError(
                f"the decoder returned an array of shape {command.shape}; expected (2,), "
                "the velocity in x and y in cm/s: set its outputs to 2"
            )
        self._command = command.copy()
        if learning:
            label = self._task.label(self._cursor.position, self._task.state.target)
            decoder.learn_one(label.astype(np.float32))
            if isinstance(decoder, Rehearses):
                decoder.rehearse()

    def _tick(self) -> _Tick:
        """See, intend, fire, move, and let the task follow."""
        shown, start = self._task.state, self._cursor.position
        self._user.see(start, shown.target, shown.radius_cm)
        intent = self._user.intend(self._tick_s)
        counts = self._population.counts(intent, self._tick_s)
        position = self._cursor.step(self._command, self._tick_s)
        if Event.RECENTRE in self._task.step(position, self._tick_s).events:
            self._cursor.put(np.zeros(2))
        return _Tick(intent, counts, position - start)
