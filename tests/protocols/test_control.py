import json
import random
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from eprop_rt_protocols.control import (
    MAX_CONTROL_BYTES,
    MAX_LABEL_ROWS,
    MAX_LABELLED_S,
    MAX_SETTINGS,
    ControlReply,
    ControlRequest,
    LabelRows,
    LabelSpan,
    Verb,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
)
from eprop_rt_protocols.errors import LocalProtocolError, RemoteProtocolError
from eprop_rt_protocols.status import MAX_RANGES, GuardStatus, LatencyMs, Stage, Status
from status_material import FULL_STATUS

NAMES = st.text(st.characters(codec="utf-8"), max_size=12)
COUNTS = st.integers(0, 2**63 - 1)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
KEYS = st.from_regex(r"[a-z][a-z0-9_]{0,9}(\.[a-z][a-z0-9_]{0,9}){0,2}", fullmatch=True)
ROWS = st.integers(1, 3).flatmap(
    lambda width: st.lists(st.tuples(*[FINITE] * width), min_size=1, max_size=5)
)
STATUSES = st.builds(
    Status,
    latency_ms=st.dictionaries(
        st.sampled_from(get_args(Stage)),
        st.builds(
            LatencyMs,
            **dict.fromkeys(("p50", "p95", "p99", "p999", "max"), FINITE),
            counts=st.lists(COUNTS, max_size=MAX_RANGES).map(tuple),
        ),
    ),
    data_age_s=st.none() | FINITE,
    events=st.dictionaries(NAMES, COUNTS, max_size=4),
    checkpoint=st.sampled_from([None, FULL_STATUS.checkpoint]),
    journal=st.sampled_from([None, FULL_STATUS.journal]),
    guard=st.builds(GuardStatus, counters=st.dictionaries(NAMES, COUNTS, max_size=4)),
    uptime_s=st.floats(0, 1e12),
)
ARGUMENTS = {
    "set": st.fixed_dictionaries(
        {
            "settings": st.dictionaries(
                KEYS,
                st.booleans() | st.integers(-(2**53), 2**53) | FINITE | NAMES,
                min_size=1,
                max_size=5,
            )
        }
    ),
    "relabel": st.builds(
        lambda start, length, row: {
            "span": LabelSpan(from_s=start, to_s=start + length, values=row)
        },
        st.floats(0, 1e6),
        st.floats(0.01, MAX_LABELLED_S - 1),
        st.lists(FINITE, min_size=1, max_size=4).map(tuple),
    )
    | ROWS.map(
        lambda rows: {
            "labels": LabelRows(stamps_s=tuple(map(float, range(len(rows)))), rows=tuple(rows))
        }
    ),
}


@st.composite
def requests(draw):
    verb = draw(st.sampled_from(get_args(Verb)))
    arguments = draw(ARGUMENTS.get(verb, st.just({})))
    return ControlRequest(version=2, request_id=draw(NAMES), verb=verb, **arguments)


ANSWERS = st.builds(
    ControlReply, version=st.just(2), request_id=NAMES, ok=st.just(True), status=STATUSES,
    error=st.none(),
)  # fmt: skip
REFUSALS = st.builds(
    ControlReply, version=st.just(2), request_id=NAMES, ok=st.just(False), error=NAMES
)


@settings(deadline=None, database=None)
@given(requests())
def test_a_request_survives_the_wire(request):
    assert decode_request(encode_request(request)) == request


@settings(deadline=None, database=None)
@given(ANSWERS | REFUSALS)
def test_a_reply_survives_the_wire(reply):
    assert decode_reply(encode_reply(reply)) == reply


def test_an_unknown_verb_is_refused_with_the_known_ones():
    with pytest.raises(RemoteProtocolError, match="'rollback', 'relabel' or 'stop'"):
        decode_request(b'{"version":2,"request_id":"a","verb":"explode"}')


def test_a_request_of_another_version_is_refused_as_such():
    with pytest.raises(RemoteProtocolError) as caught:
        decode_request(b'{"version":3,"request_id":"a","verb":"explode"}')
    assert caught.value.reason == "version"


def test_messages_beyond_the_bound_are_refused():
    for read in (decode_request, decode_reply):
        with pytest.raises(RemoteProtocolError) as caught:
            read(b" " * (MAX_CONTROL_BYTES + 1))
        assert caught.value.reason == "size"


def test_a_reply_beyond_the_bound_is_a_local_error():
    status = FULL_STATUS.model_copy(update={"events": {f"event {n:0200d}": 1 for n in range(400)}})
    with pytest.raises(LocalProtocolError) as caught:
        encode_reply(ControlReply(version=2, request_id="a", ok=True, status=status))
    assert caught.value.reason == "size"


@pytest.mark.parametrize("fields", [{"ok": True, "error": "why"}, {"ok": False}])
def test_a_reply_has_an_error_exactly_when_it_is_not_ok(fields):
    with pytest.raises(ValidationError, match="exactly when ok is false"):
        ControlReply(version=2, request_id="a", **fields)


def test_mutations_raise_nothing_but_remote_protocol_errors():
    draw = random.Random(21)
    reply = ControlReply(version=2, request_id="a", ok=False, error="no")
    sound = {
        decode_request: encode_request(ControlRequest(version=2, request_id="a", verb="stop")),
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
    request = ControlRequest(version=2, request_id="a", verb="stop")
    assert json.loads(encode_request(request)) == {"version": 2, "request_id": "a", "verb": "stop"}


def asked(verb, **arguments):
    fields = {"version": 2, "request_id": "a", "verb": verb, **arguments}
    return json.dumps(fields).encode()


SPAN = {"from_s": 1.0, "to_s": 2.0, "values": [1.0]}
LABELS = {"stamps_s": [1.0], "rows": [[1.0]]}


@pytest.mark.parametrize(
    ("verb", "arguments", "said"),
    [
        ("set", {}, "set came with no argument, settings is expected"),
        ("set", {"span": SPAN}, "set came with span, settings is expected"),
        ("relabel", {}, "no argument, either span or labels is expected"),
        ("relabel", {"span": SPAN, "labels": LABELS}, "span and labels, either"),
        ("relabel", {"settings": {"a": 1}}, "either span or labels"),
        ("stop", {"span": SPAN}, "stop came with span, no argument is expected"),
        ("status", {"settings": {"a": 1}}, "no argument is expected"),
        ("freeze", {"seconds": 1}, "seconds"),
    ],
)
def test_an_argument_too_many_or_too_few_is_refused(verb, arguments, said):
    with pytest.raises(RemoteProtocolError) as caught:
        decode_request(asked(verb, **arguments))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "settings_given",
    [
        {},
        {"a": None},
        {"a": [1]},
        {"a": {"b": 1}},
        {"a": float("nan")},
        {"a": float("inf")},
        {"a": 10**400},
        {"a": "x" * 256},
        {"": 1},
        {"A": 1},
        {"a..b": 1},
        {"a.": 1},
        {"__class__": 1},
        {"a\n": 1},
        {f"key{at}": 1 for at in range(MAX_SETTINGS + 1)},
    ],
)
def test_settings_that_are_no_settings_are_refused(settings_given):
    with pytest.raises(RemoteProtocolError, match="settings"):
        decode_request(asked("set", settings=settings_given))


@pytest.mark.parametrize(
    "span",
    [
        {**SPAN, "to_s": 1.0},
        {**SPAN, "to_s": 0.0},
        {**SPAN, "to_s": 2.0 + MAX_LABELLED_S},
        {**SPAN, "from_s": -1e308, "to_s": 1e308},
        {**SPAN, "from_s": float("nan")},
        {**SPAN, "values": []},
        {**SPAN, "values": [float("inf")]},
        {**SPAN, "values": ["1"]},
        {**SPAN, "values": [[1.0]]},
    ],
)
def test_a_span_that_is_none_is_refused(span):
    with pytest.raises(RemoteProtocolError, match="span"):
        decode_request(asked("relabel", span=span))


@pytest.mark.parametrize(
    "labels",
    [
        {"stamps_s": [], "rows": []},
        {"stamps_s": [1.0, 2.0], "rows": [[1.0]]},
        {"stamps_s": [1.0, 2.0], "rows": [[1.0], [1.0, 2.0]]},
        {"stamps_s": [1.0], "rows": [[]]},
        {"stamps_s": [float("nan")], "rows": [[1.0]]},
        {"stamps_s": [1.0], "rows": [[float("nan")]]},
        {"stamps_s": [1.0] * (MAX_LABEL_ROWS + 1), "rows": [[1.0]] * (MAX_LABEL_ROWS + 1)},
    ],
)
def test_rows_of_labels_that_are_no_table_are_refused(labels):
    with pytest.raises(RemoteProtocolError, match="labels"):
        decode_request(asked("relabel", labels=labels))


def test_true_one_and_one_point_nought_stay_what_they_are():
    request = decode_request(asked("set", settings={"a": True, "b": 1, "c": 1.0, "d": "1"}))
    assert [type(value) for value in request.settings.values()] == [bool, int, float, str]
