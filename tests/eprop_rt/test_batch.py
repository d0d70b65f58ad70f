"""Many segments at once give the sum of one after the other, whoever does which part when."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from eprop_rt.batch import build_batch, in_turn, judge_batch, pull_back_batch
from eprop_rt.build import build_segment
from eprop_rt.config import RuleSettings
from eprop_rt.gradient import add_segment_gradient, rule_objective
from eprop_rt.kernels.rows import add_product, add_rows
from eprop_rt.structs import Weights
from gradient_oracle import NETWORKS, B, K, M, N, T, a_network, a_task

PENALTIES = {"rate_strength": 30.0, "rate_target": 0.1, "spike_l1": 5.0, "voltage_l2": 2.0}
SWITCHES = [
    {"through_recurrence": recurrence, "through_reset": reset}
    for recurrence, reset in itertools.product((False, True), repeat=2)
]


class Bench:
    """The oracle's task as a batch; lagged inputs where asked for, sequences cut where asked."""

    def __init__(self, rule, network="lif and alif", lags=0, steps=(T,) * B, dtype=np.float64):
        params = a_network(network)
        self.params = params._replace(
            **{
                name: value.astype(dtype) if value.dtype.kind == "f" else value
                for name, value in params._asdict().items()
                if isinstance(value, np.ndarray | np.generic)
            }
        )
        weights, inputs, targets, _ = a_task(rule, self.params)
        rng = np.random.default_rng(1)
        extra = rng.normal(0, 0.3, (lags * K, M))
        w_out = np.concatenate([weights.w_out[:N], extra, weights.w_out[N:]])
        self.weights = Weights(weights.w.astype(dtype), w_out.astype(dtype))
        self.inputs, self.targets = inputs.astype(dtype), targets.astype(dtype)
        self.steps = steps
        self.objective = rule_objective(rule, warm_up=3)
        self.feedback = self.weights.w_out[:N]

    def batch(self, room=B):
        count = len(self.steps)
        batch = build_batch(self.params, (max(room, count), T), K, self.weights.w_out)
        batch.used[0] = count
        batch.segments.x[:count], batch.segments.target[:count] = self.inputs, self.targets
        batch.segments.draw[:count, 0] = np.arange(count) * T * N
        batch.steps[:count] = self.steps
        return batch

    def at_once(self, each=in_turn, room=B):
        batch = self.batch(room)
        came = judge_batch(self.params, self.weights, batch, self.objective, each)
        gradient = pull_back_batch(
            self.params, self.weights, self.feedback, batch, self.objective, each
        )
        return came, gradient, batch

    def one_by_one(self):
        gradient = Weights(*(np.zeros_like(w) for w in self.weights))
        sums = np.zeros(3)
        for b, steps in enumerate(self.steps):
            segment = build_segment(self.params, steps, K, len(self.weights.w_out), M)
            segment.x[:], segment.target[:] = self.inputs[b, :steps], self.targets[b, :steps]
            segment.draw[0] = b * T * N
            sums += add_segment_gradient(
                self.params, self.weights, self.feedback, segment, self.objective, gradient
            )
        return sums, gradient


def many(bench, steps, seed=3):
    """The bench's sequences over and over, each time in another order of its steps."""
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(T) for _ in steps]
    bench.inputs = np.array([bench.inputs[b % B][order] for b, order in enumerate(orders)])
    bench.targets = np.array([bench.targets[b % B][order] for b, order in enumerate(orders)])
    bench.steps = steps
    return bench


def same(came, expected, tolerance):
    for one, other in zip(came, expected, strict=True):
        assert np.abs(other).max() > 1e-2
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * np.abs(other).max())


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("switches", SWITCHES)
@pytest.mark.parametrize("loss", ["squared", "softmax"])
def test_a_batch_gives_the_sum_of_its_sequences(network, switches, loss):
    bench = Bench(RuleSettings(loss=loss, **PENALTIES, **switches), network)
    came, gradient, batch = bench.at_once()
    sums, expected = bench.one_by_one()
    assert 0.05 < batch.segments.z.mean() < 0.6
    np.testing.assert_allclose(came, sums, rtol=1e-12)
    same(gradient, expected, 1e-12)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("switches", SWITCHES)
@pytest.mark.parametrize("steps", [(T,) * 9, (T, T, T, T, 1, T, T, T, 17, 17, 17, 17, T)])
def test_sequences_side_by_side_give_the_sum_of_one_after_the_other(network, switches, steps):
    bench = many(Bench(RuleSettings(**PENALTIES, **switches), network), steps)
    came, gradient, _ = bench.at_once()
    sums, expected = bench.one_by_one()
    np.testing.assert_allclose(came, sums, rtol=1e-12)
    same(gradient, expected, 1e-12)


@pytest.mark.parametrize("lags", [0, 1, 3])
def test_lagged_inputs_shorter_sequences_and_unused_room_change_nothing(lags):
    rule = RuleSettings(through_recurrence=True, through_reset=True, **PENALTIES)
    bench = Bench(rule, lags=lags, steps=(T, 11, 24))
    came, gradient, _ = bench.at_once(room=B + 4)
    sums, expected = bench.one_by_one()
    np.testing.assert_allclose(came, sums, rtol=1e-12)
    same(gradient, expected, 1e-12)


def test_in_single_precision_it_is_the_same_to_single_precision():
    rule = RuleSettings(through_recurrence=True, through_reset=True)
    single = Bench(rule, dtype=np.float32).at_once()[1]
    assert single.w.dtype == np.float32
    same(single, Bench(rule).at_once()[1], 1e-4)


def backwards(part, count):
    for index in reversed(range(count)):
        part(index)


@pytest.mark.parametrize("workers", [0, 1, 2, 5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_bits_do_not_depend_on_threads_nor_on_the_order_of_parts(workers, dtype):
    rule = RuleSettings(through_recurrence=True, through_reset=True, **PENALTIES)
    bench = many(Bench(rule, dtype=dtype), (T,) * 9)
    came, expected, _ = bench.at_once()
    with ThreadPoolExecutor(max(workers, 1)) as pool:

        def threads(part, count):
            list(pool.map(part, range(count)))

        again, gradient, _ = bench.at_once(threads if workers else backwards)
    assert again == came
    assert [g.tobytes() for g in gradient] == [g.tobytes() for g in expected]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("switches", SWITCHES[1:])
def test_a_tape_agrees_with_the_gradient_of_a_batch(network, switches):
    pytest.importorskip("torch", reason="PyTorch is not installed: no peer to compare with")
    from autograd_peer import on_tape

    rule = RuleSettings(autapses=True, **PENALTIES, **switches)
    bench = Bench(rule, network)
    bench.objective = rule_objective(rule)
    came, gradient, _ = bench.at_once()
    tape = on_tape(rule, bench.params, bench.weights, bench.inputs, bench.targets, None)
    assert came.loss / B == pytest.approx(tape.loss, rel=1e-12)
    assert came.penalty / B == pytest.approx(tape.penalty, rel=1e-12)
    same([g / B for g in gradient], [tape.w, tape.w_out], 1e-10)


@pytest.mark.parametrize("nonzero", [0, 1, 7, 8, 9, 16, 23])
def test_rows_are_added_up_however_many_coefficients_are_not_zero(nonzero):
    rng = np.random.default_rng(nonzero)
    coefficients, rows, out = np.zeros(30), rng.normal(size=(30, 5)), rng.normal(size=5)
    coefficients[rng.permutation(30)[:nonzero]] = rng.normal(size=nonzero)
    expected = out + coefficients @ rows
    add_rows(coefficients, rows, np.zeros(31, np.int64), out)
    np.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 1])
@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 8, 11])
def test_a_product_that_skips_zeros_is_the_product(share, count):
    rng = np.random.default_rng(count)
    coefficients = rng.normal(size=(30, count)).T * (rng.random((count, 30)) < share)
    rows, out = rng.normal(size=(30, 37)), rng.normal(size=(count, 37))
    expected = out + coefficients @ rows
    add_product(coefficients, rows, np.zeros(31, np.int64), out)
    np.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-12)
