"""Pattern generation (Bellec et al. 2020, figure 3): a sum of four sines from frozen noise.

    .venv/bin/python examples/pattern_generation.py [--iterations 2000] [--as-nest] [--plot FILE]

Weights, input and target are drawn as in the tutorial of NEST 3.10, so that the losses can be
compared: the first eight agree to rounding. Then another trajectory begins, since NEST leaves out
one error (see docs/conventions.md); `--as-nest` leaves out the same one and follows it to the end.
"""

import argparse
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from eprop_rt.build import build_params
from eprop_rt.config import NetworkSettings, RuleSettings, SurrogateSettings
from eprop_rt.gradient import TrialGradient, trial_gradient
from eprop_rt.structs import Floats, Params, Weights

STEPS, SIZE, RATE = 1000, 100, 1e-4  # steps of 1 ms; inputs and neurons
LISTED = (1, 50, 100, 200, 500, 1000, 1500, 2000)
NETWORK = NetworkSettings(
    neurons=SIZE,
    adaptive_fraction=0.0,
    membrane_tau_s=(0.03, 0.03),
    tau_groups=1,
    readout_tau_s=0.03,
    threshold=0.03,
    surrogate=SurrogateSettings(kind="triangular", height=0.3, width=1.0),
)
RULE = RuleSettings(
    input_gain="one_minus_alpha", feedback="given", rate_strength=300.0, rate_target=0.01
)


class Task(NamedTuple):
    """What one training needs."""

    params: Params
    weights: Weights  # written in place by training
    feedback: Floats  # (N, M)
    inputs: Floats  # (1, T, K) the same in every iteration
    targets: Floats  # (1, T, M)


def draw_task() -> Task:
    """Weights, input and target in the order in which NEST draws them."""
    rng = np.random.RandomState(1)

    def normal(*shape: int) -> Floats:  # rounded once, then held in double precision
        return (rng.randn(*shape) / np.sqrt(SIZE)).astype(np.float32).astype(np.float64)

    w = np.concatenate([normal(SIZE, SIZE), normal(SIZE, SIZE)])
    np.fill_diagonal(w[SIZE:], 0)
    w_out, feedback = normal(SIZE, 1), normal(SIZE, 1)
    inputs = (rng.rand(STEPS, SIZE) < 0.05).astype(np.float64)
    inputs[0] = 0
    amplitudes, phases = rng.uniform(0.5, 2.0, 4), rng.uniform(0.0, 2 * np.pi, 4)
    target = np.zeros(STEPS)
    for amplitude, phase, period in zip(amplitudes, phases, (1000, 500, 333, 200), strict=True):
        turns = 2 * np.pi * (STEPS // period)
        target += amplitude * np.sin(np.linspace(phase, phase + turns, STEPS))
    target -= target[0]
    target /= np.abs(target).max()
    params = build_params(NETWORK, 0.001, np.dtype(np.float64))
    return Task(params, Weights(w, w_out), feedback, inputs[None], target[None, :, None])


def train(task: Task, as_nest: bool = False) -> Iterator[TrialGradient]:
    """Gradient descent on task.weights, one update a trial; without end."""
    last_absent = task.targets.copy()
    last_absent[:, -1] = np.nan
    missing = np.flatnonzero(task.inputs[0, 1]) if as_nest else np.zeros(0, np.int64)
    while True:
        came = trial_gradient(
            RULE, task.params, task.weights, task.inputs, task.targets, task.feedback
        )
        if len(missing):
            other = trial_gradient(
                RULE, task.params, task.weights, task.inputs, last_absent, task.feedback
            )
            came.w[missing] = other.w[missing]
        task.weights.w[:] -= RATE * came.w
        task.weights.w_out[:] -= RATE * came.w_out
        yield came


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--iterations", type=int, default=2000)
    parser.add_argument("--as-nest", action="store_true")
    parser.add_argument("--plot", metavar="FILE", help="needs matplotlib")
    given = parser.parse_args()
    task, losses, start = draw_task(), [], time.perf_counter()
    for iteration, came in enumerate(train(task, given.as_nest), start=1):
        losses.append(came.loss)
        if iteration in LISTED:
            print(f"iteration {iteration:5}   loss {came.loss:12.6f}")
        if iteration == given.iterations:
            break
    error = came.outputs - task.targets
    nmse = np.sum(error**2) / np.sum((task.targets - task.targets.mean()) ** 2)
    print(f"loss, mean of the last 200: {np.mean(losses[-200:]):.3f}")
    print(f"NMSE of the last iteration: {nmse:.5f}   ({time.perf_counter() - start:.1f} s)")
    if given.plot:
        plot(given.plot, losses, task.targets[0, :, 0], came.outputs[0, :, 0])


def plot(path: str, losses: list[float], target: Floats, output: Floats) -> None:
    """The loss of every iteration, and the last output beside its target."""
    from matplotlib import pyplot as plt  # noqa: PLC0415 - only whoever plots needs it

    _, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    left.semilogy(losses)
    left.set(xlabel="iteration", ylabel="loss")
    right.plot(target, label="target")
    right.plot(output, label="output")
    right.set(xlabel="time (ms)")
    right.legend()
    plt.savefig(path, dpi=150)
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
