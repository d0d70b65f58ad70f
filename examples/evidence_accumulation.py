"""Evidence accumulation (Bellec et al. 2020, figure 4): the side that had more of seven cues.

    .venv/bin/python examples/evidence_accumulation.py [--batch 64] [--iterations 500] [--seed 1]

The cues come in the first second and the answer is asked for a second later: only the adaptation
of the thresholds reaches so far. Weights and trials are drawn as in the tutorial of NEST 3.10.
Every trial is new, so the error on a batch before its update is an honest one; when the last
four batches are below the goal, 512 more trials without learning decide.
"""

import argparse
import math
import os
import time
from typing import NamedTuple

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np

from eprop_rt.build import Real, build_params
from eprop_rt.config import NetworkSettings, RuleSettings, SurrogateSettings
from eprop_rt.gradient import TrialGradient, trial_gradient
from eprop_rt.optimiser import Adam
from eprop_rt.structs import Floats, Ints, Params, Weights

INPUTS, NEURONS, CLASSES = 40, 100, 2
CUES, CUE, GAP, DELAY, RECALL = 7, 100, 50, 1050, 150  # steps of 1 ms
TRIAL = CUES * (CUE + GAP) + DELAY + RECALL
GOAL, RATE = 0.07, 5e-3
NETWORK = NetworkSettings(
    neurons=NEURONS,
    membrane_tau_s=(0.02, 0.02),
    tau_groups=1,
    adaptation_tau_s=2.0,
    adaptation_strength=1.7 * -math.expm1(-1 / 2000) / -math.expm1(-1 / 20),
    readout_tau_s=0.02,
    refractory_s=0.004,  # four steps after that of the spike; NEST counts them as t_ref 5
    threshold=0.6,
    surrogate=SurrogateSettings(kind="triangular", height=0.3, width=1.0),
)
RULE = RuleSettings(
    loss="softmax",
    window_steps=RECALL,
    mean_over_window=True,
    feedback="given",
    rate_strength=300.0,
    rate_target=0.01,
)


class Task(NamedTuple):
    """What one training needs."""

    params: Params
    weights: Weights  # written in place by training
    feedback: Floats  # (N, M)
    rng: np.random.RandomState  # of the trials


class Trials(NamedTuple):
    """A batch."""

    inputs: Floats  # (B, T, K)
    targets: Floats  # (B, T, M) one-hot
    classes: Ints  # (B,)


def draw_task(dtype: Real, seed: int = 1) -> Task:
    """Weights in the order in which NEST draws them; the first half of the neurons is LIF."""
    rng = np.random.RandomState(seed)
    w = np.zeros((INPUTS + NEURONS, NEURONS))
    w[:INPUTS] = rng.randn(INPUTS, NEURONS) / np.sqrt(INPUTS)
    w[INPUTS:] = rng.randn(NEURONS, NEURONS) / np.sqrt(NEURONS)
    np.fill_diagonal(w[INPUTS:], 0)
    limit = np.sqrt(6 / (NEURONS + CLASSES))
    w_out = rng.uniform(-limit, limit, (NEURONS, CLASSES))
    feedback = rng.randn(NEURONS, CLASSES)
    params = build_params(NETWORK, 0.001, dtype)
    params = params._replace(beta=np.sort(params.beta))
    w, w_out, feedback = (a.astype(np.float32).astype(dtype) for a in (w, w_out, feedback))
    return Task(params, Weights(w, w_out), feedback, rng)


def draw_trials(rng: np.random.RandomState, batch: int, dtype: Real) -> Trials:
    """Cues left and right (inputs 0-9, 10-19), the call for an answer (20-29), noise (30-39)."""
    sides = rng.choice([0, 1], batch)
    shares = np.array([0.3, 0.7], np.float32)
    cues = np.stack([rng.choice([0, 1], CUES, p=shares[[s, 1 - s]]) for s in sides])
    probability = np.zeros((batch, TRIAL, INPUTS))
    for c in range(CUES):
        start = c * (GAP + CUE) + GAP
        for b in range(batch):
            first = 10 * cues[b, c]
            probability[b, start : start + CUE, first : first + 10] = 0.04
    probability[:, -RECALL:, 20:30] = 0.04
    probability[:, :, 30:] = 0.01
    spikes = (probability > rng.rand(batch, TRIAL, INPUTS)).astype(dtype)
    spikes[:, 0] = 0
    classes = (cues.sum(axis=1) > CUES // 2).astype(np.int64)
    targets = np.repeat(np.eye(CLASSES, dtype=dtype)[classes][:, None], TRIAL, axis=1)
    return Trials(spikes, targets, classes)


def error_share(came: TrialGradient, trials: Trials) -> float:
    """Share of trials in which the mean output while asked is on the wrong side."""
    answers = came.outputs[:, -RECALL:].mean(axis=1).argmax(axis=1)
    return float((answers != trials.classes).mean())


def ask(task: Task, batch: int) -> tuple[TrialGradient, float]:
    """New trials: their loss and gradient, and the share of wrong answers."""
    trials = draw_trials(task.rng, batch, task.params.alpha.dtype)
    came = trial_gradient(
        RULE, task.params, task.weights, trials.inputs, trials.targets, task.feedback
    )
    return came, error_share(came, trials)


def main() -> None:
    """Train until the validation error is below the goal, and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--iterations", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    task = draw_task(np.dtype(np.float32), given.seed)
    adam = Adam(task.weights, RATE, None, correction="rate")
    errors: list[float] = []
    start = time.perf_counter()
    for iteration in range(1, given.iterations + 1):
        came, error = ask(task, given.batch)
        errors.append(error)
        adam.update(Weights(came.w, came.w_out), 1.0, INPUTS)
        took = time.perf_counter() - start
        if iteration % 10 == 0:
            recent = np.mean(errors[-10:])
            rate_hz = 1000 * came.spikes.mean()
            print(
                f"iteration {iteration:4}   loss {came.loss:.3f}   error {recent:.3f}   "
                f"{rate_hz:.1f} Hz   {took:.0f} s",
                flush=True,
            )
        if len(errors) >= 4 and np.mean(errors[-4:]) < GOAL:
            validation = np.mean([ask(task, 64)[1] for _ in range(8)])
            print(f"iteration {iteration:4}   validation error {validation:.3f}", flush=True)
            if validation < GOAL:
                break
    print(f"{iteration} iterations of {given.batch} trials, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
