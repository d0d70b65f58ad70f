"""Control messages that nobody should send, seeded: bytes at random, injured ones, lies.

What is yielded is a list of frames, for a DEALER to send. None of them is a request that a daemon
may obey, whatever has been done to it.
"""

import json
import random
from collections.abc import Iterator
from itertools import islice

from eprop_rt_protocols.control import (
    MAX_CONTROL_BYTES,
    MAX_LABEL_ROWS,
    MAX_SETTINGS,
    decode_request,
)
from eprop_rt_protocols.errors import RemoteProtocolError

VERBS = ("status", "freeze", "thaw", "set", "checkpoint", "rollback", "relabel", "stop")
SOUND = [
    *({"version": 2, "request_id": "a", "verb": verb} for verb in ("freeze", "stop", "rollback")),
    {"version": 2, "request_id": "a", "verb": "set", "settings": {"decoder.seed": 1}},
    {
        "version": 2,
        "request_id": "a",
        "verb": "relabel",
        "span": {"from_s": 1.0, "to_s": 2.0, "values": [1.0, -1.0]},
    },
    {
        "version": 2,
        "request_id": "a",
        "verb": "relabel",
        "labels": {"stamps_s": [1.0, 2.0], "rows": [[1.0, 0.0], [0.0, 1.0]]},
    },
]
GARBAGE = (
    None, True, -1, 0, 1.5, 1e308, -1e308, 10**400, 2**63, float("nan"), float("inf"), "", "nan",
    "\x00", "\u202e", "x" * 300, [], {}, [[]], [None], [float("nan")], {"": None},
)  # fmt: skip
INSERTED = (b"[" * 300, b"1e999", b"NaN", b"-Infinity", b"9" * 5000, b"\\ud800", b"\xff", b"{}")


def malformed(count: int, seed: int) -> Iterator[list[bytes]]:
    """Return `count` messages, each refused by the codec."""
    refused = (frames for frames in attempts(seed) if is_refused(frames[-1]))
    return islice(refused, count)


def attempts(seed: int) -> Iterator[list[bytes]]:
    """Yield messages without end, some of which an injury has left sound."""
    draw = random.Random(seed)
    while True:
        yield draw.choice(MAKERS)(draw)


def is_refused(body: bytes) -> bool:
    """Whether the codec refuses a message; an injury may leave a sound one."""
    try:
        decode_request(body)
    except RemoteProtocolError:
        return True
    return False


def at_random(draw: random.Random) -> list[bytes]:
    return [draw.randbytes(draw.choice((0, 1, 5, 50, 500)))]


def injured(draw: random.Random) -> list[bytes]:
    body = bytearray(json.dumps(draw.choice(SOUND)).encode())
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(len(body) or 1)
        kind = draw.randrange(4) if body else 2
        if kind == 0:
            body[at] ^= 1 << draw.randrange(8)
        elif kind == 1:
            del body[at : at + draw.randint(1, 9)]
        elif kind == 2:
            body[at:at] = draw.choice(INSERTED)
        else:
            body = body[:at]
    return [bytes(body)]


def with_garbage(draw: random.Random) -> list[bytes]:
    """One field of a sound message holds something else, at any depth."""
    message = json.loads(json.dumps(draw.choice(SOUND)))
    place = message
    while True:
        key = draw.choice(list(place) if isinstance(place, dict) else range(len(place)))
        if not isinstance(place[key], dict | list) or draw.random() < 0.3:
            break
        place = place[key]
    place[key] = draw.choice(GARBAGE)
    return [json.dumps(message).encode()]


def lied(draw: random.Random) -> list[bytes]:
    """Sound JSON with arguments, fields or a version that do not belong together."""
    message = json.loads(json.dumps(draw.choice(SOUND)))
    kind = draw.randrange(5)
    if kind == 0:
        message["version"] = draw.choice((0, 1, 3, 99, "2", 2.0))
    elif kind == 1:
        message["verb"] = draw.choice(VERBS)
    elif kind == 2:
        message[draw.choice(("weights", "file", "__class__", "Verb"))] = draw.choice(GARBAGE)
    elif kind == 3:
        del message[draw.choice(list(message))]
    else:
        message.update(draw.choice(SOUND))
    return [json.dumps(message).encode()]


def labels_of_garbage(draw: random.Random) -> list[bytes]:
    """A relabel with a table that is none, or a span that is none."""
    rows = draw.choice((0, 1, 3, MAX_LABEL_ROWS + 1))
    width = draw.choice((0, 1, 2))
    table = [[draw.choice((0.5, float("nan")))] * width for _ in range(rows)]
    stamps = [draw.choice((1.0, -1e300, float("inf")))] * draw.choice((rows, rows + 1))
    span = {"from_s": draw.choice((2.0, 1e300)), "to_s": 2.0, "values": draw.choice(GARBAGE)}
    arguments = draw.choice(
        ({"labels": {"stamps_s": stamps, "rows": table}}, {"span": span}, {"labels": span})
    )
    message = {"version": 2, "request_id": "a", "verb": "relabel", **arguments}
    return [json.dumps(message).encode()]


def huge(draw: random.Random) -> list[bytes]:
    """At the bound, or beyond it, where a server may count it or ZeroMQ ends the connection."""
    kind = draw.randrange(4)
    if kind == 0:
        return [b"[" * MAX_CONTROL_BYTES]
    if kind == 1:
        return [b" " * (MAX_CONTROL_BYTES + draw.randint(1, 1000))]
    if kind == 2:
        return [json.dumps(SOUND[0] | {"request_id": "x" * 60_000}).encode()]
    many = {f"key{at}": 1 for at in range(MAX_SETTINGS + 1)}
    return [json.dumps(SOUND[3] | {"settings": many}).encode()]


def of_many_frames(draw: random.Random) -> list[bytes]:
    """More frames than an envelope has, or empty ones."""
    frames = [draw.randbytes(draw.randrange(9)) for _ in range(draw.randint(2, 40))]
    return [*frames, draw.choice((b"", b"{", b"\x00"))]


MAKERS = [
    *(at_random, injured, with_garbage, lied, labels_of_garbage, of_many_frames) * 8,
    huge,
]
