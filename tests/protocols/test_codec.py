import json
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pydantic import ValidationError

from eprop_rt_protocols.codec import (
    MAX_HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    MAX_TOPIC_BYTES,
    decode,
    encode,
)
from eprop_rt_protocols.command import Command, CommandHeader, Stamps
from eprop_rt_protocols.errors import LocalProtocolError, RemoteProtocolError

FINITE = st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.text(st.characters(codec="utf-8"), max_size=12)
COUNTS = st.integers(0, 2**63 - 1)


def header(shape=(2,), dtype="<f4", **changes):
    fields = {
        "version": 2,
        "sequence": 0,
        "stamps": Stamps(origin_s=1.0, bin_end_s=1.1, published_s=1.2, clock="lsl_local_clock"),
        "deadline_s": 1.3,
        "host": "h",
        "model_id": "m",
        "update_id": 0,
        "learning": "on",
        "output": "decoded",
        "dtype": dtype,
        "shape": shape,
        "names": (),
        "units": (),
    }
    return CommandHeader(**{**fields, **changes})


def frames(**changes):
    sound = encode("t", Command(header(), np.ones(2, np.float32)))
    fields = json.loads(sound[1]) | changes
    return [sound[0], json.dumps(fields).encode(), sound[2]]


def refusal_of(message):
    with pytest.raises(RemoteProtocolError) as caught:
        decode(message)
    return caught.value


@st.composite
def commands(draw):
    dtype = draw(st.sampled_from(["<f4", "<f8"]))
    shape = draw(hnp.array_shapes(max_dims=4, max_side=4))
    elements = {"allow_nan": False, "allow_infinity": False}
    values = draw(hnp.arrays(dtype, shape, elements=elements))
    entries = st.tuples(*[NAMES] * shape[-1]) | st.just(())
    stamps = Stamps(
        origin_s=draw(FINITE), bin_end_s=draw(FINITE), published_s=draw(FINITE), clock=draw(NAMES)
    )
    head = CommandHeader(
        version=2,
        sequence=draw(COUNTS),
        stamps=stamps,
        deadline_s=draw(FINITE),
        host=draw(NAMES),
        model_id=draw(NAMES),
        update_id=draw(COUNTS),
        learning=draw(st.sampled_from(["on", "off", "frozen"])),
        output=draw(st.sampled_from(["decoded", "clipped", "held", "zeroed"])),
        dtype=dtype,
        shape=shape,
        names=draw(entries),
        units=draw(entries),
    )
    return Command(head, values)


@settings(max_examples=200, deadline=None, database=None)
@given(commands(), st.text(st.characters(codec="utf-8"), min_size=1, max_size=50))
def test_what_is_encoded_decodes_to_the_same_command(command, topic):
    message = encode(topic, command)
    back = decode(message)
    assert message[0].decode() == topic
    assert back.header == command.header
    assert back.values.dtype == command.values.dtype
    assert back.values.shape == command.values.shape
    assert back.values.tobytes() == command.values.tobytes()


def test_a_strided_array_is_sent_in_its_logical_order():
    values = np.arange(12, dtype=np.float32).reshape(3, 4).T
    back = decode(encode("t", Command(header(shape=(4, 3)), values)))
    assert np.array_equal(back.values, values)


def test_decoded_values_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        decode(frames()).values[0] = 2.0


def test_each_broken_rule_has_its_own_reason_and_one_line_of_text():
    topic, head, payload = frames()
    broken = {
        "frames": [topic, head],
        "topic": [b"\xff", head, payload],
        "size": [topic, b" " * (MAX_HEADER_BYTES + 1), payload],
        "field": [topic, b"{", payload],
        "version": frames(version=3),
        "shape": frames(shape=[0]),
        "payload": [topic, head, payload + b"\0"],
        "finite": [topic, head, np.array([1, np.nan], "<f4").tobytes()],
    }
    for reason, message in broken.items():
        refusal = refusal_of(message)
        assert refusal.reason == reason
        assert "\n" not in str(refusal)


def test_a_newer_version_is_named_even_when_its_fields_are_unknown():
    refusal = refusal_of(frames(version=3, gain=1.0, learning="paused"))
    assert refusal.reason == "version"
    assert "version 3 came, version 2 is spoken here" in str(refusal)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"sequence": -1}, "sequence"),
        ({"sequence": 2**63}, "sequence"),
        ({"sequence": "1"}, "sequence"),
        ({"deadline_s": float("nan")}, "deadline_s"),
        ({"deadline_s": float("inf")}, "deadline_s"),
        ({"learning": "maybe"}, "learning"),
        ({"output": "guessed"}, "output"),
        ({"dtype": "<i4"}, "dtype"),
        ({"shape": [2] * 5}, "shape"),
        ({"shape": [2**20]}, "shape"),
        ({"shape": [2**16, 2**16]}, "65536"),
        ({"names": ["only one"]}, "names"),
        ({"gain": 1.0}, "gain"),
        ({"stamps": {"origin_s": 0.0}}, "stamps.bin_end_s"),
    ],
)
def test_a_header_out_of_bounds_is_refused_by_field(changes, field):
    assert field in str(refusal_of(frames(**changes)))


def test_a_header_without_a_version_is_refused():
    topic, head, payload = frames()
    fields = json.loads(head)
    del fields["version"]
    assert "version" in str(refusal_of([topic, json.dumps(fields).encode(), payload]))


def test_a_payload_beyond_the_bound_is_refused_before_the_header_is_read():
    assert refusal_of([b"t", b"{", bytes(MAX_PAYLOAD_BYTES + 1)]).reason == "size"


def test_a_header_nested_deeply_is_refused():
    assert refusal_of([b"t", b"[" * 60_000, b""]).reason == "field"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.ones(2), "payload"),
        (np.ones(2, ">f4"), "payload"),
        (np.ones(3, np.float32), "shape"),
        (np.array([1, np.inf], np.float32), "finite"),
    ],
)
def test_values_that_contradict_the_header_are_a_local_error(values, reason):
    with pytest.raises(LocalProtocolError) as caught:
        encode("t", Command(header(), values))
    assert caught.value.reason == reason


@pytest.mark.parametrize("topic", ["", "x" * (MAX_TOPIC_BYTES + 1), "\ud800"])
def test_a_topic_that_cannot_travel_is_a_local_error(topic):
    with pytest.raises(LocalProtocolError) as caught:
        encode(topic, Command(header(), np.ones(2, np.float32)))
    assert caught.value.reason == "topic"


def test_a_header_longer_than_the_bound_is_a_local_error():
    names = ("n" * 255,) * 300
    with pytest.raises(LocalProtocolError) as caught:
        encode("t", Command(header(shape=(300,), names=names), np.ones(300, np.float32)))
    assert caught.value.reason == "size"


def test_a_header_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        header().sequence = 5


def mutated(message, draw):
    """One to three random injuries to a sound message."""
    message = [bytearray(frame) for frame in message]
    for _ in range(draw.randint(1, 3)):
        frame = draw.choice(message)
        at = draw.randrange(len(frame) + 1)
        kind = draw.randrange(6)
        if kind == 0 and frame:
            frame[at % len(frame)] ^= 1 << draw.randrange(8)
        elif kind == 1:
            del frame[at : at + draw.randrange(9)]
        elif kind == 2:
            frame[at:at] = draw.randbytes(draw.randrange(9))
        elif kind == 3:
            frame[at:at] = draw.choice([b"[" * 500, b"1e999", b"null", b"9" * 5000, b"\\ud800"])
        elif kind == 4:
            message.append(frame[:at])
        else:
            draw.shuffle(message)
    return [bytes(frame) for frame in message]


def test_thousands_of_mutations_raise_nothing_but_remote_protocol_errors():
    draw = random.Random(20)
    sound = encode("cursor", Command(header(names=("x", "y")), np.ones(2, np.float32)))
    reasons = Counter()
    for _ in range(8000):
        try:
            decode(mutated(sound, draw))
        except RemoteProtocolError as error:
            reasons[error.reason] += 1
        else:
            reasons["read"] += 1
    assert {"frames", "topic", "field", "version", "payload", "finite", "read"} <= set(reasons)
    assert sum(reasons.values()) - reasons["read"] > 6000


@settings(max_examples=500, deadline=None, database=None)
@given(st.lists(st.binary(max_size=64), max_size=5))
def test_arbitrary_frames_raise_nothing_but_remote_protocol_errors(message):
    with pytest.raises(RemoteProtocolError):
        decode(message)
