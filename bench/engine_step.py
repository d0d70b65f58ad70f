"""What one bin costs in the engine, in microseconds: decode, learn, rehearse.

    .venv/bin/python bench/engine_step.py [--inputs 96] [--neurons 256] [--bins 3000]

Medians and tails of single calls, warm, on one core.
"""

import argparse
import os
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np

from eprop_rt import Engine, EpropSettings
from eprop_rt.config import NetworkSettings

BIN_S = 0.02
CALLS = ("predict_one", "learn_one", "rehearse")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=96)
    parser.add_argument("--neurons", type=int, default=256)
    parser.add_argument("--bins", type=int, default=3000)
    given = parser.parse_args()
    settings = EpropSettings(network=NetworkSettings(neurons=given.neurons))
    engine = Engine(settings, given.inputs, 2, BIN_S)
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.4, (given.bins, given.inputs)).astype(np.float32)
    labels = rng.normal(size=(given.bins, 2)).astype(np.float32)
    took = np.zeros((given.bins, len(CALLS)))
    for b in range(given.bins):
        marks = [time.perf_counter()]
        engine.predict_one(counts[b])
        marks.append(time.perf_counter())
        engine.learn_one(labels[b])
        marks.append(time.perf_counter())
        engine.rehearse()
        marks.append(time.perf_counter())
        took[b] = np.diff(marks)
    warm = took[given.bins // 2 :] * 1e6
    print(
        f"{given.inputs} inputs, {given.neurons} neurons, {settings.rehearsal.steps_per_bin:g} "
        f"rehearsed steps a bin; microseconds"
    )
    print(f"{'':12} {'median':>8} {'p99':>8} {'max':>8} {'mean':>8}")
    for name, column in zip(CALLS, warm.T, strict=True):
        p50, p99 = np.percentile(column, (50, 99))
        print(f"{name:12} {p50:8.1f} {p99:8.1f} {column.max():8.1f} {column.mean():8.1f}")


if __name__ == "__main__":
    main()
