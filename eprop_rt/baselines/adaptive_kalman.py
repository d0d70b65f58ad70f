"""The Kalman filter that follows its model: recursive maximum likelihood with a half-life.

Sums over bins fade by a constant factor a bin, and every `refit_s` the model is the most likely one
given them (Dangi et al. 2014; with batches in place of sums: SmoothBatch, Orsborn et al. 2012).
"""

from collections import Counter

import numpy as np

from eprop_rt.baselines.kalman_cost import filter_cost
from eprop_rt.baselines.linear_gaussian import (
    Estimate,
    StateShape,
    add_bins,
    begin,
    bridged,
    fade,
    fit_model,
    no_model,
    no_sums,
    step,
)
from eprop_rt.bins.grid import steps_covering
from eprop_rt.build import steps
from eprop_rt.config import AdaptiveKalmanSettings, ScaleSettings
from eprop_rt.cost import Cost
from eprop_rt.memory import Memory
from eprop_rt.scale import RunningScale
from eprop_rt.series import F32, F64
from eprop_rt.snapshot import Arrays, copied, named, prefixed, write_back


class AdaptiveKalmanDecoder:
    """Says zero until its first fit.

    A bin is learned from once the labels around it have come, late ones included: as long as
    `label_delay_s`, `lead_s` and `bridge_s` together after it.
    """

    def __init__(
        self, settings: AdaptiveKalmanSettings, inputs: int, outputs: int, bin_s: float
    ) -> None:
        self.events: Counter[str] = Counter()
        self._shape = StateShape.of(settings, outputs, bin_s)
        self._ridge = settings.ridge
        half_life_s = settings.half_life_s
        self._keep = 1.0 if half_life_s is None else 0.5 ** (bin_s / half_life_s)
        self._every = steps(settings.refit_s, bin_s)
        self._gap = round(settings.bridge_s / bin_s)
        delay = steps_covering(settings.label_delay_s, bin_s)
        self._settled = delay + self._shape.lead + self._gap
        # For a state and the one before it, with a gap's far end beyond both.
        self._kept = self._settled + self._shape.past + self._gap + 2
        self._memory = Memory(self._kept, inputs, outputs)
        self._sums = no_sums(self._shape, inputs)
        self._model = no_model(self._shape, inputs)
        size = self._shape.size
        self._estimate = Estimate(np.zeros(size), np.zeros((size, size)))
        self._raw: F32 = np.zeros(inputs, np.float32)
        self._bin: F32 = np.zeros(inputs, np.float32)  # as the filter sees it
        self._scale = RunningScale(ScaleSettings(clip=settings.clip), inputs, bin_s)
        self._since = np.zeros(2, np.int64)  # bins since the memory was cleared; since the last fit

    def predict_one(self, x: F32) -> F64:
        """Decode one bin (inputs,); what is not finite counts as 0."""
        self._raw[:] = x
        if self._scale.clean_and_apply(self._raw, self._bin):
            self.events["input_not_finite"] += 1
        self._bin[:] = self._scale.undo(self._bin)
        followed = step(self._model, self._bin.astype(np.float64), self._estimate)
        self.events["estimate_restarted"] += not followed
        return self._estimate.s[self._shape.newest].copy()

    def learn_one(self, label: F32) -> None:
        """Keep this bin; learn from the one whose labels have all had time to come."""
        self._scale.learn_one(self._raw)
        self._memory.append(self._bin, label)
        self._since += 1
        if self._since[0] >= self._kept:
            self._add_settled()
        if self._since[1] >= self._every:
            self._since[1] = 0
            knew_nothing = not self._model.start.any()
            if fit_model(self._sums, self._ridge, self._model) and knew_nothing:
                begin(self._model, self._estimate)

    def _add_settled(self) -> None:
        shape, at = self._shape, self._kept - 1 - self._settled
        x, labels = self._memory.read(len(self._memory) - self._kept, self._kept)
        filled = bridged(labels.astype(np.float64), self._gap)
        around = slice(at - 1 - shape.past, at + shape.lead + 1)
        fade(self._sums, self._keep)
        pair = x[at - 1 : at + 1].astype(np.float64)
        add_bins(self._sums, pair, shape.states(filled[around]), follows=True)

    def relabel(self, age: int, label: F32) -> bool:
        """Give a past bin its label; False: its turn is over."""
        if age > self._settled - self._shape.lead or age >= self._since[0]:
            return False
        self._memory.relabel(age, label)
        return True

    def rehearse(self) -> None:
        """Do nothing: every past bin is in the sums already."""

    def reset(self) -> None:
        """Forget what the state was, and the bins that are not yet learned from."""
        begin(self._model, self._estimate)
        self.resume()

    def resume(self) -> None:
        """Forget the bins that are not yet learned from: others lie between them and the next."""
        self._since[0] = 0

    def cost(self) -> Cost:
        """Sums: a product an entry and fading; of a fit (two solves of S, one of K) its share."""
        channels, size = self._model.c.shape
        sums = 2 * sum(array.size for array in self._sums)
        fits = (2 / 3 * size**3 + channels**3 / 3 + 3 * channels**2 * size) / self._every
        learning = self._arrays()
        decoding = self._decoding()
        for key in decoding:
            del learning[key]
        return filter_cost(self._model, decoding, learning, sums + fits)

    def learned(self) -> Arrays:
        """Model, sums and statistics; the arrays themselves."""
        return (
            named(self._model, "model")
            | named(self._sums, "sums")
            | prefixed("scale", self._scale.arrays())
        )

    def reverted(self) -> None:
        """Nothing is under way beside what `learned` says."""

    def snapshot(self, into: Arrays | None = None) -> Arrays:
        """Model, estimate, sums and the bins that are not yet learned from."""
        return copied(self._arrays(), into)

    def restore(self, snapshot: Arrays) -> None:
        """Continue from `snapshot`."""
        write_back(snapshot, self._arrays())

    def _decoding(self) -> Arrays:
        scale = {k: a for k, a in self._scale.arrays().items() if k in ("mean", "scale")}
        filtering = named(self._model, "model") | named(self._estimate, "estimate")
        return filtering | prefixed("scale", scale)

    def _arrays(self) -> Arrays:
        return (
            self._decoding()
            | named(self._sums, "sums")
            | prefixed("scale", self._scale.arrays())
            | prefixed("memory", self._memory.arrays())
            | {"raw": self._raw, "bin": self._bin, "since": self._since}
        )
