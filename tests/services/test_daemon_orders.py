"""Everything that a daemon can be told while it runs, and that a replay knows of it."""

import re
import socket
import threading
import urllib.request

import numpy as np
import pytest
import pyxdf
import zmq

from daemon_rig import CHANNELS, Rig, replayed
from eprop_rt.errors import StreamError
from eprop_rt.series import MarkerChunk
from eprop_rt_protocols.control import ControlRequest, LabelSpan, decode_reply, encode_request
from eprop_rt_services.journal.events import End, Noted
from eprop_rt_services.journal.folder import JournalFolder
from eprop_rt_services.journal.reader import entries
from eprop_rt_services.journal.segment import COMMANDS
from eprop_rt_services.lsl_link import local_clock, marker_outlet
from eprop_rt_services.sources.live import LslSource
from eprop_rt_services.sources.settings import LslSettings
from eprop_rt_services.zmq_link import CommandSubscriber, ControlClient
from wire_material import until

pytestmark = pytest.mark.live


@pytest.fixture
def rig(tmp_path):
    made = []

    def make(ready=True, **overrides):
        made.append(Rig(tmp_path, overrides={"journal.folder": tmp_path / "s", **overrides}))
        if ready:
            made[-1].wait_until_ready()
        return made[-1]

    yield make
    for one in made:
        one.close()


def ended(live):
    live.ask("stop")
    assert live.process.wait(timeout=20) == 0


def test_settings_labels_and_a_rollback_are_obeyed_and_replayed(rig, tmp_path):
    live = rig(**{"guard.good_every_s": 0.5})
    live.feed(1.5)
    with ControlClient(live.control) as client:
        rate = {"decoder.online.learning_rate": 0.0005, "decoder.rehearsal.steps_per_bin": 7.0}
        assert client.ask("set", 5.0, settings=rate).ok
        refused = client.ask("set", 5.0, settings={"decoder.online.learnin_rate": 0.1})
        assert not refused.ok
        assert "did you mean decoder.online.learning_rate" in refused.error
        live.feed(0.5)
        span = LabelSpan(from_s=live.at_s - 0.3, to_s=live.at_s - 0.1, values=(0.5, -0.5))
        assert client.ask("relabel", 5.0, labels=span).ok
        wrong = LabelSpan(from_s=live.at_s - 0.3, to_s=live.at_s - 0.1, values=(0.5,))
        assert not client.ask("relabel", 5.0, labels=wrong).ok
        live.feed(0.5)
        assert client.ask("rollback", 5.0).ok
        live.feed(0.5)
        status = client.ask("status", 5.0).status
        assert status.guard.counters["guard_rollback_order"] == 1
        assert set(status.latency_ms) == {
            "transport", "binning", "decode", "publish", "total", "learn"
        }  # fmt: skip
        assert [stream.role for stream in status.streams] == ["signal", "labels"]
    ended(live)
    figures = replayed(tmp_path / "s")
    assert figures["identical"]
    assert figures["segments"][0]["commands"] > 100


def test_markers_pause_and_resume_learning(rig, tmp_path):
    markers = marker_outlet("task", f"task-{tmp_path.name}")
    with markers:
        live = rig(
            **{
                "lsl.markers.source_id": f"task-{tmp_path.name}",
                "lsl.freeze_on": "[pause]",
                "lsl.thaw_on": "[go]",
            }
        )
        live.feed(0.5)
        for text, learning, cause in (("pause", "frozen", "marker"), ("go", "on", "")):
            markers.mark(local_clock(), "of no consequence")
            markers.mark(local_clock(), text)
            for _ in range(100):
                live.feed(0.05)
                status = live.ask("status").status
                if status.learning == learning:
                    break
            assert (status.learning, status.learning_cause) == (learning, cause)
        ended(live)
    assert replayed(tmp_path / "s")["identical"]


def test_old_data_hold_the_output_until_it_has_caught_up(rig, tmp_path):
    live = rig(**{"lsl.when_old": "hold", "lsl.max_age_s": 0.3})
    live.feed(1.0)
    with CommandSubscriber(live.commands, "decoded", now=lambda: 0.0) as reader:
        reader.poll(0.1)
        for behind_s, expected in ((0.6, "held"), (0.0, "decoded"), (0.6, "held")):
            live.at_s = max(live.at_s, local_clock() - behind_s)
            live.lag_s = behind_s
            states = []
            for _ in range(100):
                live.feed(0.05)
                while (command := reader.poll(0.0)) is not None:
                    states.append(command.header.output)
                if states and states[-1] == expected:
                    break
            assert states[-1] == expected
    ended(live)
    assert replayed(tmp_path / "s")["identical"]


def test_a_stop_is_obeyed_while_the_streams_are_looked_for(rig):
    live = rig(ready=False, **{"lsl.signal.source_id": "nobody-sends-this", "lsl.wait_s": "600"})
    for _ in range(100):
        try:
            status = live.ask("status", 0.5).status
        except StreamError:
            continue
        break
    assert status.state == "starting"
    assert not live.ask("freeze").ok
    live.ask("stop")
    assert live.process.wait(timeout=20) == 0


def test_a_stop_wins_over_a_flood_and_at_most_one_more_command_goes_out(rig, tmp_path):
    live, ended = rig(), threading.Event()
    question = encode_request(ControlRequest(version=2, request_id="q", verb="status"))
    came, answered = [], []

    def feed():
        while not ended.is_set():
            live.feed(0.1)

    def flood():
        with zmq.Context() as context, context.socket(zmq.DEALER) as peer:
            peer.setsockopt(zmq.LINGER, 0)
            peer.connect(live.control)
            while not ended.is_set():
                if peer.poll(1, zmq.POLLOUT):
                    peer.send(question)
                while peer.poll(0):
                    answered.append(peer.recv())

    def read():
        with CommandSubscriber(live.commands, "decoded", now=lambda: 0.0) as reader:
            while not ended.is_set():
                if (command := reader.poll(0.05)) is not None:
                    came.append(command.header)

    threads = [threading.Thread(target=each) for each in (feed, flood, read)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: len(came) > 50 and len(answered) > 1000)
        assert live.ask("stop", 20.0).ok
        answered_s = local_clock()
        assert live.process.wait(timeout=20) == 0
    finally:
        ended.set()
        for thread in threads:
            thread.join()

    (segment,) = JournalFolder(tmp_path / "s").segments()
    events = list(entries(segment))
    (told,) = [
        float(one.text.rpartition(" ")[2])
        for one in events
        if isinstance(one, Noted) and one.text.startswith("told to stop by a message at ")
    ]
    streams, _ = pyxdf.load_xdf(segment, dejitter_timestamps=False, synchronize_clocks=False)
    (written,) = [one for one in streams if one["info"]["name"] == [COMMANDS]]
    published = written["time_series"][:, 4]  # two outputs, bin, origin, published, updates
    assert told < answered_s
    assert (published > told).sum() <= 1  # whose bin was in hand
    assert (published > answered_s).sum() == 0
    (end,) = [one for one in events if isinstance(one, End)]
    assert end.decoded == len(published)
    assert end.decoded - end.finished <= 1
    assert came[-1].sequence < len(published)
    assert {one.stamps.bin_end_s for one in came} <= set(written["time_stamps"])
    assert replayed(tmp_path / "s")["identical"]


def test_orders_that_come_with_a_stop_are_answered_and_the_end_is_in_good_order(rig, tmp_path):
    live = rig()
    live.feed(0.5)
    verbs = ("stop", "checkpoint", "freeze", "status")
    requests = [ControlRequest(version=2, request_id=verb, verb=verb) for verb in verbs]
    with zmq.Context() as context, context.socket(zmq.DEALER) as client:
        client.setsockopt(zmq.LINGER, 0)
        client.connect(live.control)
        for request in requests:
            client.send(encode_request(request))
        replies = {}
        while len(replies) < len(verbs) and client.poll(20_000):
            reply = decode_reply(client.recv())
            replies[reply.request_id] = reply
    assert live.process.wait(timeout=20) == 0
    assert "Traceback" not in live.process.stderr.read()
    assert replies["stop"].ok
    assert replayed(tmp_path / "s")["identical"]


@pytest.mark.parametrize(
    ("journal", "by"), [(False, "message"), (True, "message"), (True, "signal")]
)
def test_a_stop_does_not_wait_for_kernels_that_compile(tmp_path, monkeypatch, journal, by):
    """With a journal it is the first daemon that compiles, and a parent that watches it."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cold"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    overrides = {"journal.folder": tmp_path / "s"} if journal else {}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        live = Rig(tmp_path, overrides=overrides)
        try:
            said = systemd.recv(4096).decode()
            assert said.startswith("EXTEND_TIMEOUT_USEC=300000000\nSTATUS=loading kernels")
            assert live.ask("status", 20.0).status.state == "starting"
            if by == "message":
                assert live.ask("stop", 20.0).ok
            else:
                live.process.terminate()
            _, told = live.process.communicate(timeout=60)
        finally:
            live.close()
    assert live.process.returncode == 0
    assert "stopped before it was ready" in told
    assert "kernels ready" not in told


def test_a_journals_folder_has_one_daemon(rig, tmp_path):
    live = rig()
    other = tmp_path / "other"
    other.mkdir()
    second = Rig(other, overrides={"journal.folder": tmp_path / "s"})
    try:
        _, told = second.process.communicate(timeout=60)
    finally:
        second.close()
    assert second.process.returncode == 2
    (line,) = told.splitlines()
    assert line.startswith(f"eprop-rt: another daemon (process {live.process.pid} on ")
    assert f"control at {live.control}) writes into the journal's folder {tmp_path}/s: " in line
    assert live.ask("status").ok
    ended(live)
    assert len(JournalFolder(tmp_path / "s").segments()) == 1


def test_prometheus_is_told_and_lsl_carries_the_commands(rig, tmp_path):
    source_id = f"out-{tmp_path.name}"
    live = rig(**{"metrics.endpoint": "127.0.0.1:0", "publish.lsl_source_id": source_id})
    settings = LslSettings(signal={"source_id": source_id}, wait_s=30)
    told = LslSettings(
        signal={"source_id": source_id}, markers={"source_id": f"{source_id}-events"}, wait_s=30
    )
    with LslSource(settings) as recorder, LslSource(told) as listener:
        info, _ = recorder.open()
        listener.open()
        assert info.channel_names == ("x", "y")
        live.feed(1.0)
        for _ in range(100):
            chunks = recorder.pull(0.05)
            if chunks:
                break
            live.feed(0.05)
        assert np.isfinite(chunks[0].samples).all()
        live.ask("freeze")
        heard = []
        for _ in range(100):
            live.feed(0.05)
            heard += [item for item in listener.pull(0.05) if isinstance(item, MarkerChunk)]
            if any('"verb":"freeze"' in text for chunk in heard for text in chunk.texts):
                break
        else:
            raise AssertionError(f"nothing was heard of the order: {heard}")
        live.ask("thaw")
    address = re.search(r"metrics on (\S+)", live.told()).group(1)
    with urllib.request.urlopen(address, timeout=10) as answer:
        text = answer.read().decode()
    assert "eprop_rt_bins_total" in text
    assert 'eprop_rt_learning{eprop_rt_learning="on"} 1.0' in text
    ended(live)


def test_the_decoder_sees_all_channels_of_two_streams(rig, tmp_path):
    live = rig(**{"lsl.more_signals": f"[{{source_id: {'more-' + tmp_path.name}}}]"}, ready=False)
    with live.another(f"more-{tmp_path.name}") as beside:
        live.wait_until_ready()
        live.beside = beside
        live.feed(1.0)
        assert live.ask("status").status.bins > 20
        ended(live)
    figures = replayed(tmp_path / "s")
    assert figures["identical"]
    (checkpoint,) = list((tmp_path / "s").glob("checkpoint-*.npz"))
    with np.load(checkpoint) as arrays:
        assert arrays["memory.inputs"].shape[1] == 2 * CHANNELS
