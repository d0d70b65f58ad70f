"""The daemon as a process between a real LSL stream and a real ZeroMQ reader."""

import numpy as np
import pytest

from daemon_rig import CHANNELS, RATE_HZ, SMALL, Rig
from eprop_rt.engine import Engine
from eprop_rt.series import StreamInfo
from eprop_rt_services.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from eprop_rt_services.config import load_config
from eprop_rt_services.lsl_link import local_clock
from eprop_rt_services.recordings import Recording, Series, write_recording
from eprop_rt_services.zmq_link import CommandSubscriber, ControlClient
from processes import program

pytestmark = pytest.mark.live


@pytest.fixture
def rig(tmp_path):
    made = []

    def make(**options):
        made.append(Rig(tmp_path, **options))
        made[-1].wait_until_ready()
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_samples_in_commands_out_and_orders_obeyed(rig):
    live = rig()
    with (
        CommandSubscriber(live.commands, "decoded", now=local_clock) as reader,
        ControlClient(live.control) as client,
    ):
        reader.poll(0.1)
        live.feed(1.0)
        commands = []
        while (command := reader.poll(0.05)) is not None:
            commands.append(command)
        assert commands, "no command came"
        header = commands[-1].header
        assert (header.names, header.units, header.learning) == (("x", "y"), ("cm/s", "cm/s"), "on")
        assert header.stamps.origin_s < min(header.stamps.bin_end_s, header.stamps.published_s)
        assert header.deadline_s == pytest.approx(header.stamps.bin_end_s + 0.1)
        assert np.isfinite(commands[-1].values).all()

        status = client.ask("status", 2.0).status
        assert status.state == "running"
        assert 40 <= status.bins <= 50
        assert status.published == status.bins
        assert 0 < status.latency_ms["total"].p50 <= status.latency_ms["total"].max

        updates = [header.update_id]
        assert client.ask("freeze", 2.0).status.learning == "frozen"
        live.feed(0.5)
        frozen = newest(reader)
        assert frozen.header.learning == "frozen"
        live.feed(0.3)
        assert newest(reader).header.update_id == frozen.header.update_id >= updates[0]

        assert client.ask("thaw", 2.0).status.learning == "on"
        live.feed(0.3)
        assert newest(reader).header.update_id > frozen.header.update_id

        assert client.ask("stop", 2.0).status.state == "stopping"
    assert live.process.wait(timeout=5) == 0


def newest(reader):
    last = None
    while (command := reader.poll(0.05)) is not None:
        last = command
    return last


def test_sigterm_stops_it_cleanly_without_labels(rig):
    live = rig(labels=False)
    live.feed(0.3)
    live.process.terminate()
    assert live.process.wait(timeout=5) == 0
    assert "stopped after" in live.process.stderr.read()


def test_a_daemon_goes_on_from_a_checkpoint(rig, tmp_path):
    """Of a decoder that knows nothing but that labels lie around 42."""
    empty, path = tmp_path / "none.yaml", tmp_path / "start.npz"
    empty.write_text("")
    config = load_config(str(empty), [f"{key}={value}" for key, value in SMALL.items()])
    engine = Engine(config.decoder, CHANNELS, 2, config.bins.bin_s)
    for label in (41.9, 42.1) * 30:
        engine.study(np.ones(CHANNELS, np.float32), np.full(2, label, np.float32))
    snapshot = engine.snapshot()
    write_checkpoint(path, Checkpoint(config.decoder, config.bins, CHANNELS, 2, snapshot))
    live = rig(labels=False, arguments=("--from", str(path)))
    with CommandSubscriber(live.commands, "decoded", now=local_clock) as reader:
        reader.poll(0.1)
        live.feed(0.5)
        np.testing.assert_allclose(newest(reader).values, 42, atol=1)


def test_what_a_daemon_learned_is_kept_trained_further_and_run_again(rig, tmp_path):
    kept, further = tmp_path / "kept.npz", tmp_path / "further.npz"
    live = rig(overrides={"checkpoint.file": kept})
    live.feed(2.0)
    with ControlClient(live.control) as client:
        status = client.ask("checkpoint", 10.0).status
        assert status.events["checkpoint_written"] == 1
        assert status.state == "running"
        asked_for = read_checkpoint(kept)
        assert (asked_for.inputs, asked_for.outputs) == (CHANNELS, 2)
        assert 80 <= asked_for.arrays["memory.written"][0] <= 100
        live.feed(1.0)
        assert client.ask("status", 2.0).status.bins > 120
        client.ask("stop", 2.0)
    assert live.process.wait(timeout=10) == 0
    assert f"wrote what was learned to {kept}" in live.process.stderr.read()
    ended = read_checkpoint(kept)
    assert ended.arrays["memory.written"] > asked_for.arrays["memory.written"]
    assert [path.name for path in tmp_path.iterdir() if "unfinished" in path.name] == []

    done = program(
        "train", waves(tmp_path), "--from", kept, "--out", further, "--epochs", "60",
        "--config", tmp_path / "empty.yaml", "-o", "training.threads=1",
        *(part for key, value in SMALL.items() for part in ("-o", f"{key}={value}")),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    live.close()

    again = rig(labels=False, arguments=("--from", str(further)))
    with CommandSubscriber(again.commands, "decoded", now=local_clock) as reader:
        reader.poll(0.1)
        again.feed(0.5)
        newest(reader)
        decoded, meant = [], []
        for _ in range(80):
            again.feed(0.06)
            if (last := newest(reader)) is None:  # the machine has other things to do
                continue
            decoded.append(last.values)
            meant.append(np.sin(last.header.stamps.bin_end_s * np.array([3.0, 4.0])))
    assert len(decoded) >= 10
    for axis in range(2):
        assert np.corrcoef(np.array(decoded)[:, axis], np.array(meant)[:, axis])[0, 1] > 0.5


def waves(folder):
    """A recording of what the rig feeds, one minute of it."""
    stamps = np.arange(6000) / RATE_HZ
    wave = np.sin(stamps[:, None] * np.array([3.0, 4.0])).astype(np.float32)
    counts = np.tile(2 + wave, CHANNELS // 2)
    signal = Series(StreamInfo("binned_spikes", CHANNELS, RATE_HZ), stamps, counts)
    labels = Series(StreamInfo("velocity", 2, RATE_HZ), stamps, wave)
    path = folder / "waves.nwb"
    write_recording(path, Recording("waves", signal, labels), "a test")
    return path


def test_a_checkpoint_without_a_place_is_refused_and_the_daemon_goes_on(rig):
    live = rig()
    with ControlClient(live.control) as client:
        reply = client.ask("checkpoint", 5.0)
        assert not reply.ok
        assert "checkpoint.file=FILE" in reply.error
        live.feed(0.3)
        assert client.ask("status", 2.0).status.bins > 5


def test_a_place_that_cannot_be_written_to_is_refused_at_the_start(tmp_path):
    live = Rig(tmp_path, overrides={"checkpoint.file": tmp_path / "none" / "kept.npz"})
    try:
        _, told = live.process.communicate(timeout=60)
    finally:
        live.close()
    assert live.process.returncode == 2
    assert told.splitlines()[-1].startswith("eprop-rt: cannot write the checkpoint")
    assert "Traceback" not in told


def test_a_stream_with_another_channel_count_is_refused(tmp_path):
    live = Rig(tmp_path, overrides={"lsl.signal.channels": CHANNELS + 1})
    try:
        _, told = live.process.communicate(timeout=60)
    finally:
        live.close()
    assert live.process.returncode == 2
    line = told.strip().splitlines()[-1]
    assert f"{CHANNELS} channels" in line
    assert str(CHANNELS + 1) in line
