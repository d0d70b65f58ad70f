"""A bare relay: waits for a sample as the daemon does, and sends one message a bin, undecoded.

Nothing is checked, nothing computed and no header is made: the message is as long as a command,
with the stamp of its newest sample put into a header that was made before.
"""

import math
import sys

from eprop_rt.config import Positive, Settings
from eprop_rt.errors import StreamError
from eprop_rt_protocols.codec import encode_topic
from eprop_rt_protocols.streams import StreamRequirement
from eprop_rt_services.lsl_link import Inlet, look
from eprop_rt_services.realtime import RealtimeSettings, apply
from eprop_rt_services.zmq_link import FrameSender

WAIT_S = 0.02
FIND_S = 10.0
HELD_S = 5


class RelaySettings(Settings):
    """`header` is split where the stamp goes; `phase_s` is where bins begin."""

    signal_id: str
    rate_hz: Positive
    bin_s: Positive
    phase_s: float
    endpoint: str
    topic: str
    header: tuple[str, str]
    payload_bytes: int
    realtime: RealtimeSettings


def run(settings: RelaySettings) -> None:
    """Relay until ended; raises StreamError where the stream is not there or goes."""
    apply(settings.realtime)
    found = look(StreamRequirement(source_id=settings.signal_id), FIND_S)
    if not found:
        raise StreamError("there is no sender to relay: start it first")
    inlet = Inlet(found[0], HELD_S, FIND_S, lambda *_, **__: None)
    before, after = (part.encode() for part in settings.header)
    topic, payload = encode_topic(settings.topic), bytes(settings.payload_bytes)
    half_s, bin_s, phase_s = 0.5 / settings.rate_hz, settings.bin_s, settings.phase_s
    with FrameSender(settings.endpoint) as outlet:
        inlet.flush()
        while True:
            inlet.wait(WAIT_S)
            for stamps, _ in inlet.drain():
                for stamp_s in stamps.tolist():
                    place = (stamp_s + half_s - phase_s) / bin_s
                    following = place + 2 * half_s / bin_s
                    if math.floor(place) != math.floor(following):  # the last of its bin
                        stamp = f"{stamp_s:.6f}".encode()
                        outlet.send([topic, before + stamp + after, payload])


if __name__ == "__main__":
    run(RelaySettings.model_validate_json(sys.argv[1]))
