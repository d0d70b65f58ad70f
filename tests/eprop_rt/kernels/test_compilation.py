"""What is compiled now and what was compiled before compute the same, to the bit."""

import os
import subprocess
import sys

import pytest

SESSION = """
import hashlib
import numpy as np
from eprop_rt.config import EpropSettings, NetworkSettings, ReadoutSettings, RehearsalSettings
from eprop_rt.engine import Engine

settings = EpropSettings(
    network=NetworkSettings(
        neurons=256, membrane_tau_s=(0.05, 0.6), adaptation_tau_s=0.75, readout_tau_s=0.1
    ),
    readout=ReadoutSettings(rule="none"),
    rehearsal=RehearsalSettings(steps_per_bin=0),
)
engine = Engine(settings, 96, 2, 0.05)
rng, commands = np.random.default_rng(0), hashlib.sha256()
for _ in range(2000):
    commands.update(engine.predict_one(rng.poisson(1.0, 96).astype("f4")).tobytes())
    engine.learn_one(rng.normal(size=2).astype("f4"))
for array in engine.snapshot().values():
    commands.update(array.tobytes())
print(commands.hexdigest())
"""


@pytest.mark.large
def test_the_run_that_compiles_and_the_run_after_it_give_the_same_digest(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    digests = [
        subprocess.run(
            [sys.executable, "-c", SESSION], env=environment, capture_output=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert digests[0] == digests[1]
