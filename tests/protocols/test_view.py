import json
from dataclasses import replace

import numpy as np
import pytest

from eprop_rt_protocols.errors import LocalProtocolError, RemoteProtocolError
from eprop_rt_protocols.view import VIEW_TOPIC, decode_view, encode_view
from view_material import view


@pytest.mark.parametrize("neurons", [0, 1, 8, 11])
@pytest.mark.parametrize("bins", [0, 1, 3])
def test_a_view_comes_back_as_it_was_sent(bins, neurons):
    sent = view(bins, neurons)
    came = decode_view(encode_view(sent))
    assert came.header == sent.header
    for name in ("decoded", "labels", "inputs", "spikes", "weights"):
        np.testing.assert_array_equal(getattr(came, name), getattr(sent, name))


def test_arrays_that_the_header_does_not_announce_are_not_sent():
    with pytest.raises(LocalProtocolError, match="the header says"):
        encode_view(replace(view(), decoded=np.zeros((2, 2), np.float32)))


@pytest.mark.parametrize(
    ("frame", "with_", "says"),
    [
        (0, b"decoded", "topic"),
        (1, b"{}", "view header refused"),
        (1, b"\xff", "view header refused"),
        (2, b"1234", "bytes of an array"),
        (5, b"", "bytes of an array"),
        (6, b"123", "bytes of an array"),
    ],
)
def test_what_is_no_view_is_refused_in_one_line(frame, with_, says):
    frames = encode_view(view())
    frames[frame] = with_
    with pytest.raises(RemoteProtocolError, match=says) as refused:
        decode_view(frames)
    assert "\n" not in str(refused.value)


def test_a_view_of_another_version_is_refused_as_such():
    frames = encode_view(view())
    frames[1] = json.dumps(json.loads(frames[1]) | {"version": 9}).encode()
    with pytest.raises(RemoteProtocolError, match="version 9") as refused:
        decode_view(frames)
    assert refused.value.reason == "version"


def test_a_message_of_other_length_is_refused():
    with pytest.raises(RemoteProtocolError, match="frames"):
        decode_view([VIEW_TOPIC, b"{}"])
