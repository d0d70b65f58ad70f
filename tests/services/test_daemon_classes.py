"""Markers over LSL become classes that a running daemon learns, and its journal knows."""

import numpy as np
import pytest

from daemon_rig import Rig, replayed
from eprop_rt.series import LabelChunk
from eprop_rt_services.journal.folder import JournalFolder
from eprop_rt_services.journal.reader import entries
from eprop_rt_services.lsl_link import local_clock, marker_outlet
from eprop_rt_services.recordings import read_recording
from eprop_rt_services.zmq_link import CommandSubscriber

pytestmark = pytest.mark.live

CLASSES = "{labels: [rest, fist], begins: {r: rest, f: fist}, ends: [stop], delay_s: 0.05}"


@pytest.fixture
def live(tmp_path):
    made = Rig(
        tmp_path,
        labels=False,
        overrides={
            "classes": CLASSES,
            "decoder.loss": "softmax",
            "decoder.readout.rule": "none",
            "lsl.markers.source_id": f"{tmp_path.name}-markers",
            "journal.folder": tmp_path / "s",
        },
    )
    markers = marker_outlet("cues", f"{tmp_path.name}-markers")
    try:
        made.wait_until_ready()
        yield made, markers
    finally:
        made.close()
        markers.close()


def test_what_markers_said_is_learned_published_by_name_and_runs_again_to_the_bit(live, tmp_path):
    daemon, markers = live
    daemon.feed(0.3)
    with CommandSubscriber(daemon.commands, "decoded", now=local_clock) as reader:
        reader.poll(0.0)
        for text in ("r", "f", "nothing that is known", "stop", "r", "stop"):
            markers.mark(local_clock(), text)
            daemon.feed(0.4)
        command = None
        while command is None:
            daemon.feed(0.1)
            command = reader.poll(0.0)
    assert command.header.names == ("rest", "fist")
    assert command.header.units == ("1", "1")
    assert command.values.sum() == pytest.approx(1.0, abs=1e-5)
    status = daemon.ask("status").status
    assert status.learning == "on"
    assert status.events["marker_unknown"] == 1
    daemon.ask("stop", 60.0)
    assert daemon.process.wait(timeout=20) == 0

    (path,) = JournalFolder(tmp_path / "s").segments()
    labels = [one for one in entries(path) if isinstance(one, LabelChunk)]
    said = [int(chunk.values[0].argmax()) for chunk in labels]
    assert said == [0, 1, 0]
    assert all((chunk.values == chunk.values[0]).all() for chunk in labels)
    recording = read_recording(path)
    assert recording.labels.info.channel_names == ("rest", "fist")
    assert np.isfinite(recording.labels.values).all()

    figures = replayed(tmp_path / "s")
    assert figures["identical"]
    assert figures["segments"][0]["commands"] > 50
