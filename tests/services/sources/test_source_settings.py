import pytest

from eprop_rt.errors import ConfigError
from eprop_rt_services.config import load_config
from eprop_rt_services.sources.settings import LslSettings


def configured(*overrides):
    return load_config("preset:cursor", overrides).lsl


def test_signals_are_read_in_the_order_of_their_channels():
    lsl = configured("lsl.signal.name=left", "lsl.more_signals=[{name: right}]")
    assert [one.name for one in lsl.signals] == ["left", "right"]


def test_the_streams_may_be_looked_for_for_ever():
    assert configured("lsl.wait_s=null").wait_s is None


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["lsl.max_age_s=6"], "max_age_s 6 exceeds max_buffer_s 5"),
        (["lsl.freeze_on=[pause]"], "without markers"),
        (
            ["lsl.markers.type=Markers", "lsl.freeze_on=[a, b]", "lsl.thaw_on=[b]"],
            "'b' is in freeze_on and in thaw_on",
        ),
        (["lsl.labels=null", "lsl.label_delay_s=0.1"], "label_delay_s is given without labels"),
        (["lsl.labels.type=X", "lsl.markers.type=X"], "type='X' is asked for twice"),
        (["lsl.more_signals=[{type: Spikes}]"], "type='Spikes' is asked for twice"),
        (["lsl.when_old=never"], "when_old"),
        (["lsl.max_aeg_s=1"], "did you mean max_age_s"),
    ],
)
def test_what_contradicts_itself_is_one_line(overrides, said):
    with pytest.raises(ConfigError, match=said) as caught:
        configured(*overrides)
    assert "\n" not in str(caught.value)


def test_a_second_of_the_past_is_kept_and_half_of_it_is_young_by_default():
    assert LslSettings().max_age_s < LslSettings().max_clock_error_s < LslSettings().max_buffer_s
