"""The course of one simulation: learn, be perturbed, learn again, and be probed on the way.

Every figure is taken on frozen probes: learning off, targets and noise of their own seeds, and room
and decoder put back afterwards to what they were, so that a course with probes learns to the bit
what it learns without.

The dead-array control stands beside it. Twice nothing is heard on any channel: once under the
decoder that has learned, silenced at the end of the course; and once under a decoder that starts
from zero weights and learns with the dead array, whose success while learning is what leaks through
the labels. Both are then probed frozen, and must fail.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Self, cast

import numpy as np
from pydantic import Field, model_validator

from eprop_rt.closed_loop.assist import Assist, AssistSettings
from eprop_rt.closed_loop.coupling import Coupling, OutputSettings, Way
from eprop_rt.closed_loop.labels import LabelSettings, build_label_source
from eprop_rt.closed_loop.learner import Learner
from eprop_rt.closed_loop.metrics import ProbeResult, summarise
from eprop_rt.closed_loop.perturbation import Perturbation, PerturbationSettings, silence
from eprop_rt.closed_loop.rewards import RewardSourceSettings, build_reward_source
from eprop_rt.closed_loop.room import Room, RoomSettings
from eprop_rt.closed_loop.task import Trial
from eprop_rt.closed_loop.tuning import draw_tuning
from eprop_rt.config import Settings
from eprop_rt.decoder import RewardDecoder
from eprop_rt.errors import ConfigError

MOST_TRIALS = 100_000
Count = Annotated[int, Field(ge=0, le=MOST_TRIALS)]
Build = Callable[[int, int, float], Learner]  # inputs, outputs, bin_s

# What is drawn in a simulation, each from its own stream.
ROOM, LEARNING, STRIKE, PROBE, DEAD, LABELS, REWARDS = range(7)
SILENCED = 10 * MOST_TRIALS  # in the place of the k of a probe, which no k reaches


class CourseSettings(Settings):
    """How many trials of what."""

    learning_trials: Count = Field(50, description="from zero weights, before the perturbation")
    frozen_trials: Count = Field(0, description="after them, learning off")
    probe_at: tuple[Count, ...] = Field(
        (0, 1, 3, 5, 10, 20, 50), description="learning trials after the perturbation"
    )
    probe_trials: Annotated[int, Field(ge=1)] = 15
    dead_trials: Count = Field(20, description="of learning with a dead array, before its probe")
    dead_probe_trials: Annotated[int, Field(ge=1, le=MOST_TRIALS)] = Field(
        100, description="frozen, on an array that is dead: a rate below .02 needs many"
    )

    @model_validator(mode="after")
    def _probes_are_in_order(self) -> Self:
        asked = self.probe_at
        if not asked or any(after <= before for before, after in pairwise(asked)):
            raise ConfigError(
                f"course.probe_at is {list(asked)}; expected at least one number of learning "
                f"trials, each larger than the one before: write {sorted(set(asked)) or [20]}"
            )
        return self


class BenchSettings(Settings):
    """Everything about a simulation but its decoder and its seed."""

    room: RoomSettings = RoomSettings()
    course: CourseSettings = CourseSettings()
    labels: LabelSettings | None = LabelSettings()
    rewards: RewardSourceSettings | None = Field(
        None, description="for decoders that learn from them; labels: null beside it"
    )
    output: OutputSettings = OutputSettings()
    assist: AssistSettings = AssistSettings()

    @model_validator(mode="after")
    def _help_needs_an_intention(self) -> Self:
        if self.assist.share > 0 and self.labels is None:
            raise ConfigError(
                "assist.share came without labels, which say where help is to go: set labels, or "
                "assist.share: 0"
            )
        return self


@dataclass(frozen=True, slots=True)
class Probe:
    """A frozen probe after `k` learning trials and so many seconds of use."""

    k: int
    used_s: float
    result: ProbeResult


@dataclass(frozen=True, slots=True)
class Passed:
    """One condition of one simulation: probes, the trials learned from, and the dead array."""

    condition: str
    probes: tuple[Probe, ...]
    learned: tuple[Trial, ...]
    silenced: ProbeResult


@dataclass(frozen=True, slots=True)
class Simulated:
    """A decoder in one simulation: what it did under every condition, and on the dead array.

    `before` are the trials of learning from zero weights, `frozen` those after them without.
    """

    before: tuple[Trial, ...]
    frozen: tuple[Trial, ...]
    passed: tuple[Passed, ...]
    dead: ProbeResult
    leak: ProbeResult | None
    bins: int


def stream(seed: int, simulation: int, *what: int) -> int:
    """The seed of one kind of draws in one simulation."""
    words = np.random.SeedSequence((seed, simulation, *what)).generate_state(1, np.uint64)
    return int(words[0] >> np.uint64(1))


class Course:
    """One simulation; `build` makes a decoder from zero weights.

    A `clock` of whoever asks tells how long learning took: `learning_s` of `learned` trials.
    """

    def __init__(
        self,
        settings: BenchSettings,
        build: Build,
        seed: int,
        simulation: int,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._settings, self._build, self._clock = settings, build, clock
        self._seed, self._simulation = seed, simulation
        self.trials = 0  # of all kinds, for people who wait
        self.learned, self.learning_s = 0, 0.0

    def run(self, conditions: Sequence[PerturbationSettings]) -> Simulated:
        """Learn once, then go through every condition from there."""
        settings = self._settings.course
        spare = max((c.spare(self._units) for c in conditions), default=0)
        coupling = self._couple(spare)
        untaught = self._held(coupling)
        before = self._learn(coupling, settings.learning_trials)
        frozen = self._frozen(coupling, settings.frozen_trials)
        taught = self._held(coupling)
        passed = []
        for condition in conditions:
            self._put_back(coupling, untaught if condition.kind == "zero" else taught)
            coupling = self._fresh_sources(coupling)
            passed.append(self._go_through(coupling, condition))
        leak, dead = self._dead(spare)
        return Simulated(before, frozen, tuple(passed), dead, leak, self.trials)

    @property
    def _units(self) -> int:
        return self._settings.room.population.units

    def _couple(self, spare: int) -> Coupling:
        """A room and a decoder from zero weights, with fresh sources."""
        settings = self._settings
        room = Room(settings.room, self._stream(ROOM), spare)
        decoder = self._build(room.inputs, room.axes, settings.room.bin_s)
        coupling = self._fresh_sources(Coupling(room, decoder, None, None, settings.output))
        coupling.restart(self._stream(LEARNING))
        return coupling

    def _fresh_sources(self, coupling: Coupling) -> Coupling:
        """The same room and decoder, with sources of labels and rewards that remember nothing."""
        settings, bin_s = self._settings, self._settings.room.bin_s
        seed, source, assist = self._stream(LABELS), None, None
        if settings.labels is not None:
            source = build_label_source(settings.labels, bin_s, seed)
            if settings.assist.share > 0:
                helps = build_label_source(settings.labels.helping(), bin_s, seed)
                assist = Assist(settings.assist, helps)
        rewards = None
        if settings.rewards is not None:
            rewards = build_reward_source(settings.rewards, bin_s, self._stream(REWARDS))
        fresh = Coupling(coupling.room, coupling.decoder, source, rewards, settings.output, assist)
        fresh.restore(coupling.snapshot())
        return fresh

    def _stream(self, *what: int) -> int:
        return stream(self._seed, self._simulation, *what)

    def _go_through(self, coupling: Coupling, condition: PerturbationSettings) -> Passed:
        """Perturb, then learn from probe to probe."""
        settings, room = self._settings, coupling.room
        strike = Perturbation(
            condition, self._units, np.random.default_rng(self._stream(STRIKE, 0))
        )
        rng = np.random.default_rng(self._stream(STRIKE, 1))
        room_settings = settings.room
        other = draw_tuning(
            room_settings.population, room.axes, room_settings.tick_s, rng,
            room.units - self._units,
        )  # fmt: skip
        strike.strike(room.tuning, other)
        coupling.way = _way(condition, room_settings.bin_s)
        probes: list[Probe] = []
        learned: list[Trial] = []
        for k in settings.course.probe_at:
            while len(learned) < k:
                strike.go_on(room.tuning, len(learned))
                learned += self._learn(coupling, 1)
            strike.go_on(room.tuning, len(learned))
            used_s = float(sum(trial.lasted_s for trial in learned))
            result = self._probe(coupling, self._stream(PROBE, k), settings.course.probe_trials)
            probes.append(Probe(k, used_s, result))
        silenced = self._silenced(coupling, self._stream(PROBE, SILENCED))
        coupling.way = Way()
        return Passed(condition.name, tuple(probes), tuple(learned), silenced)

    def _learn(self, coupling: Coupling, trials: int) -> tuple[Trial, ...]:
        self.trials += trials
        self.learned += trials
        began_s = self._clock() if self._clock is not None else 0.0
        done = tuple(coupling.run(trials, learning=True))
        self.learning_s += self._clock() - began_s if self._clock is not None else 0.0
        return done

    def _frozen(self, coupling: Coupling, trials: int) -> tuple[Trial, ...]:
        self.trials += trials
        with _not_exploring(coupling.decoder):
            return tuple(coupling.run(trials, learning=False))

    def _probe(self, coupling: Coupling, seed: int, trials: int) -> ProbeResult:
        """Frozen trials from a seed; leaves no trace."""
        held = self._held(coupling)
        coupling.restart(seed)
        result = summarise(self._frozen(coupling, trials))
        self._put_back(coupling, held)
        return result

    def _silenced(self, coupling: Coupling, seed: int) -> ProbeResult:
        """A probe with nothing on any channel; leaves no trace."""
        held = self._held(coupling)
        silence(coupling.room.tuning)
        result = self._probe(coupling, seed, self._settings.course.dead_probe_trials)
        self._put_back(coupling, held)
        return result

    def _dead(self, spare: int) -> tuple[ProbeResult | None, ProbeResult]:
        """Learn from zero weights with a dead array; how that went, and the frozen probe."""
        coupling = self._couple(spare)
        silence(coupling.room.tuning)
        coupling.restart(self._stream(DEAD))
        course = self._settings.course
        learned = self._learn(coupling, course.dead_trials)
        probe = self._probe(coupling, self._stream(DEAD, 1), course.dead_probe_trials)
        return summarise(learned) if learned else None, probe

    def _held(self, coupling: Coupling) -> tuple[Any, Any, Any]:
        decoder = cast(Any, coupling.decoder)
        events = decoder.events.copy() if hasattr(decoder, "events") else None
        return coupling.snapshot(), decoder.snapshot(), events

    def _put_back(self, coupling: Coupling, held: tuple[Any, Any, Any]) -> None:
        decoder = cast(Any, coupling.decoder)
        coupling.restore(held[0])
        decoder.restore(held[1])
        if held[2] is not None:
            decoder.events.clear()
            decoder.events.update(held[2])


def _way(condition: PerturbationSettings, bin_s: float) -> Way:
    if condition.kind == "latency":
        return Way(late_share=condition.share, latest_bins=condition.latest_bins)
    if condition.kind == "restart":
        return Way(restart_share=condition.share, gap_bins=math.ceil(condition.gap_s / bin_s))
    return Way()


@contextmanager
def _not_exploring(decoder: Learner) -> Iterator[None]:
    """A decoder that explores does not while it is probed."""
    if not isinstance(decoder, RewardDecoder):
        yield
        return
    explored, decoder.explores = decoder.explores, False
    try:
        yield
    finally:
        decoder.explores = explored
