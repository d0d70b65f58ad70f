"""BrainFlow's own boards to LSL, and from there to commands: real processes throughout."""

import socket
import subprocess
import time
import uuid

import numpy as np
import pytest

from daemon_rig import SMALL
from eprop_rt_protocols.streams import StreamRequirement
from eprop_rt_services.boards.board import Board, Reached
from eprop_rt_services.lsl_link import local_clock
from eprop_rt_services.sources.live import LslSource
from eprop_rt_services.sources.settings import LslSettings
from eprop_rt_services.zmq_link import CommandSubscriber, ControlClient
from processes import PROGRAM, background, program

pytest.importorskip("brainflow", reason="BrainFlow is not installed")
pytestmark = pytest.mark.live

PATIENCE_S = 60.0


@pytest.fixture
def started():
    """What starts `eprop-rt` in the background."""
    with background(*PROGRAM) as start:
        yield start


@pytest.fixture
def source_id():
    return f"test-{uuid.uuid4().hex}"


def collected(source_id, kind, samples):
    """The first samples of a stream, and how far its stamps were from now when they came."""
    wanted = StreamRequirement(source_id=f"{source_id}-{kind}")
    settings = LslSettings(signal=wanted, wait_s=PATIENCE_S, max_age_s=5.0)
    stamps, values, ages = [], [], []
    with LslSource(settings) as source:
        info, _ = source.open()
        end_s = time.monotonic() + PATIENCE_S
        while sum(map(len, stamps)) < samples and time.monotonic() < end_s:
            for chunk in source.pull(0.1):
                stamps.append(chunk.stamps)
                values.append(chunk.samples)
                ages.append(local_clock() - chunk.stamps[-1])
    assert sum(map(len, stamps)) >= samples
    return info, np.concatenate(stamps), np.concatenate(values), ages


def test_the_synthetic_board_is_decoded_to_commands(tmp_path, started, source_id):
    started("board", "--id", "synthetic", "--channels", "eeg", "--source-id", source_id)
    (tmp_path / "empty.yaml").write_text("")
    endpoint, control = f"ipc://{tmp_path}/commands", f"ipc://{tmp_path}/control"
    settings = SMALL | {
        "bins.reduce": "rms",
        "lsl.signal.source_id": f"{source_id}-eeg",
        "lsl.signal.type": "EEG",
        "lsl.signal.channels": 16,
        "lsl.max_age_s": 5.0,
        "lsl.wait_s": PATIENCE_S,
        "publish.endpoint": endpoint,
        "control.endpoint": control,
    }
    pairs = [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]
    daemon = started("run", tmp_path / "empty.yaml", *pairs, stderr=subprocess.PIPE)
    told = []
    for line in daemon.stderr:
        told.append(line)
        if " ready: " in line:
            break
    assert daemon.poll() is None, "".join(told)
    commands = []
    with CommandSubscriber(endpoint, "decoded", now=local_clock) as reader:
        end_s = time.monotonic() + PATIENCE_S
        while len(commands) < 20 and time.monotonic() < end_s:
            if (command := reader.poll(0.1)) is not None:
                commands.append(command)
    assert len(commands) == 20
    assert all(np.isfinite(command.values).all() for command in commands)
    with ControlClient(control) as client:
        status = client.ask("status", 10.0).status
        assert status.streams[0].name == "Synthetic eeg"
        assert "off_clock" not in " ".join(status.events)
        client.ask("stop", 10.0)
    assert daemon.wait(timeout=30) == 0


def test_stamps_of_a_board_are_on_the_lsl_clock_and_channels_have_names(started, source_id):
    started("board", "--id", "synthetic", "--channels", "eeg,accel", "--source-id", source_id)
    info, stamps, values, ages = collected(source_id, "eeg", 250)
    assert info.channel_names[:3] == ("Fz", "C3", "Cz")
    assert info.units[0] == "microvolts"
    assert values.std(axis=0).min() > 0
    assert 0 < min(ages) < 0.2
    assert np.mean(np.diff(stamps)) == pytest.approx(1 / 250, rel=0.05)
    assert collected(source_id, "accel", 10)[0].channels == 3


def test_a_mark_comes_back_with_the_stamp_of_its_sample():
    with Board("synthetic", Reached()) as board:
        before_s = local_clock()
        board.mark(3.0)
        markers, end_s = (), time.monotonic() + PATIENCE_S
        while not markers and time.monotonic() < end_s:
            taken = board.take()
            markers = taken.markers
            time.sleep(0.01)
    ((stamp_s, text),) = markers
    assert text == "3"
    assert stamp_s in taken.stamps
    assert before_s - 0.05 < stamp_s < local_clock()


def test_a_file_of_brainflow_is_played(tmp_path, started, source_id):
    from brainflow.data_filter import DataFilter

    with Board("synthetic", Reached()) as board:
        time.sleep(4.0)
        rows, eeg = board.take().rows, board.rows_of("eeg")
    path = tmp_path / "session.csv"
    DataFilter.write_file(np.ascontiguousarray(rows.T), str(path), "w")
    started(
        "board", "--id", "playback", "--master", "synthetic", "--file", path, "--channels", "eeg",
        "--source-id", source_id,
    )  # fmt: skip
    _, _, values, _ = collected(source_id, "eeg", 100)
    recorded = rows[:, eeg]
    first = int(np.argmin(np.abs(recorded - values[0]).sum(axis=1)))
    np.testing.assert_allclose(values[:100], recorded[first : first + 100], atol=1e-3)


def test_what_one_board_streams_another_process_receives(started, source_id):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    address = f"streaming_board://225.1.1.1:{port}"
    started("board", "--id", "synthetic", "--streamer", address, "--source-id", f"{source_id}-own")
    started(
        "board", "--id", "streaming", "--master", "synthetic", "--ip-address", "225.1.1.1",
        "--ip-port", port, "--channels", "eeg", "--source-id", source_id,
    )  # fmt: skip
    _, stamps, values, _ = collected(source_id, "eeg", 100)
    assert values.std(axis=0).min() > 0
    assert np.median(np.diff(stamps)) == pytest.approx(1 / 250, rel=0.5)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--id", "nosuch"], "there is no board 'nosuch'"),
        (["--id", "synthetic", "--channels", "brain"], "no channels of type 'brain'"),
        (["--id", "cyton", "--serial-port", "/dev/nosuch"], "BrainFlow refused"),
        (["--id", "synthetic", "--channels", ","], "names no type"),
    ],
)
def test_a_mistake_with_a_board_is_one_line(arguments, said):
    done = program("board", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
