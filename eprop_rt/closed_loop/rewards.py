"""What a simulated brain, or the task, says about how it goes: all that a reward decoder has.

No source tells where the target is. They differ in how often they speak, how late, and how often
they are wrong.
"""

import math
from collections import deque
from typing import Annotated, Literal, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from eprop_rt.bins.grid import steps_covering
from eprop_rt.closed_loop.population import Seed
from eprop_rt.closed_loop.scene import Event, Scene
from eprop_rt.series import F64


class RewardSource(Protocol):
    """Anything that judges a bin, or does not."""

    def reward(self, scene: Scene) -> float:
        """What came at the end of this bin; NaN: nothing."""
        ...

    def restart(self, seed: Seed) -> None:
        """Forget the past; draw mistakes from a new seed."""
        ...


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SelectionSettings(_Settings):
    """Success or failure of a trial, and nothing in between.

    `delay_s` and `accuracy` make it what is read off the brain: units of the motor cortex tell
    rewarded from unrewarded trials (Marsh et al. 2015, J. Neurosci. 35:7374).
    """

    kind: Literal["selection"] = "selection"
    success: float = 1.0
    failure: float = 0.0
    otherwise: float | None = Field(0.0, description="in all other bins; none: no reward came")
    accuracy: float = Field(1.0, ge=0.5, le=1, description="share of trials judged rightly")
    delay_s: float = Field(0.0, ge=0)


class ErrorPotentialSettings(_Settings):
    """Whether the cursor got closer to what the user wants: 1 or -1 for each window.

    Single trials of error potentials are told apart with about .8 accuracy, some hundred
    milliseconds after what evoked them (Chavarriaga et al. 2014, Front. Neurosci. 8:208), and have
    taught reaching decoders (Iturrate et al. 2015, Sci. Rep. 5:13893). A cursor inside the target
    at the end of a window does well. `after_s` from the onset of a target on nobody judges yet.
    """

    kind: Literal["error_potential"] = "error_potential"
    window_s: float = Field(0.3, gt=0)
    delay_s: float = Field(0.3, ge=0)
    after_s: float = Field(0.3, ge=0)
    accuracy: float = Field(0.8, ge=0.5, le=1, description="share of windows judged rightly")


class ProgressSettings(_Settings):
    """How fast the cursor nears the edge of the target, in 1/`unit_cm_s`, at every bin.

    More than any brain is known to say: the bound on what a scalar can teach.
    """

    kind: Literal["progress"] = "progress"
    unit_cm_s: float = Field(10.0, gt=0)


RewardSourceSettings = Annotated[
    SelectionSettings | ErrorPotentialSettings | ProgressSettings, Field(discriminator="kind")
]


def build_reward_source(
    settings: SelectionSettings | ErrorPotentialSettings | ProgressSettings,
    bin_s: float,
    seed: Seed,
) -> RewardSource:
    """The source that the settings name."""
    match settings:
        case SelectionSettings():
            return SelectionReward(settings, bin_s, seed)
        case ErrorPotentialSettings():
            return ErrorPotential(settings, bin_s, seed)
        case ProgressSettings():
            return Progress(settings, bin_s)


class SelectionReward:
    """Judges the trial when it ends."""

    def __init__(self, settings: SelectionSettings, bin_s: float, seed: Seed) -> None:
        self._settings = settings
        self._late = steps_covering(settings.delay_s, bin_s)
        self._otherwise = math.nan if settings.otherwise is None else settings.otherwise
        self.restart(seed)

    def reward(self, scene: Scene) -> float:
        """What the trial was worth, in the bin that it ended in or `delay_s` later."""
        self._queue.append(self._judged(scene.event))
        return self._queue.popleft()

    def _judged(self, event: Event) -> float:
        if event not in (Event.SUCCESS, Event.FAILURE):
            return self._otherwise
        rightly = self._draws.random() < self._settings.accuracy
        won = (event is Event.SUCCESS) == rightly
        return self._settings.success if won else self._settings.failure

    def restart(self, seed: Seed) -> None:
        """Forget what has not been said yet."""
        self._draws = np.random.default_rng(seed)
        self._queue = deque([self._otherwise] * self._late)


class ErrorPotential:
    """Compares the distance at the end of a window with that at its start."""

    def __init__(self, settings: ErrorPotentialSettings, bin_s: float, seed: Seed) -> None:
        self._settings = settings
        self._late = steps_covering(settings.delay_s, bin_s)
        self._window = max(1, steps_covering(settings.window_s, bin_s))
        self._target: F64 = np.full(2, np.nan)
        self.restart(seed)

    def reward(self, scene: Scene) -> float:
        """1 for a window that ended better than it began, -1 for another; NaN between."""
        self._queue.append(self._judged(scene))
        return self._queue.popleft()

    def _judged(self, scene: Scene) -> float:
        if scene.event in (Event.SUCCESS, Event.FAILURE) or not _same(scene.target, self._target):
            self._target = scene.target.copy()
            self._begin(math.nan)
        if np.isnan(scene.target).any() or scene.since_onset_s < self._settings.after_s:
            return math.nan
        distance_cm = float(np.linalg.norm(scene.target - scene.position))
        if math.isnan(self._from_cm):
            self._begin(distance_cm)
            return math.nan
        self._bins_in += 1
        if self._bins_in < self._window:
            return math.nan
        better = scene.inside or distance_cm < self._from_cm
        self._begin(distance_cm)
        rightly = self._draws.random() < self._settings.accuracy
        return 1.0 if better == rightly else -1.0

    def _begin(self, distance_cm: float) -> None:
        self._from_cm, self._bins_in = distance_cm, 0

    def restart(self, seed: Seed) -> None:
        """Forget the window, and what has not been said yet."""
        self._draws = np.random.default_rng(seed)
        self._queue = deque([math.nan] * self._late)
        self._target = np.full(2, np.nan)
        self._begin(math.nan)


class Progress:
    """Differences of the distance to the target's edge."""

    def __init__(self, settings: ProgressSettings, bin_s: float) -> None:
        self._per_cm = 1 / (settings.unit_cm_s * bin_s)
        self._target: F64 = np.full(2, np.nan)
        self._before_cm = math.nan

    def reward(self, scene: Scene) -> float:
        """The way won in this bin; NaN where there is no target, or a new one."""
        fresh = scene.event in (Event.SUCCESS, Event.FAILURE)
        if fresh or not _same(scene.target, self._target):
            self._target, self._before_cm = scene.target.copy(), math.nan
        if np.isnan(scene.target).any():
            return math.nan
        way_cm = float(np.linalg.norm(scene.target - scene.position))
        edge_cm = max(way_cm - scene.radius_cm, 0.0)
        won, self._before_cm = self._before_cm - edge_cm, edge_cm
        return won * self._per_cm

    def restart(self, seed: Seed) -> None:
        """Forget the bin before; nothing is drawn."""
        self._target = np.full(2, np.nan)
        self._before_cm = math.nan


def _same(one: F64, other: F64) -> bool:
    return np.array_equal(one, other, equal_nan=True)
