"""The bytes of version 2, written by hand: what was sent once must be readable for ever."""

import numpy as np
import pytest

from eprop_rt_protocols.codec import decode, encode
from eprop_rt_protocols.command import Command, CommandHeader, Stamps
from eprop_rt_protocols.control import (
    ControlReply,
    ControlRequest,
    LabelRows,
    LabelSpan,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
)
from eprop_rt_protocols.errors import RemoteProtocolError
from eprop_rt_protocols.screen import Screen, Target, TrialResult, decode_screen, encode_screen
from status_material import FULL_STATUS

COMMAND = [
    b"cursor",
    b'{"version":2,"sequence":7,'
    b'"stamps":{"origin_s":100.25,"bin_end_s":100.5,"published_s":100.5625,'
    b'"clock":"lsl_local_clock"},'
    b'"deadline_s":100.625,"host":"rig-3","model_id":"alif-256","update_id":12,"learning":"on",'
    b'"output":"clipped",'
    b'"dtype":"<f4","shape":[2],"names":["vx","vy"],"units":["mm/s","mm/s"]}',
    # 1 is sign 0, exponent 127, fraction 0; -2 is sign 1, exponent 128; least byte first.
    b"\x00\x00\x80\x3f\x00\x00\x00\xc0",
]
HEADER = CommandHeader(
    version=2,
    sequence=7,
    stamps=Stamps(origin_s=100.25, bin_end_s=100.5, published_s=100.5625, clock="lsl_local_clock"),
    deadline_s=100.625,
    host="rig-3",
    model_id="alif-256",
    update_id=12,
    learning="on",
    output="clipped",
    dtype="<f4",
    shape=(2,),
    names=("vx", "vy"),
    units=("mm/s", "mm/s"),
)
REQUESTS = {
    b'{"version":2,"request_id":"a1","verb":"freeze"}': ControlRequest(
        version=2, request_id="a1", verb="freeze"
    ),
    b'{"version":2,"request_id":"a2","verb":"set","settings":'
    b'{"decoder.online.learning_rate":0.5,"decoder.rehearsal.segments_per_update":2,'
    b'"decoder.homeostasis.on":false,"decoder.kind":"rls"}}': ControlRequest(
        version=2,
        request_id="a2",
        verb="set",
        settings={
            "decoder.online.learning_rate": 0.5,
            "decoder.rehearsal.segments_per_update": 2,
            "decoder.homeostasis.on": False,
            "decoder.kind": "rls",
        },
    ),
    b'{"version":2,"request_id":"a3","verb":"relabel",'
    b'"span":{"from_s":99.5,"to_s":100.5,"values":[1.0,-2.0]}}': ControlRequest(
        version=2,
        request_id="a3",
        verb="relabel",
        span=LabelSpan(from_s=99.5, to_s=100.5, values=(1.0, -2.0)),
    ),
    b'{"version":2,"request_id":"a4","verb":"relabel",'
    b'"labels":{"stamps_s":[99.5,99.75],"rows":[[1.0,-2.0],[0.5,0.25]]}}': ControlRequest(
        version=2,
        request_id="a4",
        verb="relabel",
        labels=LabelRows(stamps_s=(99.5, 99.75), rows=((1.0, -2.0), (0.5, 0.25))),
    ),
}
REPLY = (
    b'{"version":2,"request_id":"a1","ok":true,"error":null,"status":{"state":"running",'
    b'"learning":"frozen","learning_cause":"operator",'
    b'"guard":{"rung":"accept","cause":"","counters":{"clip":3}},'
    b'"bins":400,"missed_bins":1,"published":399,"updates":380,"events":{"silence":2},'
    b'"latency_ms":{"total":{"p50":0.5,"p95":0.75,"p99":1.0,"p999":1.5,"max":2.0,'
    b'"counts":[0,0,7]}},'
    b'"data_age_s":0.25,'
    b'"streams":[{"role":"signal","name":"spikes","host":"nsp-1","state":"live"}],'
    b'"journal":{"file":"day.xdf","written_bytes":4096,"age_s":0.5,"lost_entries":0},'
    b'"checkpoint":{"file":"kept.npz","age_s":60.0,'
    b'"sha256":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},'
    b'"decoder":"eprop","model_id":"alif-256","update_id":380,"host":"rig-3","pid":4321,'
    b'"uptime_s":8.5,"program_version":"0.1.0"}}'
)
REPLY_WITHOUT_COUNTS = REPLY.replace(b',"counts":[0,0,7]', b"")
REFUSAL = b'{"version":2,"request_id":"","ok":false,"error":"no such verb","status":null}'
SCREEN_FRAMES = [
    b"screen",
    b'{"version":2,"sequence":90,"stamp_s":100.5,"clock":"lsl_local_clock","name":"rig-3",'
    b'"task":"centre_out","cursor":[1.5,-2.0],'
    b'"targets":[{"x":10.0,"y":0.0,"radius":2.5,"state":"aim"},'
    b'{"x":0.0,"y":-10.0,"radius":2.5,"state":"idle"}],'
    b'"bounds":14.0,"phase":"reach","trial":2,"successes":1,"failures":1,"newest_time_s":0.75,'
    b'"recent":[{"sequence":0,"success":true,"time_to_target_s":0.75,"ended_s":98.5,'
    b'"learning":true},{"sequence":1,"success":false,"time_to_target_s":null,"ended_s":100.25,'
    b'"learning":false}]}',
]
SCREEN = Screen(
    version=2,
    sequence=90,
    stamp_s=100.5,
    clock="lsl_local_clock",
    name="rig-3",
    task="centre_out",
    cursor=(1.5, -2.0),
    targets=(
        Target(x=10.0, y=0.0, radius=2.5, state="aim"),
        Target(x=0.0, y=-10.0, radius=2.5, state="idle"),
    ),
    bounds=14.0,
    phase="reach",
    trial=2,
    successes=1,
    failures=1,
    newest_time_s=0.75,
    recent=(
        TrialResult(sequence=0, success=True, time_to_target_s=0.75, ended_s=98.5, learning=True),
        TrialResult(
            sequence=1, success=False, time_to_target_s=None, ended_s=100.25, learning=False
        ),
    ),
)

OF_VERSION_1 = {
    "command": [
        b"cursor",
        COMMAND[1].replace(b'"version":2', b'"version":1').replace(b'"output":"clipped",', b""),
        COMMAND[2],
    ],
    "request": b'{"version":1,"request_id":"a1","verb":"freeze"}',
    "screen": [b"screen", SCREEN_FRAMES[1].replace(b'"version":2', b'"version":1')],
}


def test_a_command_is_encoded_as_the_golden_bytes():
    values = np.array([1, -2], np.float32)
    assert encode("cursor", Command(HEADER, values)) == COMMAND


def test_the_golden_bytes_decode_to_the_command():
    command = decode(COMMAND)
    assert command.header == HEADER
    assert command.values.dtype == np.float32
    assert command.values.tolist() == [1.0, -2.0]


def test_a_payload_in_double_precision_has_eight_bytes_a_value():
    header = HEADER.model_copy(update={"dtype": "<f8"})
    _, head, payload = encode("cursor", Command(header, np.array([1.0, -2.0])))
    assert b'"dtype":"<f8"' in head
    assert payload == b"\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\xc0"


@pytest.mark.parametrize("golden", REQUESTS)
def test_requests_are_the_golden_bytes_both_ways(golden):
    assert encode_request(REQUESTS[golden]) == golden
    assert decode_request(golden) == REQUESTS[golden]


def test_replies_are_the_golden_bytes_both_ways():
    reply = ControlReply(version=2, request_id="a1", ok=True, status=FULL_STATUS)
    refusal = ControlReply(version=2, request_id="", ok=False, error="no such verb")
    assert encode_reply(reply) == REPLY
    assert encode_reply(refusal) == REFUSAL
    assert decode_reply(REPLY).status == FULL_STATUS
    assert decode_reply(REFUSAL).error == "no such verb"


def test_a_reply_from_before_ranges_of_latencies_were_told_is_read():
    total = FULL_STATUS.latency_ms["total"].model_copy(update={"counts": ()})
    bare = FULL_STATUS.model_copy(update={"latency_ms": {"total": total}})
    assert decode_reply(REPLY_WITHOUT_COUNTS).status == bare


def test_a_screen_is_the_golden_frames_both_ways():
    assert encode_screen(SCREEN) == SCREEN_FRAMES
    assert decode_screen(SCREEN_FRAMES) == SCREEN


@pytest.mark.parametrize(
    ("read", "kind"), [(decode, "command"), (decode_request, "request"), (decode_screen, "screen")]
)
def test_messages_of_version_1_are_refused_in_one_line(read, kind):
    with pytest.raises(
        RemoteProtocolError, match=r"version 1 came, version 2 is spoken here"
    ) as no:
        read(OF_VERSION_1[kind])
    assert no.value.reason == "version"
    assert "\n" not in str(no.value)
