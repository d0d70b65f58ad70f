import json
import random
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from eprop_rt_protocols.control import (
    MAX_CONTROL_BYTES,
    ControlReply,
    ControlRequest,
    Status,
    Verb,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
)
from eprop_rt_protocols.errors import LocalProtocolError, RemoteProtocolError

NAMES = st.text(st.characters(codec="utf-8"), max_size=12)
COUNTS = st.integers(0, 2**63 - 1)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
STATUSES = st.builds(
    Status,
    state=st.sampled_from(["starting", "running", "stopping"]),
    learning=st.sampled_from(["on", "off", "frozen"]),
    bins=COUNTS,
    missed_bins=COUNTS,
    published=COUNTS,
    events=st.dictionaries(NAMES, COUNTS, max_size=4),
    latency_ms=st.dictionaries(NAMES, FINITE, max_size=4),
    decoder=NAMES,
    model_id=NAMES,
    uptime_s=st.floats(0, 1e12),
)
REQUESTS = st.builds(
    ControlRequest, version=st.just(1), request_id=NAMES, verb=st.sampled_from(get_args(Verb))
)
ANSWERS = st.builds(
    ControlReply, version=st.just(1), request_id=NAMES, ok=st.just(True), status=STATUSES
)
REFUSALS = st.builds(
    ControlReply, version=st.just(1), request_id=NAMES, ok=st.just(False), error=NAMES
)


@settings(deadline=None, database=None)
@given(REQUESTS)
def test_a_request_survives_the_wire(request):
    assert decode_request(encode_request(request)) == request


@settings(deadline=None, database=None)
@given(ANSWERS | REFUSALS)
def test_a_reply_survives_the_wire(reply):
    assert decode_reply(encode_reply(reply)) == reply


def test_an_unknown_verb_is_refused_with_the_known_ones():
    with pytest.raises(RemoteProtocolError, match="'thaw', 'checkpoint' or 'stop'"):
        decode_request(b'{"version":1,"request_id":"a","verb":"explode"}')


def test_a_request_of_another_version_is_refused_as_such():
    with pytest.raises(RemoteProtocolError) as caught:
        decode_request(b'{"version":2,"request_id":"a","verb":"explode"}')
    assert caught.value.reason == "version"


def test_messages_beyond_the_bound_are_refused():
    for read in (decode_request, decode_reply):
        with pytest.raises(RemoteProtocolError) as caught:
            read(b" " * (MAX_CONTROL_BYTES + 1))
        assert caught.value.reason == "size"


def test_a_reply_beyond_the_bound_is_a_local_error():
    status = Status(
        state="running",
        learning="on",
        bins=0,
        missed_bins=0,
        published=0,
        events={f"event {n:0200d}": 1 for n in range(400)},
        latency_ms={},
        decoder="eprop",
        model_id="m",
        uptime_s=0.0,
    )
    with pytest.raises(LocalProtocolError) as caught:
        encode_reply(ControlReply(version=1, request_id="a", ok=True, status=status))
    assert caught.value.reason == "size"


@pytest.mark.parametrize("fields", [{"ok": True, "error": "why"}, {"ok": False}])
def test_a_reply_has_an_error_exactly_when_it_is_not_ok(fields):
    with pytest.raises(ValidationError, match="exactly when ok is false"):
        ControlReply(version=1, request_id="a", **fields)


def test_mutations_raise_nothing_but_remote_protocol_errors():
    draw = random.Random(21)
    reply = ControlReply(version=1, request_id="a", ok=False, error="no")
    sound = {
        decode_request: encode_request(ControlRequest(version=1, request_id="a", verb="stop")),
        decode_reply: encode_reply(reply),
    }
    refused = 0
    for _ in range(2000):
        read, message = draw.choice(list(sound.items()))
        injured = bytearray(message)
        at = draw.randrange(len(injured))
        injured[at : at + draw.randrange(3)] = draw.randbytes(draw.randrange(3))
        try:
            read(bytes(injured))
        except RemoteProtocolError:
            refused += 1
    assert 1000 < refused < 2000


def test_control_messages_are_plain_json():
    request = ControlRequest(version=1, request_id="a", verb="stop")
    assert json.loads(encode_request(request)) == {"version": 1, "request_id": "a", "verb": "stop"}
