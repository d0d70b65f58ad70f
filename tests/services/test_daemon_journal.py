"""What a daemon leaves behind, whatever ends it, and that it is all there is to know."""

import pytest

from daemon_rig import Rig, replayed
from eprop_rt.orders import Freeze, Set
from eprop_rt_services.checkpoint import read_checkpoint
from eprop_rt_services.journal.events import Ordered
from eprop_rt_services.journal.folder import JournalFolder, Standing
from eprop_rt_services.journal.reader import entries
from eprop_rt_services.recordings import read_recording
from eprop_rt_services.zmq_link import ControlClient

pytestmark = pytest.mark.live

BACK_S = 15.0  # the machine may be busy; `make soak` asks for a second


@pytest.fixture
def live(tmp_path):
    made = Rig(tmp_path, overrides={"journal.folder": tmp_path / "s", "checkpoint.every_s": 0.7})
    try:
        made.wait_until_ready()
        yield made
    finally:
        made.close()


def test_a_session_with_orders_and_two_crashes_runs_again_to_the_bit(live, tmp_path):
    folder = tmp_path / "s"
    live.feed(1.0)
    live.ask("freeze")
    live.feed(0.5)
    live.ask("thaw")
    live.feed(1.0)
    for _ in range(2):
        killed_s = live.kill()
        told = live.wait_until_ready()
        assert any("killed by SIGKILL" in line for line in told)
        assert live.first_command_s() - killed_s < BACK_S
        live.ask("checkpoint")
        live.feed(1.0)
    status = live.ask("status").status
    assert status.journal.file.endswith("journal-0003.xdf")
    assert status.journal.lost_entries == 0
    assert status.checkpoint.file.startswith(str(folder))
    live.ask("stop")
    assert live.process.wait(timeout=20) == 0

    figures = replayed(folder)
    assert figures["identical"]
    origins = [segment["origin"] for segment in figures["segments"]]
    assert origins == ["zero", "checkpoint", "checkpoint"]
    assert all(segment["different"] == 0 for segment in figures["segments"])
    assert figures["segments"][0]["commands"] > 100
    assert figures["segments"][0]["checkpoints"] >= 2
    last = figures["segments"][-1]
    assert last["live_digest"] == last["digest"] == figures["digest"]
    for path in JournalFolder(folder).checkpoints():
        read_checkpoint(path)
    for path in JournalFolder(folder).segments():
        assert len(read_recording(path).signal.stamps) > 10


def test_what_an_operator_said_outlives_a_crash_and_not_a_stop(live, tmp_path):
    live.feed(1.0)
    with ControlClient(live.control) as client:
        client.ask("set", 5.0, settings={"decoder.rehearsal.steps_per_bin": 3.0})
        client.ask("freeze", 5.0)
        client.ask("checkpoint", 5.0)
    for _ in range(2):  # it is there after the second crash too
        killed_s = live.kill()
        live.wait_until_ready()
    status = live.ask("status").status
    assert (status.learning, status.learning_cause) == ("frozen", "operator")
    assert live.first_command_s() - killed_s < BACK_S
    live.ask("stop")
    assert live.process.wait(timeout=20) == 0
    assert JournalFolder(tmp_path / "s").stands() == Standing()
    last = JournalFolder(tmp_path / "s").segments()[-1]
    orders = [entry.order for entry in entries(last) if isinstance(entry, Ordered)]
    assert orders[:2] == [Set({"decoder.rehearsal.steps_per_bin": 3.0}), Freeze()]
    assert replayed(tmp_path / "s")["identical"]


def test_resume_goes_on_with_what_was_learned(live, tmp_path):
    live.feed(2.0)
    live.ask("stop")
    assert live.process.wait(timeout=20) == 0
    folder = JournalFolder(tmp_path / "s")
    learned = folder.newest_checkpoint().checkpoint.arrays["memory.written"][0]
    assert learned > 50
    live.close()
    again = Rig(tmp_path, overrides={"journal.folder": folder.path}, arguments=("--resume",))
    try:
        again.wait_until_ready()
        while again.ask("status").status.updates <= 20:
            again.feed(0.2)
        again.ask("stop")
        assert again.process.wait(timeout=20) == 0
    finally:
        again.close()
    assert folder.newest_checkpoint().checkpoint.arrays["memory.written"][0] > learned + 20
    assert replayed(folder.path)["identical"]


def test_the_watching_process_goes_with_a_signal_and_leaves_nobody_behind(live):
    pid = live.ask("status").status.pid
    assert pid != live.process.pid
    live.process.terminate()
    assert live.process.wait(timeout=20) == 0
    with pytest.raises(FileNotFoundError), open(f"/proc/{pid}/stat", "rb"):
        pass


def test_the_daemon_does_not_outlive_a_killed_watcher(live):
    pid = live.ask("status").status.pid
    live.process.kill()
    live.process.wait()
    for _ in range(100):
        try:
            with open(f"/proc/{pid}/stat", "rb") as stat:
                if stat.read().rpartition(b")")[2].split()[0] == b"Z":
                    return
        except FileNotFoundError:
            return
        live.feed(0.05)
    raise AssertionError("it is still there")
