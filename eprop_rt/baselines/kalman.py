"""The velocity Kalman filter of the field, fitted once, offline."""

from collections import Counter

import numpy as np

from eprop_rt.baselines.kalman_cost import filter_cost
from eprop_rt.baselines.linear_gaussian import (
    Estimate,
    StateShape,
    add_bins,
    begin,
    bounded,
    bridged,
    fit_model,
    no_model,
    no_sums,
    step,
)
from eprop_rt.config import KalmanSettings
from eprop_rt.cost import Cost
from eprop_rt.series import F32, F64
from eprop_rt.snapshot import Arrays, copied, named, write_back


class KalmanDecoder:
    """Static after `fit`; says zero before (Wu et al. 2006, Kim et al. 2008)."""

    def __init__(self, settings: KalmanSettings, inputs: int, outputs: int, bin_s: float) -> None:
        self.events: Counter[str] = Counter()
        self._settings = settings
        self._shape = StateShape.of(settings, outputs, bin_s)
        self._gap = round(settings.bridge_s / bin_s)
        self._model = no_model(self._shape, inputs)
        self._mean: F64 = np.zeros(inputs)
        self._deviation: F64 = np.zeros(inputs)
        size = self._shape.size
        self._estimate = Estimate(np.zeros(size), np.zeros((size, size)))

    def fit(self, x: F32, labels: F32) -> None:
        """Fit on bins x (n, inputs) and labels (n, outputs); stays as it was on too few of them."""
        shape = self._shape
        if len(x) <= shape.lead + shape.past:
            return
        states = shape.states(bridged(labels.astype(np.float64), self._gap))
        sums = no_sums(shape, x.shape[1])
        bins = np.where(np.isfinite(x), x, 0).astype(np.float64)
        self._mean[:], self._deviation[:] = bins.mean(axis=0), bins.std(axis=0)
        within = self._bounded(bins[shape.past : len(x) - shape.lead])
        add_bins(sums, within, states, follows=False)
        fit_model(sums, self._settings.ridge, self._model)
        self.reset()

    def _bounded(self, x: F64) -> F64:
        return bounded(x, self._mean, self._deviation, self._settings.clip)

    def predict_one(self, x: F32) -> F64:
        """Decode one bin (inputs,); what is not finite counts as 0."""
        finite = np.isfinite(x)
        self.events["input_not_finite"] += not finite.all()
        seen = self._bounded(np.where(finite, x, 0).astype(np.float64))
        self.events["estimate_restarted"] += not step(self._model, seen, self._estimate)
        return self._estimate.s[self._shape.newest].copy()

    def learn_one(self, label: F32) -> None:
        """Learn nothing: the fit is offline."""

    def relabel(self, age: int, label: F32) -> bool:
        """Too late: past bins are not kept."""
        return False

    def rehearse(self) -> None:
        """Do nothing."""

    def reset(self) -> None:
        """Forget what the state was."""
        begin(self._model, self._estimate)

    def resume(self) -> None:
        """Do nothing."""

    def cost(self) -> Cost:
        """That of a filter step; nothing is learned."""
        return filter_cost(self._model, self._arrays(), {}, 0.0)

    def snapshot(self, into: Arrays | None = None) -> Arrays:
        """Model and estimate."""
        return copied(self._arrays(), into)

    def restore(self, snapshot: Arrays) -> None:
        """Continue from `snapshot`."""
        write_back(snapshot, self._arrays())

    def _arrays(self) -> Arrays:
        bounds = {"mean": self._mean, "deviation": self._deviation}
        return named(self._model, "model") | named(self._estimate, "estimate") | bounds
