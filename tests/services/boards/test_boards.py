"""BrainFlow's own boards to LSL, and from there to commands: real processes throughout."""

import gc
import socket
import subprocess
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from daemon_rig import SMALL
from eprop_rt.errors import StreamError
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
    assert 0 < min(ages) < 0.2
    # It sends a wave a channel, 5 Hz faster than that before.
    waves = np.abs(np.fft.rfft(values[:250] - values[:250].mean(axis=0), axis=0))
    assert waves.argmax(axis=0).tolist() == [5 * (c + 1) for c in range(16)]
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


def recorded_rows(seconds):
    """What the synthetic board has measured, and where its EEG is in it."""
    with Board("synthetic", Reached()) as board:
        time.sleep(seconds)
        return board.take().rows, board.rows_of("eeg")


def written(path, rows):
    from brainflow.data_filter import DataFilter

    DataFilter.write_file(np.ascontiguousarray(rows.T), str(path), "w")
    return path


def test_samples_of_one_packet_have_stamps_of_their_own(tmp_path):
    """Some boards stamp a packet and not its samples; here a file says that two came at once."""
    from brainflow.board_shim import BoardIds, BoardShim

    rows, _ = recorded_rows(1.5)
    rows = rows[: len(rows) // 2 * 2]
    at = BoardShim.get_timestamp_channel(BoardIds.SYNTHETIC_BOARD)
    rows[:, at] = rows[0, at] + np.repeat(np.arange(len(rows) // 2) / 125, 2)
    path = written(tmp_path / "pairs.csv", rows)
    with Board("playback", Reached(master="synthetic", file=str(path))) as board:
        board._shim.stop_stream()  # it has to be told before it begins
        board._shim.config_board("old_timestamps")
        board._shim.start_stream()
        end_s = time.monotonic() + PATIENCE_S
        # A file is played sample by sample: taken earlier, a pair may come in two halves.
        while board._shim.get_board_data_count() < len(rows) and time.monotonic() < end_s:
            time.sleep(0.05)
        taken = board.take()
    stamps, given = taken.stamps, taken.rows[:, at]
    assert (np.diff(given) == 0).sum() == len(rows) // 2
    assert len(stamps) == len(rows)
    np.testing.assert_allclose(np.diff(stamps), 1 / 250, atol=1e-4)


def test_a_board_that_does_not_stop_is_given_back_all_the_same():
    board = Board("synthetic", Reached())
    shim = board._shim
    shim.stop_stream()
    with pytest.raises(StreamError, match="unable to stop streaming"):
        board.__exit__()
    assert not shim.is_prepared()


def test_a_board_may_be_opened_again():
    """A session of BrainFlow's that is collected ends that of the same board."""
    with Board("synthetic", Reached()) as board:
        pass
    with Board("synthetic", Reached()) as again:
        del board
        gc.collect()
        again.take()


def test_a_file_of_brainflow_is_played(tmp_path, started, source_id):
    rows, eeg = recorded_rows(4.0)
    path = written(tmp_path / "session.csv", rows)
    started(
        "board", "--id", "playback", "--master", "synthetic", "--file", path, "--channels", "eeg",
        "--source-id", source_id,
    )  # fmt: skip
    _, _, values, _ = collected(source_id, "eeg", 100)
    recorded = rows[:, eeg]
    first = int(np.argmin(np.abs(recorded - values[0]).sum(axis=1)))
    # The file has six digits after the point, LSL single precision.
    expected = recorded[first : first + 100]
    np.testing.assert_allclose(values[:100], expected, rtol=1e-7, atol=1e-6)


def test_what_one_board_streams_another_process_receives(started, source_id):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    address = f"streaming_board://225.1.1.1:{port}"
    started(
        "board", "--id", "synthetic", "--channels", "eeg", "--streamer", address, "--source-id",
        f"{source_id}-own",
    )  # fmt: skip
    started(
        "board", "--id", "streaming", "--master", "synthetic", "--ip-address", "225.1.1.1",
        "--ip-port", port, "--channels", "eeg", "--source-id", source_id,
    )  # fmt: skip
    with ThreadPoolExecutor() as two:
        own, other = two.map(
            lambda name: collected(name, "eeg", 500), (f"{source_id}-own", source_id)
        )
    sent = {values.tobytes(): stamp for stamp, values in zip(*own[1:3], strict=True)}
    received = [(stamp, values.tobytes()) for stamp, values in zip(*other[1:3], strict=True)]
    both = [(stamp, sent[values]) for stamp, values in received if values in sent]
    assert len(both) > 250
    first = received.index(next(one for one in received if one[1] in sent))
    assert all(
        values in sent for _, values in received[first : first + len(both)]
    )  # without a hole
    np.testing.assert_allclose(*zip(*both, strict=True), rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--id", "nosuch"], "there is no board 'nosuch'"),
        (["--id", "\u00b2"], "there is no board '\u00b2'"),
        (["--id", "--5"], "there is no board '--5'"),
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
