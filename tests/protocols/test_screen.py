"""What a reader of screens refuses, and why."""

import json

import pytest

from eprop_rt_protocols.errors import RemoteProtocolError
from eprop_rt_protocols.screen import (
    MAX_RECENT_TRIALS,
    MAX_SCREEN_BYTES,
    Screen,
    TrialResult,
    decode_screen,
    encode_screen,
)

FIELDS = {
    "version": 2,
    "sequence": 0,
    "stamp_s": 1.0,
    "clock": "lsl_local_clock",
    "name": "seat",
    "task": "centre_out",
    "cursor": [0.0, 0.0],
    "targets": [{"x": 1.0, "y": 2.0, "radius": 2.5, "state": "aim"}],
    "bounds": 14.0,
    "phase": "reach",
    "trial": 0,
    "successes": 0,
    "failures": 0,
    "newest_time_s": None,
    "recent": [],
}


def frames(**changed):
    return [b"screen", json.dumps({**FIELDS, **changed}).encode()]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ([b"screen"], "frames"),
        ([b"screens", frames()[1]], "topic"),
        ([b"screen", b" " * (MAX_SCREEN_BYTES + 1)], "size"),
        ([b"screen", b"\xff"], "field"),
        (frames(cursor=[0.0]), "field"),
        (frames(cursor=["0", "0"]), "field"),
        (frames(bounds=0.0), "field"),
        (frames(targets=[{"x": 1.0, "y": 2.0, "radius": 2.5, "state": "gone"}]), "field"),
        (frames(stamp_s=float("nan")), "field"),
        (frames(score=1), "field"),
        (frames(version=3), "version"),
    ],
)
def test_what_breaks_a_rule_is_refused_with_its_reason(message, reason):
    with pytest.raises(RemoteProtocolError) as refused:
        decode_screen(message)
    assert refused.value.reason == reason
    assert "\n" not in str(refused.value)


def test_a_screen_with_as_many_trials_as_may_be_fits_into_a_frame():
    trial = TrialResult(
        sequence=10**6,
        success=True,
        time_to_target_s=0.123456789012345678,
        ended_s=123456.123456789,
        learning=False,
    )
    empty = decode_screen(frames())
    full = Screen(**(dict(empty) | {"recent": (trial,) * MAX_RECENT_TRIALS}))
    assert decode_screen(encode_screen(full)) == full
