"""An actor and a critic on lagged bins: the linear decoder that learns from reward alone."""

from collections import Counter

import numpy as np

from eprop_rt.actor_critic import ActorCritic
from eprop_rt.baselines.lags import ScaledLags
from eprop_rt.config import ActorCriticSettings
from eprop_rt.cost import Cost, linear_cost
from eprop_rt.series import F32, F64
from eprop_rt.snapshot import Arrays, copied, prefixed, write_back


class LinearActorCritic:
    """Mean and value are linear in lagged bins, each channel scaled, and a constant 1."""

    def __init__(
        self, settings: ActorCriticSettings, inputs: int, outputs: int, bin_s: float
    ) -> None:
        self.events: Counter[str] = Counter()
        self._lags = ScaledLags(settings.inputs, inputs, settings.lags, bin_s)
        features = len(self._lags.features)
        self._head = ActorCritic(settings.policy, features, outputs, bin_s, settings.seed)

    @property
    def explores(self) -> bool:
        """Whether it tries what it does not hold best."""
        return self._head.explores

    @explores.setter
    def explores(self, explores: bool) -> None:
        self._head.explores = explores

    def predict_one(self, x: F32) -> F64:
        """Decode one bin (inputs,) with its predecessors; what is not finite counts as 0."""
        self.events["input_not_finite"] += not self._lags.push(x)
        return self._head.act(self._lags.features)

    def learn_one(self, label: F32) -> None:
        """Keep the bin until its reward is known; labels teach nothing."""
        if self._head.due:
            self._head.settle(np.nan)
        self._head.keep(self._lags.features)
        self._lags.learn_one()

    def reward_one(self, reward: float) -> None:
        """Learn from the reward that came with the bin learned from last; NaN: none came."""
        if self._head.due:
            self._head.settle(reward)

    def relabel(self, age: int, label: F32) -> bool:
        """Labels teach nothing."""
        return False

    def rehearse(self) -> None:
        """Do nothing."""

    def reset(self) -> None:
        """Forget the lagged bins, and what was done."""
        self._lags.reset()
        self._head.reset()

    def resume(self) -> None:
        """Forget what was done before the bins that were only predicted."""
        self._head.forget()

    def cost(self) -> Cost:
        """A trace and a weight: two products each, for every weight."""
        w = self._head.w
        macs = float(3 * w.size)
        return linear_cost(w, self._lags.features, self._decoding(), self._learning(), macs)

    def learned(self) -> Arrays:
        """Weights and statistics; the arrays themselves."""
        return prefixed("head", self._head.learned()) | self._lags.learned()

    def reverted(self) -> None:
        """What `learned` says was written from outside: forget the traces."""
        self._head.forget()

    def snapshot(self, into: Arrays | None = None) -> Arrays:
        """Weights, traces, exploration, statistics and the lagged bins."""
        return copied(self._decoding() | self._learning(), into)

    def restore(self, snapshot: Arrays) -> None:
        """Continue from `snapshot`."""
        write_back(snapshot, self._decoding() | self._learning())

    def _decoding(self) -> Arrays:
        return {"head.w": self._head.w} | self._lags.decoding()

    def _learning(self) -> Arrays:
        head = prefixed("head", self._head.arrays())
        return head | self._lags.learned() | {"bin": self._lags.bin}
