"""Child processes, and signals that come in the midst of a look at them."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress

import pytest

from eprop_rt.errors import StreamError
from eprop_rt_services.processes.children import Children
from eprop_rt_services.processes.company import ending_on_request
from eprop_rt_services.stopping import handled

PATIENCE_S = 30
RUNS_ON = "http.server", "0"  # a module of Python's that ends when it is told to

pytestmark = pytest.mark.process


@pytest.fixture
def children(tmp_path):
    """Children that are gone at the end, also where to stop them would never end."""
    started = Children(tmp_path, os.environ)
    yield started
    for child in started._children.values():
        with suppress(ProcessLookupError):
            os.kill(child.process.pid, signal.SIGKILL)


@contextmanager
def within(seconds):
    """What takes longer in this block raises TimeoutError; a lock that is waited for does, too."""

    def late(*_):
        raise TimeoutError

    with handled([signal.SIGALRM], late):
        signal.alarm(seconds)
        try:
            yield
        finally:
            signal.alarm(0)


def interrupted_at(step, called):
    """Call it, with a SIGTERM as so many calls of the interpreter's own have returned.

    Returns whether there were so many.
    """
    seen = 0

    def count(frame, event, function):
        nonlocal seen
        if event == "c_return" and frame.f_code.co_filename == subprocess.__file__:
            seen += 1
            if seen == step:
                sys.setprofile(None)
                signal.raise_signal(signal.SIGTERM)

    sys.setprofile(count)
    try:
        called()
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(None)
    return False


def test_a_signal_at_any_moment_of_a_look_at_children_leaves_them_to_be_ended(children):
    children.start("one", *RUNS_ON)
    with ending_on_request():
        steps = 0
        while interrupted_at(steps + 1, children.check):
            steps += 1
    assert steps >= 2  # a lock is taken, the kernel is asked
    with within(PATIENCE_S):
        children.stop()


def test_a_signal_while_children_are_stopped_waits_until_all_have_ended(children):
    for name in ("one", "two"):
        children.start(name, *RUNS_ON)
    pids = [child.process.pid for child in children._children.values()]
    with ending_on_request(), within(PATIENCE_S):
        assert interrupted_at(1, children.stop)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_child_that_ended_is_told_with_its_last_words(children):
    children.start("one", "json.tool", "absent.json")
    children._children["one"].process.wait(PATIENCE_S)
    with pytest.raises(StreamError, match=r"one ended by itself \(exit status \d\): .*absent.json"):
        children.check()
