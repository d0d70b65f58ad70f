import numpy as np
import pytest

from eprop_rt.closed_loop.assist import Assist, AssistSettings
from eprop_rt.closed_loop.labels import LabelSettings, build_label_source
from eprop_rt.closed_loop.scene import Event
from label_scenes import NO_TARGET, scene

SAID = np.array([-10.0, 2.0])


def assist(**settings) -> Assist:
    return Assist(AssistSettings(**settings), build_label_source(LabelSettings(), 0.02, 0))


def test_what_moves_the_cursor_is_between_what_was_decoded_and_what_was_intended():
    assert np.allclose(assist(share=0.25).blend(SAID, scene()), (-4.5, 5.5))  # intended: 12, 16


def test_with_all_assist_the_decoder_does_not_matter():
    assert np.allclose(assist(share=1.0).blend(SAID, scene()), (12.0, 16.0))


def test_without_assist_the_decoder_is_alone():
    assert np.array_equal(assist().blend(SAID, scene()), SAID)


def test_where_no_intention_is_known_help_is_to_stay():
    assert np.allclose(assist(share=0.5).blend(SAID, scene(target=NO_TARGET)), SAID / 2)


def ended(helper: Assist, *events: Event) -> list[float]:
    shares = []
    for event in events:
        helper.blend(SAID, scene(event=event))
        helper.blend(SAID, scene())
        shares.append(helper.share)
    return shares


WON, LOST = Event.SUCCESS, Event.FAILURE


def test_help_fades_over_trials_whatever_their_end():
    helper = assist(share=0.8, over_trials=4)
    assert ended(helper, WON, LOST, WON, WON, WON) == pytest.approx([0.6, 0.4, 0.2, 0.0, 0.0])


def test_help_fades_with_success_and_comes_back_with_failure():
    helper = assist(share=0.8, over_trials=4, fade="success")
    shares = ended(helper, LOST, WON, WON, LOST, WON, WON, WON, WON, LOST)
    assert shares == pytest.approx([0.8, 0.6, 0.4, 0.6, 0.4, 0.2, 0.0, 0.0, 0.2])


def test_help_that_is_gone_leaves_what_was_decoded_as_it_is():
    helper = assist(share=1.0, over_trials=1)
    ended(helper, WON)
    assert np.array_equal(helper.blend(SAID, scene()), SAID)
