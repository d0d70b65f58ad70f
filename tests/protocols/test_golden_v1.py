"""The bytes of version 1, written by hand: what was sent once must be readable for ever."""

import numpy as np

from eprop_rt_protocols.codec import decode, encode
from eprop_rt_protocols.command import Command, CommandHeader, Stamps
from eprop_rt_protocols.control import (
    ControlReply,
    ControlRequest,
    Status,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
)

COMMAND = [
    b"cursor",
    b'{"version":1,"sequence":7,'
    b'"stamps":{"origin_s":100.25,"bin_end_s":100.5,"published_s":100.5625,'
    b'"clock":"lsl_local_clock"},'
    b'"deadline_s":100.625,"host":"rig-3","model_id":"alif-256","update_id":12,"learning":"on",'
    b'"dtype":"<f4","shape":[2],"names":["vx","vy"],"units":["mm/s","mm/s"]}',
    # 1 is sign 0, exponent 127, fraction 0; -2 is sign 1, exponent 128; least byte first.
    b"\x00\x00\x80\x3f\x00\x00\x00\xc0",
]
HEADER = CommandHeader(
    version=1,
    sequence=7,
    stamps=Stamps(origin_s=100.25, bin_end_s=100.5, published_s=100.5625, clock="lsl_local_clock"),
    deadline_s=100.625,
    host="rig-3",
    model_id="alif-256",
    update_id=12,
    learning="on",
    dtype="<f4",
    shape=(2,),
    names=("vx", "vy"),
    units=("mm/s", "mm/s"),
)
REQUEST = b'{"version":1,"request_id":"a1","verb":"freeze"}'
REPLY = (
    b'{"version":1,"request_id":"a1","ok":true,"error":null,"status":{"state":"running",'
    b'"learning":"frozen","bins":400,"missed_bins":1,"published":399,"events":{"silence":2},'
    b'"latency_ms":{"p50":0.5},"decoder":"eprop","model_id":"alif-256","uptime_s":8.5}}'
)
STATUS = Status(
    state="running",
    learning="frozen",
    bins=400,
    missed_bins=1,
    published=399,
    events={"silence": 2},
    latency_ms={"p50": 0.5},
    decoder="eprop",
    model_id="alif-256",
    uptime_s=8.5,
)
REFUSAL = b'{"version":1,"request_id":"","ok":false,"error":"no such verb","status":null}'


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


def test_control_messages_are_encoded_as_the_golden_bytes():
    request = ControlRequest(version=1, request_id="a1", verb="freeze")
    reply = ControlReply(version=1, request_id="a1", ok=True, status=STATUS)
    refusal = ControlReply(version=1, request_id="", ok=False, error="no such verb")
    assert encode_request(request) == REQUEST
    assert encode_reply(reply) == REPLY
    assert encode_reply(refusal) == REFUSAL


def test_the_golden_control_bytes_decode_to_the_messages():
    assert decode_request(REQUEST).verb == "freeze"
    assert decode_reply(REPLY).status == STATUS
    assert decode_reply(REFUSAL).error == "no such verb"
