"""A room and a decoder, coupled: counts one way, commands and labels the other.

At the end of a bin the decoder predicts; then, and only while it learns, it sees the label. Labels
are velocities; where the cursor takes changes of velocity they are turned into changes: what they
are less the cursor's velocity then, by the tick.

With `match_gain` every decoder has one output gain, computed the same way for all: the root of
mean squared label over mean squared output, both over the labelled bins with a half-life, within
bounds. It moves only while the decoder learns.
"""

import math
from dataclasses import dataclass
from typing import Any, Self, cast

import numpy as np
from pydantic import Field, model_validator

from eprop_rt.closed_loop.assist import Assist
from eprop_rt.closed_loop.labels import LabelSource, oldest_bins
from eprop_rt.closed_loop.learner import Learner
from eprop_rt.closed_loop.perturbation import LATEST_BINS
from eprop_rt.closed_loop.rewards import RewardSource
from eprop_rt.closed_loop.room import Room, RoomSnapshot
from eprop_rt.closed_loop.scene import Scene
from eprop_rt.closed_loop.task import Trial
from eprop_rt.config import Positive, Settings
from eprop_rt.errors import ConfigError, DataError
from eprop_rt.kernels.counter import uniform
from eprop_rt.series import F32, F64
from eprop_rt.snapshot import Arrays, copied, write_back


class OutputSettings(Settings):
    """Between decoder and cursor: the same for all decoders."""

    gain: Positive = 1.0
    match_gain: bool = False
    half_life_s: Positive = Field(30.0, description="of the squares that gains are matched by")
    bounds: tuple[Positive, Positive] = (0.5, 2.0)

    @model_validator(mode="after")
    def _bounds_are_ordered(self) -> Self:
        if self.bounds[0] > self.bounds[1]:
            raise ConfigError(f"output.bounds are {self.bounds}; expected low <= high: swap them")
        return self


@dataclass(frozen=True, slots=True)
class Way:
    """Faults between array and decoder: counts late in a share of the bins, gaps at trials."""

    late_share: float = 0.0
    latest_bins: int = 1
    restart_share: float = 0.0
    gap_bins: int = 0


@dataclass(frozen=True, slots=True)
class CouplingSnapshot:
    """A coupling at one moment."""

    room: RoomSnapshot
    own: Arrays


class Coupling:
    """Runs trials; everything that decides its future, room and decoder apart, is in arrays."""

    def __init__(
        self,
        room: Room,
        decoder: Learner,
        labels: LabelSource | None = None,
        rewards: RewardSource | None = None,
        output: OutputSettings | None = None,
        assist: Assist | None = None,
    ) -> None:
        self.room, self.decoder = room, decoder
        self._labels, self._rewards, self._assist = labels, rewards, assist
        self._output = output or OutputSettings()
        self.way = Way()
        bins = oldest_bins(room.settings.bin_s) + 1
        decay = room.settings.bin_s / self._output.half_life_s
        self._keep = 0.5**decay
        self._own: Arrays = {
            "command": np.zeros(room.axes),
            "velocities": np.zeros((bins, room.axes)),
            "outputs": np.zeros((bins, room.axes)),
            "counts": np.zeros((LATEST_BINS + 1, room.inputs), np.float32),
            "bins": np.zeros(1, np.int64),
            "taught": np.zeros(1, np.int64),
            "gap": np.zeros(1, np.int64),
            "draws": np.zeros(2, np.int64),
            "squares": np.zeros(2),
        }
        self._unknown = np.full(room.axes, np.nan, np.float32)

    @property
    def gain(self) -> float:
        """On the decoder's output, now."""
        label, output = self._own["squares"].tolist()
        if not self._output.match_gain or label <= 0 or output <= 0:
            return self._output.gain
        low, high = self._output.bounds
        return self._output.gain * min(max(math.sqrt(label / output), low), high)

    def restart(self, seed: int) -> None:
        """Begin anew from a seed: the room, and what is on its way; gain and decoder go on."""
        self.room.restart(seed)
        for name in ("command", "velocities", "outputs", "counts", "bins", "taught", "gap"):
            self._own[name][:] = 0
        self._own["draws"][:] = seed & (2**62 - 1), 0

    def run(self, trials: int, *, learning: bool) -> list[Trial]:
        """Run until so many more trials have ended, and return them."""
        done: list[Trial] = []
        ended, bins = self.room.ended, 0
        while len(done) < trials:
            self.run_bin(learning=learning)
            bins += 1
            if self.room.ended > ended:
                done += self.room.trials(ended)
                ended = self.room.ended
                self._begin_trial()
        return done

    def run_bin(self, *, learning: bool) -> None:
        """One bin: counts, prediction, and only then the label."""
        own = self._own
        counts = self.room.run_bin(own["command"])
        own["bins"] += 1
        if own["gap"][0] > 0:
            own["gap"] -= 1
            own["command"][:] = 0.0
            if own["gap"][0] == 0 and hasattr(self.decoder, "reset"):
                self.decoder.reset()
            return
        output = np.asarray(self.decoder.predict_one(self._arrived(counts)), np.float64)
        if output.shape != (self.room.axes,):
            raise DataError(
                f"the decoder returned an array of shape {output.shape}; expected "
                f"({self.room.axes},), an axis of the task each: set its outputs to "
                f"{self.room.axes}"
            )
        scene = self.room.scene(output) if learning else None
        if scene is not None:
            self._teach(scene, output)
        command = self.gain * output
        if scene is not None and self._assist is not None:
            command = self._assisted(self._assist, command, scene)
        own["command"][:] = command

    def _assisted(self, assist: Assist, command: F64, scene: Scene) -> F64:
        """The command with help, which is a velocity."""
        if not self.room.settings.cursor.adds:
            return assist.blend(command, scene)
        ticks, velocity = self.room.ticks, scene.velocity
        return (assist.blend(velocity + ticks * command, scene) - velocity) / ticks

    def _arrived(self, counts: F64) -> F32:
        """The counts (inputs,) of this bin, or in a share of the bins those of one gone by."""
        x = counts.astype(np.float32)
        way, own = self.way, self._own
        if way.late_share <= 0:
            return x
        ring, bins = own["counts"], int(own["bins"][0])
        ring[bins % len(ring)] = x
        if self._draw() < way.late_share:
            age = 1 + int(self._draw() * way.latest_bins)
            return cast(F32, ring[(bins - min(age, bins)) % len(ring)].copy())
        return x

    def _draw(self) -> float:
        draws = self._own["draws"]
        draws[1] += 1
        return float(uniform(draws[0], draws[1]))

    def _begin_trial(self) -> None:
        if self.way.restart_share > 0 and self._draw() < self.way.restart_share:
            self._own["gap"][0] = self.way.gap_bins

    def _teach(self, scene: Scene, output: F64) -> None:
        own, decoder = self._own, cast(Any, self.decoder)
        own["taught"] += 1
        self._at("velocities", 0)[:] = scene.velocity
        self._at("outputs", 0)[:] = output
        if self._labels is None:
            decoder.learn_one(self._unknown)
        else:
            labels = self._labels.label(scene)
            decoder.learn_one(self._taken(labels.now, 0))
            for age, earlier in labels.earlier:
                decoder.relabel(age, self._taken(earlier, age))
        if self._rewards is not None and hasattr(decoder, "reward_one"):
            decoder.reward_one(self._rewards.reward(scene))
        if hasattr(decoder, "rehearse"):
            decoder.rehearse()

    def _at(self, name: str, age: int) -> F64:
        """What there was so many bins before the newest that was learned from; a view.

        Raises DataError where that is no longer remembered.
        """
        ring = self._own[name]
        if age >= len(ring):
            raise DataError(
                f"a label came {age} bins after its own; expected at most {len(ring) - 1}: a "
                "source of labels must not look back further"
            )
        return cast(F64, ring[(int(self._own["taught"][0]) - age) % len(ring)])

    def _taken(self, label: F64, age: int) -> F32:
        """The label of a bin for the decoder; the gain follows it too, however late it comes."""
        label = self._as_output(label, age)
        self._follow_gain(label, self._at("outputs", age))
        return label.astype(np.float32)

    def _as_output(self, label: F64, age: int) -> F64:
        """A velocity as the cursor takes it."""
        if not self.room.settings.cursor.adds:
            return label
        changed: F64 = (label - self._at("velocities", age)) / self.room.ticks
        return changed

    def _follow_gain(self, label: F64, output: F64) -> None:
        if self._output.match_gain and np.isfinite(label).all() and np.isfinite(output).all():
            squares = self._own["squares"]
            squares *= self._keep
            squares[0] += (1 - self._keep) * float(label @ label)
            squares[1] += (1 - self._keep) * float(output @ output)

    def snapshot(self) -> CouplingSnapshot:
        """Copies of all but the decoder: the room, and what is on its way."""
        return CouplingSnapshot(self.room.snapshot(), copied(self._own))

    def restore(self, snapshot: CouplingSnapshot) -> None:
        """Go on from a snapshot."""
        self.room.restore(snapshot.room)
        write_back(snapshot.own, self._own)
