"""The Neural Data Simulator, in an environment of its own, drives the daemon and reads it back.

`make nds` builds the environment; another one is named by EPROP_RT_NDS. Skipped without.
"""

import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

import numpy as np
import pylsl
import pytest

from eprop_rt.series import StreamInfo
from eprop_rt_services.config import load_config
from eprop_rt_services.lsl_config import CONFIG_VARIABLE
from eprop_rt_services.lsl_link import LslOutlet, local_clock
from eprop_rt_services.zmq_link import ControlClient
from processes import PROGRAM, background

pytestmark = pytest.mark.live

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = Path(os.environ.get("EPROP_RT_NDS", ROOT / ".venv-nds"))
EXAMPLE = ROOT / "examples" / "neural_data_simulator"
RATE_HZ = 50.0

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
    liblsl = min((Path(pylsl.__file__).parent / "lib").glob("liblsl.so*"))
    environment = {**os.environ, "HOME": str(tmp_path), "PYLSL_LIB": str(liblsl)}
    environment.pop("PYTHONPATH", None)
    subprocess.run(
        [str(ENVIRONMENT / "bin" / "nds_post_install_config"), "--ignore-sample-data-download"],
        env=environment, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    shutil.copy(EXAMPLE / "model.py", tmp_path / ".nds" / "plugins" / "model.py")
    shutil.copy(os.environ[CONFIG_VARIABLE], tmp_path / ".nds" / "lsl.config")
    return environment


@pytest.fixture
def hand():
    """The behaviour that its centre-out task would send: a hand going round, in real time."""
    stop = threading.Event()
    with LslOutlet(StreamInfo("NDS-Behavior", 2, RATE_HZ), "CursorVelocity", "hand") as outlet:

        def move():
            at_s = local_clock()
            while not stop.is_set():
                velocity = np.array([[np.sin(2.1 * at_s), np.sin(3.4 * at_s)]], np.float32)
                outlet.push(np.array([at_s]), velocity)
                at_s += 1 / RATE_HZ
                stop.wait(max(0.0, at_s - local_clock()))

        moving = threading.Thread(target=move)
        moving.start()
        yield
        stop.set()
        moving.join()


@pytest.fixture
def started():
    """What starts a program in the background."""
    with background() as start:
        yield start


@pytest.mark.parametrize("name", ["nds.yaml", "nds_spikes.yaml"])
def test_an_example_for_the_simulator_is_a_configuration(name):
    config = load_config(str(EXAMPLE / name))
    assert config.publish.lsl_name == "NDS-Decoder"
    assert config.publish.lsl_regular


@pytest.mark.parametrize(
    ("name", "programs", "told_of"),
    [
        ("nds.yaml", ["encoder"], "NDS-SpikeRates: 190 channels at 50 Hz"),
        ("nds_spikes.yaml", ["encoder", "ephys_generator"], "NDS-SpikeEvents: 50 channels"),
    ],
)  # fmt: skip
def test_the_simulator_drives_the_daemon_and_reads_its_decoder_stream(
    home, hand, started, tmp_path, name, programs, told_of
):
    control = f"ipc://{tmp_path}/control"
    for program in programs:
        command, *arguments = program.split()
        started(
            ENVIRONMENT / "bin" / command, *arguments, env=home,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    daemon = started(
        *PROGRAM, "run", EXAMPLE / name,
        "-o", f"publish.endpoint=ipc://{tmp_path}/commands", "-o", f"control.endpoint={control}",
        stderr=subprocess.PIPE,
    )  # fmt: skip
    told = []
    for line in daemon.stderr:
        told.append(line)
        if " ready: " in line:
            break
    assert daemon.poll() is None, "".join(told)
    assert any(told_of in line for line in told), told
    done = subprocess.run(
        [str(ENVIRONMENT / "bin" / "python"), "-c", READ],
        env=home, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout)
    assert read["rate"] == RATE_HZ
    assert read["channels"] == 2
    assert len(read["stamps"]) >= 250
    assert np.median(np.diff(read["stamps"])) == pytest.approx(1 / RATE_HZ, abs=1e-4)
    with ControlClient(control) as client:
        status = client.ask("status", 10.0).status
        assert status.updates > 100
        client.ask("stop", 10.0)
    assert daemon.wait(timeout=30) == 0
