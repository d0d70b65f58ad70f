"""Reward-based e-prop against sums over all pairs of bins, and on tasks that it must solve."""

import math

import numpy as np
import pytest

from eprop_rt.baselines.actor_critic import LinearActorCritic
from eprop_rt.config import (
    ActorCriticSettings,
    NetworkSettings,
    PolicySettings,
    RewardSettings,
    ScaleSettings,
)
from eprop_rt.reward_engine import RewardEngine

BIN_S, INPUTS, OUTPUTS = 0.02, 4, 2
ABSENT = np.full(OUTPUTS, np.nan, np.float32)
NETWORK = NetworkSettings(
    neurons=6, tau_groups=2, input_gain=2.0, recurrent_gain=1.0, readout_tau_s=0.06
)
POLICY = PolicySettings(noise_tau_s=0.06, trace_tau_s=0.1, discount_tau_s=0.4, surprise_clip=1e9)
RATE = 0.05


def engine(**changes):
    settings = {"dtype": "float64", "network": NETWORK, "policy": POLICY}
    settings |= {"learning_rate": RATE, "critic_share": 0.3}
    return RewardEngine(RewardSettings(**(settings | changes)), INPUTS, OUTPUTS, BIN_S)


def session(bins, seed=0):
    rng = np.random.default_rng(seed)
    return rng.poisson(1.5, (bins, INPUTS)).astype(np.float32), rng.normal(size=bins)


def played(decoder, bins, rewards):
    said = []
    for x, reward in zip(bins, rewards, strict=True):
        said.append(decoder.predict_one(x))
        decoder.learn_one(ABSENT)
        decoder.reward_one(reward)
    return np.array(said)


def eligibility(params, pres, psis):
    """ebar (T, P, N) of a run, from the vectors of its bins (eq. 23 to 25)."""
    alpha, kappa = params.alpha, params.kappa_e
    zb = np.zeros((pres.shape[1], len(alpha)))
    eps_a, ebar, all_of_them = np.zeros_like(zb), np.zeros_like(zb), []
    for s, psi in zip(pres, psis, strict=True):
        zb = alpha * zb + s[:, None]
        e = psi * (zb - params.beta * eps_a)
        eps_a = params.rho * eps_a + e
        ebar = kappa * ebar + params.kappa_e_in * e
        all_of_them.append(ebar.copy())
    return np.array(all_of_them)


@pytest.mark.parametrize("delay", [0, 3])
def test_synapses_follow_the_sum_over_all_that_was_done_before_every_surprise(delay):
    policy = POLICY.model_copy(update={"credit_delay_s": delay * BIN_S})
    made = engine(policy=policy)
    head, network = made._head, made._network
    rng = np.random.default_rng(5)
    head.w[:] = rng.normal(0, 0.3, head.w.shape)
    bins, rewards = session(60)
    rewards[::7] = np.nan
    w = network.weights.w.copy()
    rho, fades, gamma = (math.exp(-BIN_S / tau) for tau in (0.06, 0.1, 0.4))
    pres, psis, scores, actor, critic, squares, moved = [], [], [], [], [], [], []
    before, since = None, 1
    inputs = slice(INPUTS, INPUTS + network.neurons)
    for t in range(60):
        made.predict_one(bins[t])
        value = head.arrays()["said"][-1]
        pres.append(made._state.pre.copy())
        psis.append(made._state.psi.copy())
        scores.append(head.exploration.score.copy())
        if np.isfinite(rewards[t]):
            if before is not None:
                error = rewards[t] + gamma**since * value - before
                squares.append(error**2)
                surprise = error / math.sqrt(np.mean(squares))
                ebar = eligibility(network.params, np.array(pres), np.array(psis))
                step = np.zeros_like(w)
                for s in range(t - delay):
                    past = ebar[s - 1] if s > 0 else np.zeros_like(w)
                    one = actor[s] * (ebar[s] - rho * past) + critic[s] * ebar[s]
                    step += fades ** (t - delay - 1 - s) * one
                step[inputs][np.diag_indices(network.neurons)] = 0
                w += RATE * surprise * step
                moved.append(np.abs(step).max())
            before, since = value, 0
        since += 1
        made.learn_one(ABSENT)
        made.reward_one(rewards[t])
        np.testing.assert_allclose(network.weights.w, w, rtol=1e-7, atol=1e-9)
        # What joined the trace in this bin was carried back by the readout of now.
        if t >= delay:
            back = head.w[: network.neurons] * made._feature_scale.scale[: network.neurons, None]
            actor.append(back[:, :-1] @ scores[t - delay])
            critic.append(0.3 * back[:, -1])
    assert np.sum(pres[-1][inputs]) + np.sum(np.array(psis)) > 1  # neurons spike and are near it
    assert np.count_nonzero(np.array(moved)) > 40


def test_a_snapshot_in_mid_learning_has_the_same_future_to_the_bit():
    bins, rewards = session(80)
    one, other = engine(dtype="float32"), engine(dtype="float32")
    played(one, bins[:40], rewards[:40])
    one.predict_one(bins[40])
    one.learn_one(ABSENT)
    other.restore(one.snapshot())
    for made in (one, other):
        made.reward_one(rewards[40])
    np.testing.assert_array_equal(
        played(one, bins[41:], rewards[41:]), played(other, bins[41:], rewards[41:])
    )
    kept, same = one.snapshot(), other.snapshot()
    assert all(kept[key].tobytes() == same[key].tobytes() for key in kept)


def test_rewards_that_do_not_come_teach_nothing():
    bins, _ = session(50)
    made = engine()
    before = {key: made.snapshot()[key] for key in ("w", "head.w")}
    played(made, bins, [np.nan] * 50)
    for key, array in before.items():
        np.testing.assert_array_equal(made.snapshot()[key], array)


def test_a_bin_whose_reward_nobody_told_is_settled_as_if_none_came():
    bins, rewards = session(60)
    told, untold = engine(), engine()
    for t in range(60):
        for made in (told, untold):
            made.predict_one(bins[t])
            made.learn_one(ABSENT)
        none_came = t % 3 == 0
        told.reward_one(np.nan if none_came else rewards[t])
        if not none_came:
            untold.reward_one(rewards[t])
    # The last bin was told to both.
    kept, same = told.snapshot(), untold.snapshot()
    assert all(kept[key].tobytes() == same[key].tobytes() for key in kept)


@pytest.mark.parametrize("kind", ["network", "linear"])
def test_frozen_a_decoder_explores_nothing_and_learns_nothing(kind):
    bins, rewards = session(120)
    made = engine() if kind == "network" else linear()
    played(made, bins, rewards)
    weights = made.snapshot()["head.w"]
    made.explores = False
    runs = []
    for _ in range(2):
        made.reset()
        runs.append(np.array([made.predict_one(x) for x in bins]))
    np.testing.assert_array_equal(*runs)
    np.testing.assert_array_equal(made.snapshot()["head.w"], weights)
    made.explores = True
    made.reset()
    assert np.abs(np.array([made.predict_one(x) for x in bins]) - runs[0]).min() > 0


def linear(**policy):
    given = POLICY.model_copy(update=policy)
    settings = ActorCriticSettings(lags=1, policy=given, inputs=ScaleSettings(clip=5.0))
    return LinearActorCritic(settings, INPUTS, OUTPUTS, BIN_S)


def linear_regulator(decoder, bins, start=0.0):
    """A point that drifts, and is paid for being brought to the middle; cost by eighths."""
    rng = np.random.default_rng(1)
    where, paid = np.full(OUTPUTS, start), []
    for _ in range(bins):
        seen = np.concatenate([where, -where]).astype(np.float32)
        action = decoder.predict_one(seen)
        where = np.clip(0.9 * where + 0.1 * action + 0.05 * rng.normal(size=OUTPUTS), -3, 3)
        decoder.learn_one(ABSENT)
        decoder.reward_one(-float(where @ where))
        paid.append(float(where @ where))
    return np.array(paid).reshape(8, -1).mean(axis=1)


def test_the_linear_baseline_learns_to_bring_a_point_to_the_middle():
    made = linear(noise=1.0, noise_tau_s=0.0, actor_rate=0.02, critic_rate=0.05, surprise_clip=3.0)
    explored = linear_regulator(made, 16_000)
    made.explores = False
    made.reset()
    learned = linear_regulator(made, 4_000)
    uncontrolled = 2 * 0.05**2 / (1 - 0.9**2)  # the stationary spread of both axes
    assert learned.mean() < 0.6 * uncontrolled
    assert explored[-1] < explored[0]
