"""The quick encoder says what the thorough one says."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eprop_rt_protocols.codec import decode, encode
from eprop_rt_protocols.command import Command, CommandHeader, Stamps
from eprop_rt_protocols.encoder import CommandEncoder, Moment
from eprop_rt_protocols.errors import LocalProtocolError

FINITE = st.floats(allow_nan=False, allow_infinity=False)
COUNTS = st.integers(0, 2**63 - 1)
MOMENTS = st.builds(
    Moment,
    sequence=COUNTS,
    origin_s=FINITE,
    bin_end_s=FINITE,
    published_s=FINITE,
    deadline_s=FINITE,
    update_id=COUNTS,
    learning=st.sampled_from(["on", "off", "frozen"]),
    output=st.sampled_from(["decoded", "clipped", "held", "zeroed"]),
)
MOMENT = Moment(7, 1.0, 1.25, 1.5, 1.75, 6, "on", "decoded")
PLACE = {"clock": 'a "clock"', "host": "h\u00f6st\n", "model_id": "m{0}%s"}


def header(moment, names=("vx", "v\u00b2"), units=("cm/s", ""), dtype="<f4", shape=(2,)):
    stamps = Stamps(
        origin_s=moment.origin_s,
        bin_end_s=moment.bin_end_s,
        published_s=moment.published_s,
        clock=PLACE["clock"],
    )
    return CommandHeader(
        version=2,
        sequence=moment.sequence,
        stamps=stamps,
        deadline_s=moment.deadline_s,
        host=PLACE["host"],
        model_id=PLACE["model_id"],
        update_id=moment.update_id,
        learning=moment.learning,
        output=moment.output,
        dtype=dtype,
        shape=shape,
        names=names,
        units=units,
    )


@given(MOMENTS, st.lists(st.floats(-1e30, 1e30), min_size=2, max_size=2))
def test_what_it_encodes_reads_back_as_the_header_and_the_values(moment, given_values):
    values = np.array(given_values, "<f4")
    frames = CommandEncoder("t", header(MOMENT)).encode(moment, values)
    command = decode(frames)
    assert command.header == header(moment)
    assert command.values.tobytes() == values.tobytes()


@pytest.mark.parametrize("form", [{}, {"names": (), "units": ()}])
def test_it_is_byte_for_byte_the_encoding_of_the_codec(form):
    values = np.array([1.5, -2.0], "<f4")
    quick = CommandEncoder("t", header(MOMENT, **form))
    later = MOMENT._replace(sequence=8, published_s=1234.5678, learning="frozen", output="held")
    thorough = encode("t", Command(header(later, **form), values))
    assert quick.encode(later, values) == thorough


@pytest.mark.parametrize(
    ("changes", "values", "why"),
    [
        ({"origin_s": math.nan}, np.ones(2, "<f4"), "finite"),
        ({"deadline_s": math.inf}, np.ones(2, "<f4"), "finite"),
        ({}, np.array([1.0, math.nan], "<f4"), "finite"),
        ({}, np.ones(3, "<f4"), "payload"),
        ({}, np.ones(2, "<f8"), "payload"),
        ({"sequence": -1}, np.ones(2, "<f4"), "field"),
        ({"learning": 'on","x":"'}, np.ones(2, "<f4"), "field"),
    ],
)
def test_what_breaks_the_rules_of_the_wire_is_refused(changes, values, why):
    with pytest.raises(LocalProtocolError) as caught:
        CommandEncoder("t", header(MOMENT)).encode(MOMENT._replace(**changes), values)
    assert caught.value.reason == why
