"""Who looks for a stream beside the loop: what an attempt raises does not end the search."""

import threading
import time

from eprop_rt.errors import StreamError
from eprop_rt_services.sightings import StreamAmbiguous
from eprop_rt_services.sources.happenings import Happenings
from eprop_rt_services.sources.refusals import Refusals
from eprop_rt_services.sources.search import StreamChanged
from eprop_rt_services.sources.seeker import Seeker, end_all

PATIENCE_S = 20.0


def seeking(*outcomes):
    """A seeker whose attempts come out so, one after the other: errors are raised."""
    left = list(outcomes)

    def attempt():
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return Seeker(attempt, "spikes")


def test_whatever_an_attempt_raises_the_next_one_is_made():
    seeker = seeking(RuntimeError("could not create stream inlet."), KeyError("a"), None, "found")
    assert seeker.wait(PATIENCE_S) == "found"
    happened = Happenings()
    Refusals("stream", happened).hear(seeker)
    assert happened.events == {"stream_search_failed": 2}
    texts = [notice.text for notice in happened.notices]
    assert texts[0] == (
        "looking for 'spikes' failed (RuntimeError: could not create stream inlet.)"
    )


def test_what_stands_in_the_way_is_told_once_each_by_name_and_again_after_it_was_there():
    happened = Happenings()
    refusals = Refusals("labels", happened)
    errors = StreamAmbiguous("two"), StreamChanged("other"), StreamError("no answer")
    seeker = seeking(*errors, StreamError("no answer"), "found")
    assert seeker.wait(PATIENCE_S) == "found"
    refusals.hear(seeker)
    once = {"labels_ambiguous": 1, "labels_changed": 1, "labels_refused": 1}
    assert happened.events == once
    refusals.forget()
    seeker = seeking(*errors, "found")
    assert seeker.wait(PATIENCE_S) == "found"
    refusals.hear(seeker)
    assert happened.events == dict.fromkeys(once, 2)


def test_what_stood_in_the_way_is_that_of_the_newest_attempt():
    again = threading.Event()

    def attempt():
        if not again.is_set():
            raise StreamError("two of them")

    seeker = Seeker(attempt, "spikes")
    until(lambda: seeker.in_the_way is not None)
    again.set()
    until(lambda: seeker.in_the_way is None)
    end_all([seeker], PATIENCE_S)
    assert not seeker.is_running


def test_searches_are_ended_together_and_one_that_hangs_is_left_behind():
    answer = threading.Event()
    hanging = [Seeker(lambda: answer.wait(PATIENCE_S) and "late", f"{n}") for n in range(20)]
    began_s = time.monotonic()
    end_all(hanging, 0.1)
    assert time.monotonic() - began_s < PATIENCE_S / 2
    assert all(seeker.is_running for seeker in hanging)
    answer.set()
    assert {seeker.wait(PATIENCE_S) for seeker in hanging} == {"late"}


def until(condition):
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.005)
