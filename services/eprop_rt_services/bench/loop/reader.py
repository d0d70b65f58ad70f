"""An effector, simulated: notes when a message was in its hands, and reads it after that."""

import json
import sys
from pathlib import Path

from eprop_rt.config import Settings
from eprop_rt_services.bench.loop.log import RECEIVED, rows
from eprop_rt_services.lsl_link import local_clock
from eprop_rt_services.realtime import RealtimeSettings, apply
from eprop_rt_services.zmq_link import FrameReader

WAIT_S = 1.0


class ReaderSettings(Settings):
    """Whom to read, and where to write it down."""

    endpoint: str
    topic: str
    file: Path
    realtime: RealtimeSettings


def run(settings: ReaderSettings) -> None:
    """Read until ended."""
    apply(settings.realtime)
    origin_s = 0.0
    with (
        FrameReader(settings.endpoint, settings.topic) as reader,
        rows(settings.file, RECEIVED) as received,
    ):
        while True:
            frames = reader.take(WAIT_S)
            if frames is None:
                continue
            received_s = local_clock()
            header = json.loads(frames[1])
            stamps = header["stamps"]
            if stamps["origin_s"] == origin_s:  # the greeting of another reader
                continue
            origin_s = stamps["origin_s"]
            received.add(origin_s, received_s, header["learning"] == "on")


if __name__ == "__main__":
    run(ReaderSettings.model_validate_json(sys.argv[1]))
