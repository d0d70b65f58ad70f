"""Bins that are no data: bursts over the whole array, and channels that are not there."""

import math
from collections import Counter

import numpy as np

from eprop_rt.bins.binner import Bin
from eprop_rt.guard_settings import GuardSettings
from eprop_rt.kernels import steady
from eprop_rt.kernels.guard import (
    BROUGHT_BACK,
    FAR,
    LIVING,
    Inputs,
    Limits,
    look_at_inputs,
    take_in_inputs,
)
from eprop_rt.kernels.scale import Statistics
from eprop_rt.series import F32


class ArtefactWatch:
    """Compares each bin with the running mean and deviation of its channels.

    What goes on for `artefact_longest_s` is no artefact but another array: the statistics start
    anew. Events: `guard_clip_input`, a value that is out of all reason; `guard_adapted`.
    """

    def __init__(self, settings: GuardSettings, bin_s: float, channels: int) -> None:
        self.events: Counter[str] = Counter()
        self._bin_s, self._channels = bin_s, channels
        self._inputs = Inputs(
            usual=Statistics(*(np.zeros(channels) for _ in Statistics._fields)),
            values=np.zeros(channels, np.float32),
            counts=np.zeros(3, np.int64),
        )
        self._look, self._take_in = steady(look_at_inputs), steady(take_in_inputs)
        self._admitted = False
        self._absent = 0  # channels that usually are
        self._began = self._newest = -math.inf  # bins, of the trouble there is
        self.adopt(settings)

    def adopt(self, settings: GuardSettings) -> None:
        """Go on with other thresholds."""
        self._settings = settings
        bound = min(settings.input_bound, float(np.finfo(np.float32).max))
        self._limits = Limits(settings.artefact_sigma, settings.input_sigma, bound)
        self._forget = 1 - 0.5 ** (self._bin_s / settings.usual_half_life_s)
        self._known_after = settings.usual_after_s / self._bin_s
        self._longest = settings.artefact_longest_s / self._bin_s
        self._apart = 1 + settings.artefact_hold_s / self._bin_s

    def admit(self, closed: Bin) -> tuple[F32, str | None]:
        """What the decoder may see, and why it is not that bin: `artefact`, `absent`, or None."""
        inputs = self._inputs
        self._look(closed.values, inputs, self._limits)
        cause = self._cause(closed.absent)
        self._admitted = cause is None or self._lasts(closed.index, closed.absent)
        if not self._admitted:
            return inputs.usual.mean.astype(np.float32), cause
        if inputs.counts[BROUGHT_BACK]:
            self.events["guard_clip_input"] += 1
        return inputs.values, None

    def learn_one(self) -> None:
        """Let the newest bin count for what is usual, where it was admitted."""
        if self._admitted:
            self._take_in(self._inputs, self._forget)
            self._admitted = False

    def _cause(self, absent: int) -> str | None:
        settings = self._settings
        if absent > settings.lost_share * self._channels:
            return "absent"
        if absent - self._absent > settings.absent_share * self._channels:
            return "absent"
        counts = self._inputs.counts
        if counts[FAR] <= settings.artefact_share * counts[LIVING]:
            return None
        known = self._inputs.usual.seen[0] >= self._known_after
        return "artefact" if known and counts[LIVING] >= settings.artefact_channels else None

    def _lasts(self, index: int, absent: int) -> bool:
        """Whether trouble has gone on for too long to be trouble."""
        if index - self._newest > self._apart:
            self._began = index
        self._newest = index
        if absent > self._settings.lost_share * self._channels:
            return False
        if index - self._began < self._longest:
            return False
        self._absent = absent
        self._newest = -math.inf
        for array in self._inputs.usual:
            array[:] = 0
        self.events["guard_adapted"] += 1
        return True
