"""Actor and critic against their formulae: traces by hand, gradients by finite differences."""

import math

import numpy as np
import pytest

from eprop_rt.actor_critic import ActorCritic, Exploration, Surprise
from eprop_rt.config import PolicySettings

BIN_S, FEATURES, OUTPUTS = 0.02, 5, 2
POLICY = PolicySettings(
    noise=3.0,
    noise_tau_s=0.06,
    actor_rate=0.1,
    critic_rate=0.02,
    trace_tau_s=0.1,
    discount_tau_s=0.4,
)


def decay(tau_s):
    return math.exp(-BIN_S / tau_s)


def drawn(bins, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(bins, FEATURES)), rng.normal(size=bins)


def head(**changes):
    made = ActorCritic(POLICY.model_copy(update=changes), FEATURES, OUTPUTS, BIN_S, seed=4)
    made.w[:] = np.random.default_rng(9).normal(0, 0.3, made.w.shape)
    return made


def played(made, features, rewards):
    """Actions (T, outputs), and weights before each bin."""
    actions, weights = [], []
    for x, reward in zip(features, rewards, strict=True):
        weights.append(made.w.copy())
        actions.append(made.act(x))
        made.keep(x)
        made.settle(reward)
    return np.array(actions), np.array(weights)


def test_exploration_has_variance_one_and_keeps_its_direction_for_its_time_constant():
    explores = Exploration(1, decay(0.1), seed=3)
    noise = np.array([explores.draw()[0] for _ in range(60_000)])
    assert noise.var() == pytest.approx(1, abs=0.06)
    for lag in (1, 5):
        correlation = np.corrcoef(noise[:-lag], noise[lag:])[0, 1]
        assert correlation == pytest.approx(decay(0.1) ** lag, abs=0.03)


def test_what_is_tried_is_a_function_of_seed_and_bin():
    one, same, other = (Exploration(2, 0.5, seed) for seed in (3, 3, 4))
    draws = [np.array([each.draw().copy() for _ in range(9)]) for each in (one, same, other)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert np.abs(draws[0] - draws[2]).min() > 0


@pytest.mark.parametrize("halves_s", [None, 10 * BIN_S])
def test_weights_follow_the_formula_of_td_lambda_and_of_the_policy_gradient(halves_s):
    features, rewards = drawn(40)
    made = head(surprise_clip=1e9, rates_halve_s=halves_s)
    rho, fades, gamma = decay(0.06), decay(0.1), decay(0.4)
    explores = Exploration(OUTPUTS, rho, seed=4)
    w = made.w.copy()
    scores, squares, before = [], [], math.nan
    _, weights = played(made, features, rewards)
    for t in range(40):
        np.testing.assert_allclose(weights[t], w, rtol=1e-10, atol=1e-12)
        explores.draw()
        scores.append(explores.score.copy())
        value = features[t] @ w[:, -1]
        if t > 0:
            error = rewards[t] + gamma * value - before
            squares.append(error**2)
            surprise = error / math.sqrt(np.mean(squares))
            share = 1.0 if halves_s is None else 1 / (1 + t / 10)
            for s in range(t):  # what was done before this bin
                past = features[s - 1] if s > 0 else np.zeros(FEATURES)
                faded = fades ** (t - 1 - s)
                fresh = features[s] - rho * past
                w[:, :-1] += share * 0.1 / FEATURES * surprise * faded * np.outer(fresh, scores[s])
                w[:, -1] += share * 0.02 / FEATURES * error * faded * features[s]
        before = value
    np.testing.assert_allclose(made.w, w, rtol=1e-10, atol=1e-12)
    assert np.abs(w - weights[0]).min() > 1e-4


def test_the_trace_is_the_gradient_of_the_likelihood_of_what_was_done():
    features, _ = drawn(12)
    made = head(trace_tau_s=1e12, discount_tau_s=1e12)
    actions, weights = played(made, features, [np.nan] * 12)
    w, rho, unit = weights[0], decay(0.06), POLICY.noise
    np.testing.assert_array_equal(made.w, w)  # no reward came

    def likelihood(w):
        off = actions / unit - features @ w[:, :-1]
        before = np.vstack([np.zeros(OUTPUTS), off[:-1]])
        return -0.5 * np.sum((off - rho * before) ** 2) / (1 - rho**2)

    trace = made.arrays()["traces.credit"]
    for f in range(FEATURES):
        for k in range(OUTPUTS):
            step = np.zeros_like(w)
            step[f, k] = 1e-5
            slope = (likelihood(w + step) - likelihood(w - step)) / 2e-5
            assert trace[f, k] == pytest.approx(slope, rel=1e-6, abs=1e-8)


def test_rewards_that_do_not_come_teach_nothing_and_the_traces_go_on():
    features, _ = drawn(30)
    made = head()
    _, weights = played(made, features, [np.nan] * 30)
    np.testing.assert_array_equal(made.w, weights[0])
    assert np.abs(made.arrays()["traces.credit"]).min() > 0
    made.settle(1.0)  # the first that comes has none to be compared with
    np.testing.assert_array_equal(made.w, weights[0])


def test_a_reward_that_is_not_finite_is_one_that_did_not_come():
    features, rewards = drawn(30)
    futures = []
    for absent in (np.nan, np.inf, -np.inf):
        given = rewards.copy()
        given[7:12] = absent
        made = head()
        played(made, features, given)
        futures.append(made.w.copy())
    np.testing.assert_array_equal(futures[0], futures[1])
    np.testing.assert_array_equal(futures[0], futures[2])
    assert np.isfinite(futures[0]).all()


def test_a_reward_after_some_bins_without_is_compared_over_all_of_them():
    surprise = Surprise(gamma=0.5, clip=10.0)
    assert surprise.of(1.0, value=3.0) == (0.0, 0.0)
    assert surprise.of(np.nan, value=7.0) == (0.0, 0.0)
    error, relative = surprise.of(2.0, value=4.0)
    assert error == pytest.approx(2.0 + 0.25 * 4.0 - 3.0 or 0.0, abs=1e-12)
    error, relative = surprise.of(2.0, value=5.0)
    assert error == pytest.approx(2.0 + 0.5 * 5.0 - 4.0)
    assert relative == pytest.approx(error / math.sqrt(0.5 * error**2))


def test_a_surprise_is_bounded_in_units_of_those_before():
    surprise = Surprise(gamma=0.0, clip=1.5)
    for reward in (0.0, *([1.0, -1.0] * 50)):
        surprise.of(reward, value=0.0)
    error, relative = surprise.of(1e9, value=0.0)
    assert relative == 1.5
    assert error < 1e9


def test_with_a_credit_delay_only_what_is_so_old_is_in_the_trace():
    features, _ = drawn(20)
    late, in_time = head(credit_delay_s=3 * BIN_S), head()
    played(late, features, [np.nan] * 20)
    played(in_time, features[:17], [np.nan] * 17)
    np.testing.assert_array_equal(late.arrays()["traces.credit"], in_time.arrays()["traces.credit"])


def test_without_exploration_the_action_is_the_mean_and_nothing_was_tried():
    features, _ = drawn(5)
    made = head()
    made.explores = False
    for x in features:
        np.testing.assert_allclose(made.act(x), POLICY.noise * (x @ made.w[:, :-1]), rtol=1e-12)
        made.keep(x)
        made.settle(np.nan)
    assert not made.arrays()["traces.credit"][:, :-1].any()
    assert made.arrays()["traces.credit"][:, -1].any()
