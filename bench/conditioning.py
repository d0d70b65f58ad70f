"""How many times faster than real time each stage of conditioning runs, and whole chains.

    .venv/bin/python bench/conditioning.py [--seconds 2] [--rounds 5] [--chunk 300 30]

Broadband noise at 30 kHz with spikes goes through check, conditioning and binning on one core, in
chunks; by processor time, the median of all rounds. Every row holds check and binning. Then what
the regression reference costs with many channels, at 1 kHz.
"""

import argparse
import os
import time
from statistics import median

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np

from eprop_rt.conditioning.stages import InputSettings
from eprop_rt.intake import Intake
from eprop_rt.series import Chunk, StreamInfo

RATE_HZ = 30_000.0
BAND = {"kind": "bandpass", "low_hz": 300, "high_hz": 6000}
STAGES = {
    "check and binning only": [],
    "highpass, order 2": [{"kind": "highpass", "cutoff_hz": 300}],
    "bandpass, order 2": [BAND],
    "notch, 3 harmonics": [{"kind": "notch", "harmonics": 3}],
    "common_average": [{"kind": "common_average"}],
    "regression_reference": [{"kind": "regression_reference", "refit_s": 0.5}],
    "bad_channels": [{"kind": "bad_channels"}],
    "threshold_crossings": [{"kind": "threshold_crossings"}],
    "spike_band_power": [{"kind": "spike_band_power"}],
    "band_power, 2 bands": [{"kind": "band_power"}],
    "delta": [{"kind": "delta", "step": 50.0}],
    "filter, average, threshold": [
        BAND,
        {"kind": "common_average"},
        {"kind": "threshold_crossings"},
    ],
    "the same, bad_channels first": [
        {"kind": "bad_channels"},
        BAND,
        {"kind": "common_average"},
        {"kind": "threshold_crossings"},
    ],
    "filter, regression, threshold": [
        BAND,
        {"kind": "regression_reference", "refit_s": 0.5},
        {"kind": "threshold_crossings"},
    ],
}
ARRAYS = 128, 96
SLOW_HZ = 1000.0
MANY = 128, 256, 512, 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chunk", type=int, nargs="+", default=[300, 30])
    given = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    columns = [(channels, chunk) for chunk in given.chunk for channels in ARRAYS]
    took = {one: measured(*one, given) for one in columns}
    print(f"times real time at {RATE_HZ:g} Hz, one core")
    titles = [f"{channels} ch, {1000 * chunk / RATE_HZ:g} ms" for channels, chunk in columns]
    print("".join([f"{'':30}", *(f"{title:>16}" for title in titles)]))
    for name in STAGES:
        factors = [given.seconds / took[one][name] for one in columns]
        print(f"{name:30}" + "".join(f"{factor:16.1f}" for factor in factors))
    print(f"\nregression_reference at {SLOW_HZ:g} Hz, chunks of 10 ms")
    print(f"{'channels':30}{'us a sample':>16}{'longest, ms':>16}")
    for channels in MANY:
        mean_us, longest_ms = regression(channels)
        print(f"{channels:<30}{mean_us:16.1f}{longest_ms:16.1f}")


def regression(channels: int) -> tuple[float, float]:
    """Microseconds a sample, fits included, and the longest chunk, in milliseconds."""
    stamps, samples = broadband(channels, 3.0, SLOW_HZ)
    stage = {"kind": "regression_reference", "refit_s": 1.2}
    one, took = path([stage], channels, SLOW_HZ), []
    for first in range(0, len(stamps), 10):
        part = slice(first, first + 10)
        begun = time.process_time()
        for _ in one.push(Chunk(stamps[part], samples[part])):
            pass
        took.append(time.process_time() - begun)
    return 1e6 * sum(took) / len(stamps), 1e3 * max(took[1:])  # the first chunk compiles


def measured(channels: int, chunk: int, given: argparse.Namespace) -> dict[str, float]:
    """Median processor seconds of each row."""
    stamps, samples = broadband(channels, given.seconds)
    paths = {name: path(stages, channels) for name, stages in STAGES.items()}
    seconds: dict[str, list[float]] = {name: [] for name in STAGES}
    for _ in range(given.rounds + 1):  # the first compiles what has not been
        for name, one in paths.items():
            begun = time.process_time()
            for first in range(0, len(stamps), chunk):
                part = slice(first, first + chunk)
                for _ in one.push(Chunk(stamps[part], samples[part])):
                    pass
            seconds[name].append(time.process_time() - begun)
        stamps = stamps + given.seconds
    return {name: median(each[1:]) for name, each in seconds.items()}


def path(stages: list[dict[str, object]], channels: int, rate_hz: float = RATE_HZ) -> Intake:
    """The way in, with bins of 20 ms."""
    settings = InputSettings.model_validate({"bin_s": 0.02, "conditioning": stages})
    return Intake(settings, (StreamInfo("broadband", channels, rate_hz),))


def broadband(
    channels: int, seconds: float, rate_hz: float = RATE_HZ
) -> tuple[np.ndarray, np.ndarray]:
    """Noise, a slow wave that all share, and thirty spikes a second and channel."""
    rng = np.random.default_rng(0)
    rows = int(seconds * rate_hz)
    stamps = np.arange(rows) / rate_hz
    samples = rng.normal(0, 10, (rows, channels)) + 100 * np.sin(60 * stamps)[:, None]
    for channel in range(channels):
        samples[rng.integers(0, rows, int(30 * seconds)), channel] -= 150
    return stamps, samples.astype(np.float32)


if __name__ == "__main__":
    main()
