"""An order to stop in the midst of something long."""

import signal
import threading
import time
from contextlib import suppress

import pytest

from eprop_rt_services.daemon.ends import StopOrder, StoppedEarly
from eprop_rt_services.stopping import obeying_signals

pytestmark = pytest.mark.live


@pytest.fixture
def stop():
    made = StopOrder()
    with obeying_signals(made.by_signal):
        yield made


def wait():
    """As something does that takes long, in Python."""
    end_s = time.monotonic() + 20
    while time.monotonic() < end_s:
        pass


def dropping():
    """As a callback of a library in C: what is raised in it is dropped."""
    with suppress(StoppedEarly):
        wait()


def dropping_thrice():
    for _ in range(3):
        dropping()
    wait()


def stumbling():
    dropping()
    raise RuntimeError("no compiled object yet")


def never():
    raise AssertionError("it began")


def failing():
    raise ZeroDivisionError


@pytest.mark.parametrize("by", ["signal", "message"])
def test_an_order_is_obeyed_even_where_callbacks_drop_it(stop, by):
    order = stop.by_message if by == "message" else lambda: signal.raise_signal(signal.SIGTERM)
    began_s = time.monotonic()
    threading.Timer(0.1, order).start()
    with pytest.raises(StoppedEarly), stop.interrupting():
        dropping_thrice()
    assert time.monotonic() - began_s < 20
    time.sleep(0.3)  # it is not raised any more
    assert stop.text.startswith(f"told to stop by a {'message' if by == 'message' else 'signal'}")


def test_an_error_that_came_of_it_is_none(stop):
    threading.Timer(0.1, stop.by_message).start()
    with pytest.raises(StoppedEarly), stop.interrupting():
        stumbling()


def test_an_order_before_it_began_or_at_its_very_end_counts_too(stop):
    with stop.interrupting():
        pass
    stop.by_message()
    with pytest.raises(StoppedEarly), stop.interrupting():
        never()


def test_an_error_of_its_own_stays_what_it_is(stop):
    with pytest.raises(ZeroDivisionError), stop.interrupting():
        failing()
