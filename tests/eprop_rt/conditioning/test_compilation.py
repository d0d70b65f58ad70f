"""Kernels of conditioning: all compiled by the warm-up, the same to the bit when loaded."""

import os
import subprocess
import sys

import pytest

SESSION = """
import hashlib, importlib, pkgutil
import numpy as np
from numba.core.dispatcher import Dispatcher
from eprop_rt import Chunk, Pipeline, StreamInfo, build_decoder, kernels
from eprop_rt.conditioning.stages import InputSettings
from eprop_rt.config import ZeroSettings
from eprop_rt.intake import channels_of
from eprop_rt.warmup import warm_up

names = [m.name for m in pkgutil.walk_packages(kernels.__path__, "eprop_rt.kernels.")]
modules = [importlib.import_module(name) for name in names]
known = {k for m in modules for k in vars(m).values() if isinstance(k, Dispatcher)}
compiled = lambda: {k.py_func.__name__: len(k.signatures) for k in known}
CHAINS = [
    ("sum", [{"kind": "channels", "keep": [1, 2, 0]},
             {"kind": "bad_channels", "window_s": 0.1},
             {"kind": "bandpass", "low_hz": 300, "high_hz": 900},
             {"kind": "regression_reference", "refit_s": 0.1},
             {"kind": "threshold_crossings", "multiple": 2, "start_s": 0.01}]),
    ("sum", [{"kind": "notch"}, {"kind": "common_average"}, {"kind": "delta", "step": 1}]),
    ("sum", [{"kind": "rectify"}, {"kind": "lowpass", "cutoff_hz": 9}]),
    ("mean", [{"kind": "spike_band_power"}, {"kind": "zscore", "least_bins": 2}]),
    ("mean", [{"kind": "band_power"}]),
    ("sum", [{"kind": "spike_events", "channels": 3, "units": 2}]),
    ("variance", [{"kind": "log_variance"}]),
]
rng, digest = np.random.default_rng(0), hashlib.sha256()
samples = np.cumsum(rng.normal(size=(4000, 5)), axis=0).astype("f4")
samples[100:120, 2] = np.nan
samples[900:1300, 1] = 4
for reduce, stages in CHAINS:
    bins = InputSettings(bin_s=0.02, reduce=reduce, conditioning=stages)
    warm_up(bins, ZeroSettings())
    before = compiled()
    info = StreamInfo("signal", 5, 4000.0)
    decoder = build_decoder(ZeroSettings(), channels_of(bins, (info,)), 2, 0.02)
    one = Pipeline(bins, info, None, decoder, 2)
    for first in range(0, 4000, 130):
        part = slice(first, first + 130)
        stamps = np.arange(first, min(first + 130, 4000)) / 4000.0
        for closed in one.close(Chunk(stamps, samples[part])):
            digest.update(closed.values.tobytes())
    assert compiled() == before, (stages, before, compiled())
print(digest.hexdigest())
"""


@pytest.mark.large
@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
def test_the_warm_up_compiles_every_stage_and_what_is_loaded_gives_the_same_bits(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    runs = [
        subprocess.run(
            [sys.executable, "-W", "error", "-c", SESSION],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        for _ in range(2)
    ]
    for run in runs:
        assert run.returncode == 0, run.stderr[-2000:]
    assert runs[0].stdout == runs[1].stdout != ""
