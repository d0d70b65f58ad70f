"""The Neural Data Simulator, in an environment of its own, drives the daemon and reads it back.

`make nds` builds the environment; another one is named by EPROP_RT_NDS. Skipped without.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pylsl
import pytest

from eprop_rt.series import StreamInfo
from eprop_rt_services.config import load_config
from eprop_rt_services.lsl_config import CONFIG_VARIABLE, write_loopback_config
from eprop_rt_services.lsl_link import LslOutlet, local_clock
from eprop_rt_services.zmq_link import ControlClient

pytestmark = pytest.mark.live

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = Path(os.environ.get("EPROP_RT_NDS", ROOT / ".venv-nds"))
EXAMPLE = ROOT / "examples" / "neural_data_simulator"
SESSION = "neural-data-simulator"

# With the simulator's own reader, as its centre-out task has it.
READ = """
import json, time
from neural_data_simulator.core.inputs.lsl_input import LSLInput
stream = LSLInput("NDS-Decoder", 60.0)
stream.connect()
rate = stream.get_info().sample_rate
stamps, shape, end = [], None, time.monotonic() + 60
while len(stamps) < 250 and time.monotonic() < end:
    samples = stream.read()
    if len(samples):
        stamps += samples.timestamps.tolist()
        shape = samples.data.shape[1]
    time.sleep(0.02)
print(json.dumps({"rate": rate, "channels": shape, "stamps": stamps}))
"""


@pytest.fixture
def home(tmp_path):
    """What its installer makes, without sample data, and with our population as its model."""
    if not (ENVIRONMENT / "bin" / "encoder").exists():
        pytest.skip(
            f"the Neural Data Simulator is not in {ENVIRONMENT}: run make nds, or name its "
            "environment in EPROP_RT_NDS"
        )
    configuration = tmp_path / "lsl.cfg"
    write_loopback_config(configuration, session_id=f"{SESSION}-{os.getpid()}")
    (liblsl,) = {
        path.resolve() for path in (Path(pylsl.__file__).parent / "lib").glob("liblsl.so*")
    }
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "PYLSL_LIB": str(liblsl),
        CONFIG_VARIABLE: str(configuration),
    }
    subprocess.run(
        [str(ENVIRONMENT / "bin" / "nds_post_install_config"), "--ignore-sample-data-download"],
        env=environment, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    shutil.copy(EXAMPLE / "model.py", tmp_path / ".nds" / "plugins" / "model.py")
    shutil.copy(configuration, tmp_path / ".nds" / "lsl.config")
    return environment
