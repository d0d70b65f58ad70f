"""Reward-based e-prop: a spiking network that learns from what its outputs earn, without labels.

Source: Bellec et al. 2020, Nature Communications 11:3625, "Reward-based e-prop", for actions that
are continuous.
"""

import math
from collections import Counter

import numpy as np

from eprop_rt.actor_critic import ActorCritic
from eprop_rt.aligned import aligned
from eprop_rt.build import Mask, Network, bring_to_rest, build_network, build_state
from eprop_rt.config import RewardSettings
from eprop_rt.cost import Cost, effective, share_of_zeros, size_of
from eprop_rt.kernels import steady
from eprop_rt.kernels.actor_critic import SynapseTraces, learn_synapses, presynaptic
from eprop_rt.kernels.schedules import allocate
from eprop_rt.kernels.step import forward
from eprop_rt.scale import RunningScale
from eprop_rt.series import F32, F64
from eprop_rt.snapshot import Arrays, copied, named, prefixed, write_back
from eprop_rt.structs import Floats, State, Weights


class RewardedSynapses:
    """Synapses that learn along the trace F(L ebar), behind a ring as long as the actor's."""

    def __init__(self, settings: RewardSettings, network: Network, waiting: int) -> None:
        params, n = network.params, network.neurons
        dtype, shape = params.alpha.dtype, (network.rows, network.neurons)
        adapts = bool(params.beta.any())
        self._params, self._w = params, network.weights.w
        self._rate = settings.learning_rate
        self._traces = SynapseTraces(
            zs=np.zeros(network.rows, dtype),
            zb=np.zeros((len(params.group_alpha), network.rows), dtype),
            ebar=aligned(shape, dtype),
            eps_a=aligned(shape if adapts else (0, 0), dtype),
            credit=aligned(shape, dtype),
        )
        self._pre = np.zeros((waiting, network.rows), dtype)
        self._psi = np.zeros((waiting, n), dtype)
        self._signals = np.zeros((2, n), dtype)
        self._rates = np.zeros(2, dtype)
        self._presynaptic, self._learn = steady(presynaptic), steady(learn_synapses)

    def keep(self, slot: int, state: State) -> None:
        """Keep the vectors of the newest bin until it joins the trace."""
        self._pre[slot], self._psi[slot] = state.pre, state.psi

    def learn_one(self, slot: int, surprise: float, fades: float, signals: tuple[F64, F64]) -> bool:
        """One pass: weights, then traces; False, and a bin that teaches nothing, if not finite.

        `signals` (neurons,) are L, and L that the eligibility of the bin before is taken off with.
        """
        self._signals[0], self._signals[1] = signals
        finite = bool(np.isfinite(self._signals).all())
        if not finite:
            self._signals[:] = 0
        self._rates[:] = self._rate * surprise, fades
        self._presynaptic(self._params, self._traces, self._pre[slot])
        self._learn(
            self._w, self._params, self._traces, self._psi[slot], self._signals, self._rates
        )
        return finite

    def forget(self) -> None:
        """Forget the eligibility of the past."""
        for trace in self._traces:
            trace[...] = 0

    def arrays(self) -> Arrays:
        """Everything that a snapshot keeps, by name; the arrays themselves, not copies."""
        return named(self._traces) | {"pre": self._pre, "psi": self._psi}


class RewardEngine:
    """A bin is `predict_one`, `learn_one`, `reward_one`; only the last two write what is learned.

    `explores` says whether the output is drawn around the mean or is the mean. A bin whose reward
    nobody told is settled at the next one, as if none came.
    """

    def __init__(self, settings: RewardSettings, inputs: int, outputs: int, bin_s: float) -> None:
        self.events: Counter[str] = Counter()
        network = build_network(settings.as_eprop(), inputs, outputs, bin_s)
        features = len(network.weights.w_out)
        self.settings = settings
        self._network = network
        self._state = build_state(network)
        self._input_scale = RunningScale(settings.inputs, inputs, bin_s)
        self._feature_scale = RunningScale(settings.features, features - 1, bin_s)
        self._head = ActorCritic(settings.policy, features, outputs, bin_s, settings.seed)
        self._synapses = RewardedSynapses(settings, network, self._head.waiting)
        # Read for the drive alone: this pass holds nothing back.
        self._pass = allocate.dense(network.params, inputs, network.connected, 1.0, math.inf)
        self._one = np.ones(1, network.params.alpha.dtype)
        self._forward = steady(forward)
        self._learns = settings.learning_rate > 0
        self._critic_share = settings.critic_share
        self._x = np.zeros(inputs, network.params.alpha.dtype)
        self._bin: F32 = np.zeros(inputs, np.float32)
        self._raw: F64 = np.zeros(features - 1)
        self._features: F64 = np.zeros(features)
        self._features[-1] = 1

    @property
    def explores(self) -> bool:
        """Whether it tries what it does not hold best."""
        return self._head.explores

    @explores.setter
    def explores(self, explores: bool) -> None:
        self._head.explores = explores

    def predict_one(self, x: F32) -> F64:
        """Decode one bin x (inputs,) into an action (outputs,); what is not finite counts as 0."""
        self._bin[:] = x
        if self._input_scale.clean_and_apply(self._bin, self._x):
            self.events["input_not_finite"] += 1
        network = self._network
        self._forward(network.params, network.weights, self._pass, self._one, self._state, self._x)
        self._raw[:] = self._state.features[:-1]
        self._feature_scale.apply(self._raw, self._features[:-1])
        return self._head.act(self._features)

    def learn_one(self, label: F32) -> None:
        """Keep the bin until its reward is known; labels teach nothing."""
        if self._head.due:
            self._settle(np.nan)
        self._synapses.keep(self._head.next_slot, self._state)
        self._head.keep(self._features)
        self._input_scale.learn_one(self._bin)
        self._feature_scale.learn_one(self._raw)

    def reward_one(self, reward: float) -> None:
        """Learn from the reward that came with the bin learned from last; NaN: none came."""
        if self._head.due:
            self._settle(reward)

    def _settle(self, reward: float) -> None:
        surprise, slot = self._head.settle(reward)
        if slot is None or not self._learns:
            return
        signals = self._carried_back(self._head.score(slot))
        done = self._synapses.learn_one(slot, surprise, self._head.fades, signals)
        self.events["update_refused"] += not done

    def _carried_back(self, score: F64) -> tuple[F64, F64]:
        """L_j = sum_k B_jk score_k of the actor and c_V B_jV of the critic, and the actor's past.

        B is what the readout multiplies a spike's trace by: symmetric feedback.
        """
        n, head = self._network.neurons, self._head
        back = head.w[:n] * self._feature_scale.scale[:n, None]
        actor: F64 = back[:, :-1] @ score
        return actor + self._critic_share * back[:, -1], head.exploration.rho * actor

    def relabel(self, age: int, label: F32) -> bool:
        """Labels teach nothing."""
        return False

    def rehearse(self) -> None:
        """Do nothing."""

    def reset(self) -> None:
        """Bring the network to rest, as after a gap in the stream; what it learned stays."""
        bring_to_rest(self._state)
        self._head.reset()
        self._synapses.forget()

    def resume(self) -> None:
        """Start learning again after frozen bins: their eligibility was never traced."""
        self._head.forget()
        self._synapses.forget()

    def spikes(self) -> Mask:
        """Which neurons spiked at the newest step (neurons,)."""
        fired: Mask = self._state.z > 0
        return fired

    def hears(self) -> bool:
        """Whether anything has varied at its inputs, as far as it has learned them."""
        return bool(self._input_scale.scale.any())

    def weights(self) -> Weights:
        """Copies: w (P, N) presynaptic-major, and of actor and critic (F, M + 1)."""
        head: Floats = self._head.w.copy()
        return Weights(self._network.weights.w.copy(), head)

    def cost(self) -> Cost:
        """What the newest bin took; reads only."""
        w, n, k = self._network.weights.w, self._network.neurons, len(self._x)
        pre, z = self._state.pre, self._state.z
        passes = float(6 * w.size) if self._learns else 0.0
        return Cost(
            footprint_bytes=size_of(self._decoding()),
            learning_footprint_bytes=size_of(self._arrays()) - size_of(self._decoding()),
            connection_sparsity=share_of_zeros(w),
            activation_sparsity=share_of_zeros(z),
            macs=effective(w[:k], pre[:k]) + effective(self._head.w[:-1], self._features[:-1]),
            acs=effective(w[k : k + n], pre[k : k + n]),
            learning_macs=passes + float(3 * self._head.w.size),
            learning_acs=0.0,
        )

    def learned(self) -> Arrays:
        """What learning has written, by name; the arrays themselves."""
        return (
            {"w": self._network.weights.w}
            | prefixed("head", self._head.learned())
            | prefixed("input_scale", self._input_scale.arrays())
            | prefixed("feature_scale", self._feature_scale.arrays())
        )

    def reverted(self) -> None:
        """What `learned` says was written from outside: forget the traces."""
        self.resume()

    def snapshot(self, into: Arrays | None = None) -> Arrays:
        """Copies of everything that decides the future, by name; over those `into` that fit."""
        return copied(self._arrays(), into)

    def restore(self, snapshot: Arrays) -> None:
        """Continue from `snapshot`; raises RestoreError where it belongs to another network."""
        write_back(snapshot, self._arrays())

    def _decoding(self) -> Arrays:
        scales = {"input_scale": self._input_scale, "feature_scale": self._feature_scale}
        return (
            {"w": self._network.weights.w, "head.w": self._head.w}
            | {
                f"{name}.{key}": scale.arrays()[key]
                for name, scale in scales.items()
                for key in ("mean", "scale")
            }
            | named(self._state, "state")
        )

    def _arrays(self) -> Arrays:
        return (
            {"w": self._network.weights.w, "bin": self._bin, "features": self._features}
            | {"raw": self._raw}
            | named(self._state, "state")
            | prefixed("input_scale", self._input_scale.arrays())
            | prefixed("feature_scale", self._feature_scale.arrays())
            | prefixed("head", self._head.arrays())
            | prefixed("synapses", self._synapses.arrays())
        )
