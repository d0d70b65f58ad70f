"""What nobody should send, against a real server over a real socket."""

import json
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eprop_rt_protocols.control import decode_request, encode_request
from eprop_rt_protocols.errors import RemoteProtocolError
from eprop_rt_services.zmq_link import ControlServer
from malformed import VERBS, attempts, malformed
from wire_material import ANY_PORT, asked, dealer, serve_one, until

MESSAGES = 10_000
ARGUMENTS = {"set": [{"settings"}], "relabel": [{"span"}, {"labels"}]}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)


def is_plainly_a_request(body):
    """The rules once more, without the codec: which fields there are, and no number but finite."""

    def no_constant(name):
        raise ValueError(name)

    message = json.loads(body.decode(), parse_constant=no_constant)
    given_fields = {key for key, value in message.items() if value is not None}
    arguments = given_fields - {"version", "request_id", "verb"}
    return (
        message["version"] == 2
        and isinstance(message["request_id"], str)
        and message["verb"] in VERBS
        and arguments in ARGUMENTS.get(message["verb"], [set()])
    )


def test_what_the_codec_takes_is_plainly_a_request_and_keeps_its_meaning():
    taken, said = 0, []
    for frames in islice(attempts(seed=7), MESSAGES):
        try:
            request = decode_request(frames[-1])
        except RemoteProtocolError as error:
            said.append(str(error))
            continue
        taken += 1
        assert is_plainly_a_request(frames[-1])
        assert decode_request(encode_request(request)) == request
    assert 0 < taken < MESSAGES / 4
    assert not [text for text in said if not text.isprintable()]


@settings(max_examples=300, deadline=None, database=None)
@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_anything_at_all_is_refused_and_nothing_else(body):
    with pytest.raises(RemoteProtocolError):
        decode_request(body)


@settings(max_examples=300, deadline=None, database=None)
@given(st.sampled_from(VERBS), st.sampled_from(["settings", "span", "labels", "version"]), JSON)
def test_anything_at_all_as_an_argument_is_refused_or_read_back_alike(verb, field, value):
    message = {"version": 2, "request_id": "a", "verb": verb} | {field: value}
    try:
        request = decode_request(json.dumps(message).encode())
    except RemoteProtocolError:
        return
    assert is_plainly_a_request(encode_request(request))


@pytest.mark.live
def test_ten_thousand_malformed_messages_stop_nothing_and_yield_no_request():
    with ControlServer(ANY_PORT) as server, dealer(server.endpoint) as sound:
        with dealer(server.endpoint) as hostile:
            for frames in malformed(MESSAGES, seed=1):
                hostile.send_multipart(frames)
                assert not server.stop_asked
            until(lambda: sum(server.events.values()) == MESSAGES)
        assert set(server.events) == {"malformed", "wrong_version", "oversized"}
        assert server.poll() == []
        for verb in ("freeze", "stop"):
            sound.send(asked(verb))
            assert serve_one(server) == [verb]


@pytest.mark.live
def test_messages_beyond_what_zeromq_takes_end_their_connection_and_nothing_else():
    with ControlServer(ANY_PORT) as server, dealer(server.endpoint) as sound:
        for _ in range(20):
            with dealer(server.endpoint) as hostile:
                hostile.send(bytes(10**6))
                hostile.send(asked("stop"))
        sound.send(asked("status"))
        assert serve_one(server) == ["status"]
        assert not server.stop_asked
