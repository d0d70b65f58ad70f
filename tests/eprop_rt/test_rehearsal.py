import numpy as np
import pytest

from eprop_rt.build import Network, build_params, build_segment
from eprop_rt.config import (
    EpropSettings,
    InputScaleSettings,
    NetworkSettings,
    OnlineSettings,
    ReadoutSettings,
    RehearsalSettings,
    ScaleSettings,
)
from eprop_rt.engine import Engine
from eprop_rt.errors import EpropError
from eprop_rt.gradient import add_segment_gradient
from eprop_rt.kernels.counter import uniform
from eprop_rt.kernels.dropout import silence
from eprop_rt.memory import Memory
from eprop_rt.rehearsal import Past, Rehearsal
from eprop_rt.scale import RunningScale
from eprop_rt.structs import Objective, Weights

BIN_S = 0.05
K, N, M, LENGTH, WARM_UP = 3, 6, 2, 5, 2
ROWS = K + N + 1
NETWORK = NetworkSettings(neurons=N, tau_groups=2, input_gain=2.0, recurrent_gain=1.0)


def settings(**changes) -> RehearsalSettings:
    return RehearsalSettings(
        **{
            "steps_per_bin": LENGTH,
            "segment_s": LENGTH * BIN_S,
            "warm_up_s": WARM_UP * BIN_S,
            "segments_per_update": 4,
            "memory_s": 40 * BIN_S,
            "learning_rate": 0.01,
            **changes,
        }
    )


class Bench:
    """A rehearsal with weights, memory and scales of its own, float64."""

    def __init__(self, seed=0, **changes):
        rng = np.random.default_rng(1)
        self.settings = settings(**changes)
        self.params = build_params(NETWORK, BIN_S, np.dtype(np.float64))
        self.weights = Weights(rng.normal(0, 0.5, (ROWS, N)), rng.normal(0, 0.5, (N + 1, M)))
        np.fill_diagonal(self.weights.w[K : K + N], 0)
        self.start = Weights(*(w.copy() for w in self.weights))
        self.seed = seed
        whole = EpropSettings(network=NETWORK, rehearsal=self.settings, seed=seed, dtype="float64")
        self.rehearsal = Rehearsal(whole, Network(self.params, self.weights, None, K, M), BIN_S)
        self.memory = Memory(round(self.settings.memory_s / BIN_S), K, M)
        self.inputs = RunningScale(ScaleSettings(), K, BIN_S)
        self.targets = RunningScale(ScaleSettings(), M, BIN_S)
        self.rng = rng

    def live(self, bins, label=None):
        """Bins of random counts and labels, or of this label."""
        for _ in range(bins):
            x = self.rng.poisson(2, K).astype(np.float32)
            y = self.rng.normal(3, 2, M) if label is None else np.full(M, label)
            self.memory.append(x, y.astype(np.float32))
            self.inputs.learn_one(x)
            self.targets.learn_one(y)

    def run(self):
        past = Past(self.memory, self.inputs, self.targets)
        back = self.weights.w_out[:N]
        return self.rehearsal.run(past, back) if self.rehearsal.due(past) else 0

    def kept(self, name):
        return self.rehearsal.arrays()[name]

    def gradient_of(self, start, **objective):
        """Gradient of the segment that starts at `start`, at the present weights and scales."""
        segment = build_segment(self.params, LENGTH, K, N + 1, M)
        x, labels = self.memory.read(start, LENGTH)
        self.inputs.apply(x, segment.x)
        self.targets.apply(labels, segment.target)
        gradient = Weights(*(np.zeros_like(w) for w in self.weights))
        came = add_segment_gradient(
            self.params,
            self.weights,
            self.weights.w_out[:N],
            segment,
            Objective(warm_up=WARM_UP, **objective),
            gradient,
        )
        return gradient, came.labelled

    def unchanged(self):
        pairs = zip(self.weights, self.start, strict=True)
        return all(np.array_equal(now, start) for now, start in pairs)


def split_mix(seed, counter):
    """SplitMix64 (Steele et al. 2014) in Python's own integers, two rounds of it."""
    whole = 2**64 - 1
    x = (seed * 0xD1342543DE82EF95 + counter) & whole
    for _ in range(2):
        x = (x + 0x9E3779B97F4A7C15) & whole
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & whole
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & whole
        x ^= x >> 31
    return (x >> 11) / 2**53


def test_a_draw_is_a_function_of_seed_and_counter_alone():
    for seed in (0, 1, 7, 2**40, 2**63 - 1):
        for counter in (0, 1, 2, 999, 2**40):
            assert uniform(seed, counter) == split_mix(seed, counter)


def test_draws_are_spread_evenly_and_differ_between_seeds():
    draws = np.array([[uniform(seed, c) for c in range(2000)] for seed in (0, 1)])
    assert draws.min() >= 0
    assert draws.max() < 1
    assert np.histogram(draws[0], 10, (0, 1))[0] == pytest.approx(200, abs=60)
    assert abs(np.corrcoef(draws)[0, 1]) < 0.1
    assert abs(np.corrcoef(draws[0, 1:], draws[0, :-1])[0, 1]) < 0.1


@pytest.mark.parametrize("knees", [{}, {"error_knee": 0.5}, {"label_knee": 0.5}], ids=str)
@pytest.mark.parametrize("bins", [2 * LENGTH, 23, 57])
def test_segments_are_drawn_from_all_that_is_known_and_nothing_else(bins, knees):
    """57 bins went through a ring of 40: the oldest are gone, the newest are as near as any."""
    draws = 300
    bench = Bench(seed=3, segments_per_update=10**6, steps_per_bin=draws * LENGTH, **knees)
    bench.live(bins)
    bench.run()
    known = min(bins, 40)
    starts = [int(split_mix(3, c) * (known - LENGTH + 1)) for c in range(draws)]
    assert set(starts) == set(range(known - LENGTH + 1))
    expected = Weights(*(np.zeros_like(w) for w in bench.weights))
    labelled = 0
    for start in starts:
        gradient, labels = bench.gradient_of(start, **knees)
        labelled += labels
        expected.w[:] += gradient.w
        expected.w_out[:] += gradient.w_out
    assert np.abs(expected.w).max() > 0.1
    np.testing.assert_allclose(bench.kept("gradient.w"), expected.w, atol=1e-9)
    np.testing.assert_allclose(bench.kept("gradient.w_out"), expected.w_out, atol=1e-9)
    assert bench.kept("counts").tolist() == [draws, draws, labelled]


def test_rehearsal_waits_for_two_segments_of_past():
    bench = Bench()
    for _ in range(2 * LENGTH - 1):
        bench.live(1)
        bench.run()
    assert bench.kept("counts")[0] == 0
    bench.live(1)
    bench.run()
    assert bench.kept("counts")[0] == 1


def test_a_share_of_a_bin_that_is_no_whole_segment_is_carried_over():
    bench = Bench(steps_per_bin=0.4 * LENGTH, segments_per_update=1000)
    bench.live(2 * LENGTH)
    drawn = []
    for _ in range(10):
        bench.run()
        drawn.append(int(bench.kept("counts")[0]))
    assert drawn == [0, 0, 1, 1, 2, 2, 2, 3, 3, 4]


def test_no_steps_a_bin_is_no_rehearsal():
    bench = Bench(steps_per_bin=0)
    bench.live(40)
    for _ in range(20):
        assert bench.run() == 0
    assert bench.kept("counts")[0] == 0
    assert bench.unchanged()


@pytest.mark.parametrize("clip_norm", [1e6, 0.05])
def test_an_update_is_adam_on_the_gradient_of_the_mean_squared_error(clip_norm):
    """The bound holds for the gradient that is applied: there is none of autapses."""
    bench = Bench(seed=5, clip_norm=clip_norm)
    bench.live(30)
    moments = [np.zeros((2, *w.shape)) for w in bench.weights]
    for update in (1, 2, 3):
        starts = [int(split_mix(5, c) * 26) for c in range(4 * update - 4, 4 * update)]
        parts = [bench.gradient_of(start) for start in starts]
        labelled = sum(labels for _, labels in parts)
        assert labelled == 4 * (LENGTH - WARM_UP) * M
        total = [2 / labelled * sum(part[at] for part, _ in parts) for at in range(2)]
        np.fill_diagonal(total[0][K : K + N], 0)
        norm = np.sqrt(sum((g**2).sum() for g in total))
        assert norm > 0.05
        expected = []
        for w, raw, m in zip(bench.weights, total, moments, strict=True):
            g = raw * min(1.0, clip_norm / norm)
            m[0] = 0.9 * m[0] + 0.1 * g
            m[1] = 0.999 * m[1] + 0.001 * g * g
            step = m[0] / (1 - 0.9**update) / (np.sqrt(m[1] / (1 - 0.999**update)) + 1e-8)
            expected.append(w - 0.01 * step)
        for _ in range(4):
            assert bench.run() == 0
        for w, e in zip(bench.weights, expected, strict=True):
            np.testing.assert_allclose(w, e, rtol=0, atol=1e-9)
    assert not bench.unchanged()
    assert not np.diag(bench.weights.w[K : K + N]).any()


def test_labels_that_are_absent_carry_no_error():
    bench = Bench(segments_per_update=1)
    bench.live(20)
    bench.live(20, label=np.nan)
    some, labelled = bench.gradient_of(18)
    assert labelled == 0
    assert not some.w.any()
    assert not some.w_out.any()
    some, labelled = bench.gradient_of(17)
    assert labelled == M
    assert np.isfinite(some.w).all()
    assert some.w.any()


def test_a_past_without_a_single_label_teaches_nothing():
    bench = Bench(segments_per_update=2)
    bench.live(40, label=np.nan)
    for _ in range(20):
        assert bench.run() == 0
    assert bench.kept("counts")[0] == 20
    assert bench.kept("adam.step")[0] == 0
    assert bench.unchanged()


def test_a_gradient_that_is_not_finite_is_refused_and_told():
    bench = Bench(segments_per_update=1)
    bench.live(10)
    bench.memory.append(np.full(K, np.nan, np.float32), np.ones(M, np.float32))
    bench.live(29)
    updates, refused = 0, 0
    with np.errstate(invalid="ignore"):
        for _ in range(30):
            before = Weights(*(w.copy() for w in bench.weights))
            now = bench.run()
            changed = any((w != b).any() for w, b in zip(bench.weights, before, strict=True))
            assert changed != bool(now)
            assert all(np.isfinite(w).all() for w in bench.weights)
            updates, refused = updates + changed, refused + now
    expected = sum(6 <= int(split_mix(0, c) * 36) <= 10 for c in range(30))
    assert refused == expected > 0
    assert updates == 30 - expected > 0
    assert bench.kept("adam.step")[0] == updates


def test_averaged_weights_follow_those_that_are_rehearsed():
    """Symmetric feedback is of the weights ahead: they go where they would go alone."""
    alone, averaged = Bench(), Bench(average_updates=8)
    for bench in (alone, averaged):
        bench.live(30)
    mean, distances = averaged.start, []
    for updates in range(1, 61):
        for bench in (alone, averaged):
            for _ in range(4):
                bench.run()
        share = max(1 / 8, 1 / (1 + updates / 5))
        mean = [m + share * (w - m) for m, w in zip(mean, alone.weights, strict=True)]
        for w, expected in zip(averaged.weights, mean, strict=True):
            np.testing.assert_allclose(w, expected, rtol=0, atol=1e-12)
        distances.append(np.abs(averaged.weights.w - alone.weights.w).max())
    assert min(distances) > 1e-4
    assert not np.array_equal(averaged.weights.w, averaged.start.w)


def test_what_else_moves_averaged_weights_moves_those_ahead_by_as_much():
    bench = Bench(average_updates=8)
    bench.live(30)
    for _ in range(10):
        bench.run()
    ahead = bench.kept("ahead.w_out").copy()
    assert np.abs(ahead).max() > 1e-3
    bench.weights.w_out[:] += 0.7
    bench.run()  # no update is due
    np.testing.assert_allclose(bench.kept("ahead.w_out"), ahead, rtol=0, atol=1e-12)
    bench.rehearsal.join()
    assert not bench.kept("ahead.w_out").any()


def test_silent_inputs_are_drawn_anew_for_every_segment_and_keep_the_mean():
    total, patterns = np.zeros((LENGTH, 40)), set()
    for segment in range(400):
        x = np.arange(1.0, LENGTH + 1)[:, None] * np.ones(40)
        silence(x, 0.25, 7, segment * 40)
        silent = np.array([split_mix(7, segment * 40 + k) < 0.25 for k in range(40)])
        assert not x[:, silent].any()
        np.testing.assert_allclose(
            x[:, ~silent].T, np.tile(np.arange(1, 6) / 0.75, (sum(~silent), 1))
        )
        patterns.add(silent.tobytes())
        total += x
    assert len(patterns) == 400
    np.testing.assert_allclose(total.mean(axis=1) / 400, np.arange(1, 6), rtol=0.02)


def test_silent_inputs_are_those_of_rehearsal_alone():
    """Weights onto inputs that were silent throughout a gradient have none."""
    bench = Bench(silent_inputs=0.6, segments_per_update=10**6, steps_per_bin=LENGTH)
    bench.live(30)
    for draw in range(20):
        bench.kept("gradient.w")[:] = 0
        bench.run()
        first = 2**61 + draw * K
        silent = np.array([split_mix(0, first + k) < 0.6 for k in range(K)])
        rows = bench.kept("gradient.w")[:K]
        assert not rows[silent].any()
        if not silent.all() and rows.any():
            assert rows[~silent].any()


def eprop(**changes) -> EpropSettings:
    return EpropSettings(
        **{
            "network": NETWORK,
            "online": OnlineSettings(optimiser="sgd"),
            "readout": ReadoutSettings(rule="none"),
            "rehearsal": settings(steps_per_bin=7.3, segments_per_update=3),
            **changes,
        }
    )


def session(bins, seed=0, rate=2.0):
    rng = np.random.default_rng(seed)
    wave = np.sin(np.arange(bins)[:, None] * [0.3, 0.17])
    counts = rng.poisson(rate * np.exp(wave @ rng.normal(0, 0.7, (M, K))))
    labels = 5 * wave + 1
    labels[rng.random(bins) < 0.1] = np.nan
    return counts.astype(np.float32), labels.astype(np.float32)


def drive(engine, bins, labels):
    outputs = []
    for x, label in zip(bins, labels, strict=True):
        outputs.append(engine.predict_one(x))
        engine.learn_one(label)
        engine.rehearse()
    return np.array(outputs)


@pytest.mark.parametrize("changes", [{}, {"average_updates": 30, "silent_inputs": 0.3}])
def test_restored_in_the_middle_of_an_update_a_session_goes_on_to_the_bit(changes):
    bins, labels = session(110)
    one = eprop(rehearsal=settings(steps_per_bin=7.3, segments_per_update=3, **changes))
    whole, part = (Engine(one, K, M, BIN_S) for _ in range(2))
    drive(whole, bins[:60], labels[:60])
    taken = whole.snapshot()
    draws, segments, _ = taken["rehearsal.counts"]
    assert draws > 20
    assert segments % 3 != 0
    assert taken["rehearsal.owed"][0] % 1 > 0
    assert taken["rehearsal.gradient.w"].any()
    part.restore(taken)
    expected, came = (drive(engine, bins[60:], labels[60:]) for engine in (whole, part))
    np.testing.assert_array_equal(came, expected)
    for name, array in whole.snapshot().items():
        np.testing.assert_array_equal(part.snapshot()[name], array, err_msg=name)


def test_another_seed_draws_other_segments():
    bins, labels = session(40)
    engines = [Engine(eprop(seed=seed), K, M, BIN_S) for seed in (0, 1)]
    engines[1].restore(engines[0].snapshot())
    one, other = (drive(engine, bins, labels) for engine in engines)
    assert (one[: 2 * LENGTH] == other[: 2 * LENGTH]).all()
    assert (one[-5:] != other[-5:]).all()


def test_what_is_learned_in_rehearsal_shows_in_later_bins():
    bins, labels = session(300, rate=50.0)
    mistakes = []
    for steps_per_bin in (0.0, 40.0):
        one = eprop(
            network=NetworkSettings(neurons=16, tau_groups=2),
            inputs=InputScaleSettings(centre=True, clip=None),
            online=OnlineSettings(optimiser="none"),
            rehearsal=settings(
                steps_per_bin=steps_per_bin,
                segment_s=20 * BIN_S,
                warm_up_s=5 * BIN_S,
                memory_s=300 * BIN_S,
                segments_per_update=2,
            ),
        )
        outputs = drive(Engine(one, K, M, BIN_S), bins, labels)[150:]
        mistakes.append(np.nanmean((outputs - labels[150:]) ** 2))
    assert mistakes[1] < 0.65 * np.nanvar(labels[150:]) < 0.8 * mistakes[0]


def test_a_memory_that_the_settings_allow_is_large_enough_to_be_rehearsed():
    """Either the settings are refused, or rehearsal happens: never a silent third."""
    for bins in (LENGTH, 2 * LENGTH - 1, 2 * LENGTH):
        try:
            bench = Bench(memory_s=bins * BIN_S)
        except (EpropError, ValueError):
            continue
        bench.live(100)
        bench.run()
        assert bench.kept("counts")[0] > 0, f"a memory of {bins} bins is never rehearsed"


def test_a_warm_up_that_the_settings_allow_leaves_labels_to_learn_from():
    """In whole bins too: 0.19 of 0.2 s are two of two bins of 0.1 s."""
    try:
        rehearsal = settings(segment_s=0.2, warm_up_s=0.19)
        engine = Engine(eprop(rehearsal=rehearsal), K, M, 0.1)
    except (EpropError, ValueError):
        return
    drive(engine, *session(40))
    assert engine.snapshot()["rehearsal.adam.step"][0] > 0
