"""The work that every peer does: one network, its inputs and targets, and how figures are told.

K inputs and N leaky integrate-and-fire neurons, all to all, no autapses; two leaky readouts; e-prop
at every step (Bellec et al. 2020, Nature Communications 11:3625), plain gradient descent:

    v = ALPHA v + s W + bias - V_TH z(t-1)     z = [v > V_TH]     s = [inputs, z(t-1)]
    zb = ALPHA zb + s                          psi = PEAK max(0, 1 - |v - V_TH| / V_TH) / V_TH
    ebar = KAPPA ebar + (1 - KAPPA) zb psi     zf = KAPPA zf + (1 - KAPPA) z     y = zf Wout
    W -= eta ebar L, L = Wout (y - target)     Wout -= eta zf (y - target)
"""

import argparse
import json
import math
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import perf_counter_ns

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

ALPHA = math.exp(-1 / 20)
KAPPA = math.exp(-1 / 20)
V_TH = 1.0
PEAK = 0.3
OUTPUTS = 2
ETA = 1e-5  # small: the firing rate stays where the calibration has put it
CALIBRATION_STEPS = 3000


@dataclass(frozen=True, slots=True)
class Work:
    """How much is asked of a peer."""

    inputs: int
    neurons: int
    steps: int  # that are timed
    rate: float  # spikes a step, of inputs and of neurons
    seed: int

    @property
    def warm_up(self) -> int:
        """Steps before the timed ones."""
        return max(self.steps // 4, 100)

    @property
    def timed(self) -> range:
        """The steps that are timed."""
        return range(self.warm_up, self.warm_up + self.steps)


@dataclass(frozen=True, slots=True)
class Network:
    """Arrays that all peers start from; presynaptic-major, inputs then neurons."""

    w: Floats  # (K + N, N), diagonal of the recurrent part zero
    w_out: Floats  # (N, OUTPUTS)
    bias: Floats  # (N,), sets the firing rate
    spikes: Floats  # (warm-up and timed steps, K), 0 or 1
    targets: Floats  # (warm-up and timed steps, OUTPUTS)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a peer prints."""

    name: str
    version: str
    inputs: int
    neurons: int
    us_median: float  # a learning step
    us_p99: float | None  # none where single steps cannot be timed
    spike_rate: float  # of the neurons while timed, spikes a step
    note: str


def parser() -> argparse.ArgumentParser:
    """The arguments that all peers take."""
    made = argparse.ArgumentParser(description="Microseconds a learning step, as a line of JSON.")
    made.add_argument("--inputs", type=int, default=96)
    made.add_argument("--neurons", type=int, default=256)
    made.add_argument("--steps", type=int, default=2000)
    made.add_argument("--rate", type=float, default=0.02)
    made.add_argument("--seed", type=int, default=0)
    return made


def work_of(given: argparse.Namespace) -> Work:
    """The work asked for; pins the process to one core where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    return Work(given.inputs, given.neurons, given.steps, given.rate, given.seed)


def build_network(work: Work) -> Network:
    """Random weights and inputs, and the bias of each neuron that gives it the asked rate."""
    rng = np.random.default_rng(work.seed)
    k, n = work.inputs, work.neurons
    w = rng.standard_normal((k + n, n)) / math.sqrt(k + n)
    np.fill_diagonal(w[k:], 0.0)
    steps = work.timed.stop
    spikes = rng.random((CALIBRATION_STEPS + steps, k)) < work.rate
    bias = _calibrated_bias(w, spikes[:CALIBRATION_STEPS], work.rate)
    phase = np.arange(steps)[:, np.newaxis] / (40.0 * np.arange(1, OUTPUTS + 1))
    return Network(
        w=w.astype(np.float32),
        w_out=(rng.standard_normal((n, OUTPUTS)) / math.sqrt(n)).astype(np.float32),
        bias=bias.astype(np.float32),
        spikes=spikes[CALIBRATION_STEPS:].astype(np.float32),
        targets=np.sin(phase).astype(np.float32),
    )


def _calibrated_bias(
    w: NDArray[np.float64], spikes: NDArray[np.bool_], rate: float
) -> NDArray[np.float64]:
    """Bias (N,) at which each neuron fires `rate` spikes a step: homeostasis, gain falling."""
    n = w.shape[1]
    v, z = np.zeros(n), np.zeros(n, dtype=np.bool_)
    bias = np.full(n, 0.5 * V_TH * (1 - ALPHA))
    mean, later = np.zeros(n), len(spikes) // 2
    for t, inputs in enumerate(spikes):
        active = np.flatnonzero(np.concatenate((inputs, z)))
        v = ALPHA * v + w[active].sum(axis=0) + bias - V_TH * z
        z = v > V_TH
        bias += (0.05 if t < later else 0.005) * (1 - ALPHA) * (rate - z)
        if t >= later:
            mean += bias / (len(spikes) - later)
    return mean


def time_each(
    step: Callable[[int], object], observe: Callable[[int], object], timed: range
) -> NDArray[np.float64]:
    """Microseconds of each step(t); observe(t) after it is not timed."""
    us = np.empty(len(timed))
    for i, t in enumerate(timed):
        start = perf_counter_ns()
        step(t)
        us[i] = (perf_counter_ns() - start) / 1e3
        observe(t)
    return us


def tell(figures: Figures) -> None:
    """Print the figures as one line of JSON."""
    sys.stdout.write(json.dumps(asdict(figures)) + "\n")
