"""A daemon that conditions what it is sent, a crash, and the replay of its journal."""

import pytest

from daemon_rig import CHANNELS, Rig, replayed
from eprop_rt_services.checkpoint import read_checkpoint
from eprop_rt_services.journal.folder import JournalFolder
from eprop_rt_services.recordings import read_recording

pytestmark = pytest.mark.live

STAGES = (
    "[{kind: channels, drop: [0, 1]}, {kind: lowpass, cutoff_hz: 20}, {kind: common_average}, "
    "{kind: lags, bins: 2}]"
)


@pytest.fixture
def live(tmp_path):
    how = {"journal.folder": tmp_path / "s", "bins.reduce": "mean", "conditioning": STAGES}
    made = Rig(tmp_path, overrides=how)
    try:
        made.wait_until_ready()
        yield made
    finally:
        made.close()


def test_a_conditioned_session_with_a_crash_runs_again_to_the_bit(live, tmp_path):
    folder = tmp_path / "s"
    live.feed(1.0)
    live.ask("checkpoint")
    live.feed(0.5)
    live.kill()
    live.wait_until_ready()
    live.first_command_s()
    live.feed(1.0)
    live.ask("checkpoint")
    live.ask("stop")
    assert live.process.wait(timeout=20) == 0

    figures = replayed(folder)
    assert figures["identical"]
    assert [segment["origin"] for segment in figures["segments"]] == ["zero", "checkpoint"]
    for path in JournalFolder(folder).checkpoints():
        assert read_checkpoint(path).inputs == 2 * (CHANNELS - 2)
    for path in JournalFolder(folder).segments():
        assert read_recording(path).signal.values.shape[1] == CHANNELS


def test_a_filter_too_fast_for_the_stream_is_one_line_and_exit_2(tmp_path):
    made = Rig(tmp_path, overrides={"conditioning": "[{kind: highpass, cutoff_hz: 300}]"})
    try:
        said = made.process.stderr.read()
        assert made.process.wait(timeout=60) == 2
        assert "an edge at 300 Hz, spikes comes at 100 Hz: take one below 50 Hz" in said
        assert "Traceback" not in said
    finally:
        made.close()
