"""One gradient of a batch by backpropagation through time, here and in PyTorch.

    .venv/bin/python bench/bptt.py [--batch 32] [--steps 60] [--neurons 256] [--threads 2]

The same network (half LIF, half adaptive), weights, inputs and targets in float32, on the same
number of threads, in turns, in one process: forward, squared error, gradients of all weights.
PyTorch runs the batch as one vectorised step after the other under autograd, with the drive of all
inputs as one product before them. Both gradients are compared before anything is timed. Then
what the time goes into, and what bounds it. `make torch` installs PyTorch.
"""

import argparse
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import torch

from eprop_rt.batch import Each, build_batch, judge_batch, pull_back_batch
from eprop_rt.build import Network, build_network
from eprop_rt.config import EpropSettings, NetworkSettings
from eprop_rt.kernels.batch import Batch
from eprop_rt.structs import Objective, Weights

BIN_S, OUTPUTS, WARM_UP, ROUNDS = 0.05, 2, 15, 25
OBJECTIVE = Objective(warm_up=WARM_UP, through_recurrence=True, through_reset=True)


class Ours:
    """The batch's gradient, as `eprop-rt train` computes it."""

    def __init__(self, network: Network, batch: Batch, each: Each) -> None:
        self._network, self._batch, self._each = network, batch, each

    def forward(self) -> None:
        """Run and judge."""
        network = self._network
        judge_batch(network.params, network.weights, self._batch, OBJECTIVE, self._each)

    def backward(self) -> Weights:
        """All gradients."""
        network = self._network
        feedback = network.weights.w_out[: network.neurons]
        return pull_back_batch(
            network.params, network.weights, feedback, self._batch, OBJECTIVE, self._each
        )

    def gradient(self) -> Weights:
        """Both."""
        self.forward()
        return self.backward()


class Spike(torch.autograd.Function):
    """A step with the triangular pseudo-derivative."""

    @staticmethod
    def forward(ctx: Any, u: Any) -> Any:
        """1 above the threshold."""
        ctx.save_for_backward(u)
        return (u > 0).to(u.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        """0.3 max(0, 1 - |u|)."""
        (u,) = ctx.saved_tensors
        return gradient * (0.3 * torch.clamp(1 - u.abs(), min=0))


class Peer:
    """The same in PyTorch."""

    def __init__(self, network: Network, batch: Batch) -> None:
        p, w = network.params, network.weights
        k, n = network.inputs, network.neurons
        self._alpha, self._rho, self._beta = map(torch.tensor, (p.alpha, p.rho, p.beta))
        self._kappa = float(p.kappa)
        parts = (w.w[:k], w.w[k : k + n], w.w[k + n], w.w_out[:n], w.w_out[n])
        self._leaves = [torch.tensor(part, requires_grad=True) for part in parts]
        self._x = torch.tensor(batch.segments.x)
        self._target = torch.tensor(batch.segments.target)

    def gradient(self) -> Weights:
        """Forward, loss, and all gradients."""
        w_in, w_rec, bias, w_out, offset = self._leaves
        sequences, steps, inputs = self._x.shape
        drive = (self._x.reshape(-1, inputs) @ w_in + bias).view(sequences, steps, -1).unbind(1)
        v, a, z, filtered = (torch.zeros(sequences, len(bias)) for _ in range(4))
        features = []
        for t in range(steps):
            v = self._alpha * v + drive[t] + z @ w_rec - z
            a = self._rho * a + z
            z = Spike.apply(v - 1 - self._beta * a)
            filtered = self._kappa * filtered + (1 - self._kappa) * z
            features.append(filtered)
        y = torch.stack(features, 1) @ w_out + offset
        loss = 0.5 * ((y - self._target)[:, WARM_UP:] ** 2).sum()
        of = [g.numpy() for g in torch.autograd.grad(loss, self._leaves)]
        w = np.concatenate([of[0], of[1], of[2][None]])
        return Weights(w, np.concatenate([of[3], of[4][None]]))


def main() -> None:
    """Compare, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--inputs", type=int, default=96)
    parser.add_argument("--neurons", type=int, default=256)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    settings = EpropSettings(network=NetworkSettings(neurons=given.neurons))
    network = build_network(settings, given.inputs, OUTPUTS, BIN_S)
    batch = build_batch(
        network.params, (given.batch, given.steps), given.inputs, network.weights.w_out
    )
    rng = np.random.default_rng(0)
    batch.segments.x[:] = rng.poisson(0.7, batch.segments.x.shape)
    batch.segments.target[:] = rng.normal(size=batch.segments.target.shape)
    with ThreadPoolExecutor(given.threads) as pool:

        def each(part: Callable[[int], None], count: int) -> None:
            list(pool.map(part, range(count)))

        ours, peer = Ours(network, batch, each), Peer(network, batch)
        off = difference(network, ours.gradient(), peer.gradient())
        seconds = timed(
            {
                "here": ours.gradient,
                "PyTorch": peer.gradient,
                "forward": ours.forward,
                "adjoint and sums": ours.backward,
            }
        )
    print(
        f"{given.batch} sequences of {given.steps} steps, {given.inputs} inputs, {given.neurons} "
        f"neurons, {given.threads} threads, float32; spikes a step "
        f"{batch.segments.z.mean():.3f}; gradients differ by {off:.0e} of their largest value"
    )
    for name, of in seconds.items():
        print(f"{name:18} median {1e3 * np.median(of):7.2f} ms, fastest {1e3 * min(of):7.2f} ms")
    pairs = np.array(seconds["PyTorch"]) / np.array(seconds["here"])
    fastest = min(seconds["PyTorch"]) / min(seconds["here"])
    print(f"PyTorch takes {np.median(pairs):.1f} times as long (median), {fastest:.1f} (fastest)")
    print(bound(given, min(seconds["forward"]), min(seconds["adjoint and sums"])))


def difference(network: Network, mine: Weights, its: Weights) -> float:
    """Largest difference over the largest value; autapses are of no interest."""
    k, n = network.inputs, network.neurons
    for one in (mine, its):
        np.fill_diagonal(one.w[k : k + n], 0)
    off = max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(mine, its, strict=True))
    if off > 1e-3:
        raise SystemExit(f"the gradients differ by {off:.1e}: they are not of the same network")
    return off


def timed(calls: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Seconds of each call, in turns, so that what else the machine does falls on all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return {name: of[2:] for name, of in seconds.items()}


def bound(given: argparse.Namespace, forward_s: float, backward_s: float) -> str:
    """Where the time goes, and what limits the largest part."""
    flop = 2 * given.batch * given.steps * given.neurons**2
    share = forward_s / (forward_s + backward_s)
    return (
        f"here {share:.0%} is forward, {1 - share:.0%} adjoint and sums; the one dense product, of "
        f"the adjoint with the recurrent weights, is {flop / 1e9:.2f} GFLOP of it: with the sums, "
        f"at least {flop / backward_s / given.threads / 1e9:.0f} GFLOP/s a thread. That product is "
        "bounded by multiply-adds, sums over spikes and the rest by loads from the second cache; "
        "PyTorch is bounded by some fifty small operations a step"
    )


if __name__ == "__main__":
    main()
