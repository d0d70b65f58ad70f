"""An actor and a critic, linear in whatever features they are given.

The actor draws the action of a bin around its mean; the critic says what is still to be earned. A
reward that differs from what the critic expected moves both along the trace of what was done:
TD(lambda), with the policy gradient of Sutton et al. 2000 and traces of Bellec et al. 2020.
"""

import math

import numpy as np

from eprop_rt.bins.grid import steps_covering
from eprop_rt.build import EPOCH, decay
from eprop_rt.config import PolicySettings
from eprop_rt.kernels import steady
from eprop_rt.kernels.actor_critic import HeadTraces, learn_head
from eprop_rt.kernels.counter import uniform
from eprop_rt.series import F64
from eprop_rt.snapshot import Arrays, named, prefixed
from eprop_rt.structs import Ints

STREAM = 0x5EED  # of the draws, apart from those of spikes and segments


class Exploration:
    """First-order autoregressive noise of variance one, from counters: what was tried is known."""

    def __init__(self, outputs: int, decay_a_bin: float, seed: int) -> None:
        self.rho = decay_a_bin
        self._fresh = math.sqrt(1 - decay_a_bin**2)
        self._seed = seed ^ STREAM
        self._noise: F64 = np.zeros(outputs)
        self._count: Ints = np.zeros(1, np.int64)
        self.score: F64 = np.zeros(outputs)  # xi / sqrt(1 - rho^2) of the newest bin

    def draw(self) -> F64:
        """The noise of the next bin (outputs,); the array itself."""
        first = 2 * int(self._count[0]) * len(self._noise)
        self._count[0] += 1
        for k in range(len(self._noise)):
            # Box and Muller 1958; 1 - u is never 0.
            radius = math.sqrt(-2 * math.log(1 - uniform(self._seed, first + 2 * k)))
            xi = radius * math.cos(2 * math.pi * uniform(self._seed, first + 2 * k + 1))
            self._noise[k] = self.rho * self._noise[k] + self._fresh * xi
            self.score[k] = xi / self._fresh
        return self._noise

    def rest(self) -> None:
        """A bin without exploration: nothing was tried."""
        self._noise[:] = 0
        self.score[:] = 0

    def restart(self) -> None:
        """Rest, and go on with draws that no bin before has had."""
        self.rest()
        self._count[0] = (int(self._count[0]) // EPOCH + 1) * EPOCH

    def arrays(self) -> Arrays:
        """The arrays themselves."""
        return {"noise": self._noise, "count": self._count, "score": self.score}


class Surprise:
    """The error of the critic: reward + gamma V(next) - V, in units of its root mean square.

    Between two rewards that came, `gamma` to the power of the bins between them discounts: a
    reward that did not come says nothing, as a window without one.
    """

    def __init__(self, gamma: float, clip: float) -> None:
        self._gamma, self._clip = gamma, clip
        self._before: F64 = np.full(1, np.nan)  # V at the reward before; NaN: none yet
        self._discount: F64 = np.ones(1)
        self._square: F64 = np.zeros(2)  # running mean square, and how many are in it

    def of(self, reward: float, value: float) -> tuple[float, float]:
        """The error in units of the reward, and in units of its root mean square; both bounded."""
        self._discount[0] *= self._gamma
        if not math.isfinite(reward):
            return 0.0, 0.0
        before = float(self._before[0])
        error = reward + float(self._discount[0]) * value - before
        self._before[0] = value
        self._discount[0] = 1
        if not math.isfinite(before):
            return 0.0, 0.0
        return self._bounded(error)

    def _bounded(self, error: float) -> tuple[float, float]:
        self._square[1] += 1
        share = max(1 / float(self._square[1]), 1e-3)
        self._square[0] += share * (error * error - self._square[0])
        size = math.sqrt(float(self._square[0]))
        if size < 1e-12:
            return 0.0, 0.0
        relative = min(max(error / size, -self._clip), self._clip)
        return relative * size, relative

    def forget(self) -> None:
        """What comes next follows from nothing that came before."""
        self._before[0] = np.nan
        self._discount[0] = 1

    def arrays(self) -> Arrays:
        """The arrays themselves."""
        return {"before": self._before, "discount": self._discount, "square": self._square}


class ActorCritic:
    """A bin is `act`, then `keep`, then `settle`: act writes nothing that is learned."""

    def __init__(
        self, settings: PolicySettings, features: int, outputs: int, bin_s: float, seed: int
    ) -> None:
        gamma = decay(settings.discount_tau_s, bin_s)
        rho = decay(settings.noise_tau_s, bin_s) if settings.noise_tau_s > 0 else 0.0
        delay = steps_covering(settings.credit_delay_s, bin_s)
        self.explores = True
        self.fades = decay(settings.trace_tau_s, bin_s)
        self.exploration = Exploration(outputs, rho, seed)
        self.w: F64 = np.zeros((features, outputs + 1))
        self.waiting = delay + 1  # slots of bins that have not joined the trace
        self._unit = settings.noise
        self._rates = np.full(outputs + 1, settings.actor_rate / features)
        self._critic_rate = settings.critic_rate / features
        self._steps: F64 = np.zeros(outputs + 1)
        self._halves = (settings.rates_halve_s or math.inf) / bin_s
        self._learned: Ints = np.zeros(1, np.int64)  # bins, in all
        self._surprise = Surprise(gamma, settings.surprise_clip)
        self._traces = HeadTraces(np.zeros_like(self.w), np.zeros(features))
        self._past: F64 = np.zeros((self.waiting, features))
        self._scores: F64 = np.zeros((self.waiting, outputs))
        self._bins: Ints = np.zeros(2, np.int64)  # kept, settled
        self._said: F64 = np.zeros(outputs + 1)
        self._learn = steady(learn_head)

    def act(self, features: F64) -> F64:
        """The action (outputs,) for features (F,): the mean, and what is tried beside it."""
        np.dot(features, self.w, out=self._said)
        action: F64 = self._unit * self._said[:-1]
        if self.explores:
            action += self._unit * self.exploration.draw()
        else:
            self.exploration.rest()
        return action

    @property
    def due(self) -> bool:
        """Whether a bin was kept that `settle` has not been told the reward of."""
        return bool(self._bins[0] > self._bins[1])

    @property
    def next_slot(self) -> int:
        """Where `keep` will put the next bin."""
        return int(self._bins[0]) % self.waiting

    def keep(self, features: F64) -> None:
        """Keep what was seen and tried in the newest bin until it joins the trace."""
        slot = self.next_slot
        self._past[slot] = features
        self._scores[slot] = self.exploration.score
        self._bins[0] += 1

    def settle(self, reward: float) -> tuple[float, int | None]:
        """Learn from the reward of the newest bin kept, NaN where none came; all from traces.

        Returns the surprise in units of its root mean square, times the share of its rate that
        learning still has, and the slot of the bin that joined the trace, None where it is too
        young.
        """
        error, surprise = self._surprise.of(reward, float(self._said[-1]))
        share = 1 / (1 + int(self._learned[0]) / self._halves)
        self._learned[0] += 1
        surprise *= share
        np.multiply(self._rates, surprise, out=self._steps)
        self._steps[-1] = self._critic_rate * share * error
        self._bins[1] += 1
        settled = int(self._bins[1])
        if settled < self.waiting:
            return surprise, None
        slot = settled % self.waiting
        decays = self.fades, self.exploration.rho
        self._learn(self.w, self._traces, self._past[slot], self._scores[slot], self._steps, decays)
        return surprise, slot

    def score(self, slot: int) -> F64:
        """What was tried in the bin in `slot` (outputs,): xi / sqrt(1 - rho^2)."""
        tried: F64 = self._scores[slot]
        return tried

    def forget(self) -> None:
        """Forget what was done: after a gap, or where learning resumes."""
        self._surprise.forget()
        for trace in self._traces:
            trace[:] = 0
        self._bins[:] = 0

    def reset(self) -> None:
        """As after a gap in the stream: exploration starts anew too."""
        self.exploration.restart()
        self.forget()

    def learned(self) -> Arrays:
        """Weights; the arrays themselves."""
        square = self._surprise.arrays()["square"]
        return {"w": self.w, "square": square, "learned": self._learned}

    def arrays(self) -> Arrays:
        """Everything that a snapshot keeps, by name; the arrays themselves, not copies."""
        return (
            {"w": self.w, "past": self._past, "scores": self._scores, "bins": self._bins}
            | {"said": self._said, "learned": self._learned}
            | prefixed("exploration", self.exploration.arrays())
            | prefixed("surprise", self._surprise.arrays())
            | named(self._traces, "traces")
        )
