import pytest
from pydantic import ValidationError

from eprop_rt_protocols.streams import StreamRequirement


def test_the_predicate_joins_what_is_given():
    wanted = StreamRequirement(name="Blackrock", type="Spikes", source_id="nsp-1")
    assert wanted.predicate() == "name='Blackrock' and type='Spikes' and source_id='nsp-1'"


def test_channels_and_rate_are_no_part_of_the_predicate():
    wanted = StreamRequirement(type="Spikes", channels=96, sample_rate_hz=1000)
    assert wanted.predicate() == "type='Spikes'"


def test_a_requirement_that_names_no_stream_is_refused():
    with pytest.raises(ValidationError, match="at least one of name, type, source_id"):
        StreamRequirement(channels=96)


@pytest.mark.parametrize("name", ["", "x' or '1'='1", "two\nlines"])
def test_a_name_that_would_break_out_of_the_query_is_refused(name):
    with pytest.raises(ValidationError, match="name"):
        StreamRequirement(name=name)


def test_a_misspelt_field_is_refused():
    with pytest.raises(ValidationError, match="chanels"):
        StreamRequirement.model_validate({"name": "a", "chanels": 96})
